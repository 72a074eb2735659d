"""Pairs of messages put together as a conversation."""

from __future__ import annotations

from engine.conversation import Conversation, Message
from engine.data.builtin.grammar import Writer
from engine.data.builtin.load import authored
from engine.data.builtin.phrasing import typed

Pair = tuple[str, str]
"""What the person says, and the reply."""

ASIDES = 0.15
"""Share of messages that begin with something else; only those that can."""


def plain_pair(writer: Writer, asked: str, answered: str) -> Pair:
    """Return two templates filled in, the first as somebody types it."""
    return typed(writer.random, writer.say(asked)), writer.say(answered)


def pair(writer: Writer, asked: str, answered: str) -> Pair:
    """Return two templates filled in, now and then with an aside before the first."""
    said = writer.say(asked)
    if writer.random.random() < ASIDES:
        said = _with_aside(writer, said)
    return typed(writer.random, said), writer.say(answered)


def _with_aside(writer: Writer, said: str) -> str:
    """Return a message after something that has nothing to do with it, where it can be joined."""
    frame, random = authored("frame"), writer.random
    if said.partition(" ")[0] not in frame["begins"]:
        return said
    joined = random.choice(frame["asides"]) + random.choice(frame["joined"])
    return writer.say(joined) + said[0].lower() + said[1:]


def one_of(writer: Writer, entry: dict[str, list[str]]) -> Pair:
    """Return one way of asking and one of answering of an entry with `ask` and `say`."""
    return pair(writer, writer.random.choice(entry["ask"]), writer.lean(entry["say"]))


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
    if random.random() < 0.08:
        said = [one_of(writer, frame["hello"]), *said]
    elif random.random() < 0.08:
        said = [(f"{writer.say(random.choice(frame['before']))} {said[0][0]}", said[0][1]), *said[1:]]
    if random.random() < 0.08:
        said = [*said, one_of(writer, random.choice(frame["ending"]))]
    return said, writer.say(random.choice(frame["system"])) if random.random() < 0.06 else ""
