"""Pairs of messages put together as a conversation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from engine.conversation import Conversation, Message
from engine.data.builtin.grammar import Writer
from engine.data.builtin.load import authored
from engine.data.builtin.phrasing import typed

Pair = tuple[str, str]
"""What the person says, and the reply."""

Exchange = list[list[Any]]
"""Alternatives, each what the person says, the reply, and the exchanges that follow only on it."""

ASIDES = 0.12
"""Share of messages that begin with something else; only those that can."""

LEADS = 0.35
"""Share of the other questions that have a few words before them."""


def plain_pair(writer: Writer, asked: str, answered: str) -> Pair:
    """Return two templates filled in, the first as somebody types it."""
    return typed(writer.random, writer.say(asked)), writer.say(answered)


def pair(writer: Writer, asked: str, answered: str) -> Pair:
    """Return two templates filled in, now and then with something before the first that does not matter."""
    return typed(writer.random, _led_to(writer, writer.say(asked))), writer.say(answered)


def _led_to(writer: Writer, said: str) -> str:
    frame, random = authored("frame"), writer.random
    first = said.partition(" ")[0]
    question = first in frame["begins"]
    if not question and first not in ("I", "My"):
        return said
    chance = random.random()
    if chance < ASIDES:
        joined = random.choice(frame["joined"]) if question else ". "
        before = random.choice(frame["asides"]) + joined
    elif question and chance < ASIDES + LEADS:
        before = random.choice(frame["leads"])
    else:
        return said
    return writer.say(before) + (said if before.endswith(". ") else said[0].lower() + said[1:])


def told(
    writer: Writer, exchanges: Iterable[Exchange], filled: Callable[[Writer, str, str], Pair] = plain_pair
) -> Iterator[Pair]:
    """Yield one alternative of each exchange, and after it what follows on it."""
    for exchange in exchanges:
        asked, answered, *further = writer.random.choice(exchange)
        yield filled(writer, asked, answered)
        yield from told(writer, further)


def said_in(exchanges: Iterable[Exchange]) -> Iterator[str]:
    """Yield all templates of exchanges, also of those that follow on only some alternative."""
    for exchange in exchanges:
        for asked, answered, *further in exchange:
            yield from (asked, answered, *said_in(further))


def one_of(writer: Writer, entry: dict[str, list[str]]) -> Pair:
    """Return one way of asking and one of answering of an entry with `ask` and `say`."""
    return pair(writer, writer.random.choice(entry["ask"]), writer.lean(entry["say"], 2.0))


def conversation(writer: Writer, said: list[Pair], system: str = "") -> Conversation:
    """Return pairs as a conversation; Tern's, without a `system` message, now and then with a greeting or goodbye."""
    if not system:
        said, system = _framed(writer, said)
    messages = [message for user, model in said for message in (Message("user", user), Message("assistant", model))]
    if system:
        messages.insert(0, Message("system", system))
    return Conversation(tuple(messages))


def _framed(writer: Writer, said: list[Pair]) -> tuple[list[Pair], str]:
    """Return the pairs with what may stand around them, and a system message or nothing."""
    random, frame = writer.random, authored("frame")
    greeted = said[0][0].lower().startswith(("hello", "hi", "hey", "good ")) or random.random() > 0.12
    if not greeted and random.random() < 0.5:
        said = [*told(writer, [frame["hello"]]), *said]
    elif not greeted:
        said = [(f"{writer.say(random.choice(frame['before']))} {said[0][0]}", said[0][1]), *said[1:]]
    if random.random() < 0.06:
        said = [*said, one_of(writer, random.choice(frame["ending"]))]
    return said, writer.say(random.choice(frame["system"])) if random.random() < 0.05 else ""
