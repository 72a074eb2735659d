"""Small talk with the assistant's own steady personality, and short talks that stay with an everyday subject."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from engine.conversation import Conversation
from engine.data.builtin.exchange import Pair, conversation, one_of, pair, plain_pair, told
from engine.data.builtin.grammar import Writer, inflected
from engine.data.builtin.load import authored, collected

DESCRIPTION = "greetings, tastes and everyday subjects kept to, with the assistant's own personality"

CHAINS = 0.5
"""Share of the documents that stay with one subject, in which most of the text is."""

WHY = 0.2
"""Share of Tern's favourites whose reason is asked for."""

_WEIGHTS = {"about": 5, "favourite": 4, "other": 4, "like": 1, "taste": 3}


def generate(writer: Writer) -> tuple[tuple[str, ...], Conversation]:
    """Return a talk on one subject, now and then with another question after it, or one to three questions and tastes.

    The key is what was asked and answered.
    """
    random = writer.random
    groups = ["how"] if random.random() < 0.12 else []
    if random.random() < CHAINS:
        groups += ["chain", *_drawn(writer, random.choice((0, 0, 0, 1)))]
    else:
        groups += _drawn(writer, random.choice((1, 1, 2, 3)))
    writer.begin()
    said: list[Pair] = []
    keys: list[str] = []
    for group in groups:
        for key, exchange in _exchanges(writer, group):
            keys.append(key)
            said.append(exchange)
    return ("/".join(keys),), conversation(writer, said)


def _drawn(writer: Writer, count: int) -> list[str]:
    return writer.random.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=count)


def _exchanges(writer: Writer, group: str) -> Iterator[tuple[str, Pair]]:
    if group == "chain":
        return _chain(writer)
    return _taste(writer) if group == "taste" else _intent(writer, group)


def _chain(writer: Writer) -> Iterator[tuple[str, Pair]]:
    """Keep to one subject for two to five exchanges; held out are ways to begin."""
    chain = writer.random.choice(collected("chains", "chain"))
    exchanges = chain["exchanges"]
    if len(exchanges) > 3 and writer.random.random() < 0.3:
        exchanges = exchanges[:-1]
    for number, exchange in enumerate(told(writer, exchanges)):
        yield (f"{chain['name']}/{exchange[0].lower()}" if number == 0 else "", exchange)


def _intent(writer: Writer, group: str) -> Iterator[tuple[str, Pair]]:
    random = writer.random
    intent = random.choice(_group(group))
    exchange = one_of(writer, intent)
    yield f"{intent['ask'][0]}/{exchange[1][:24]}", exchange
    if random.random() < 0.15:
        return
    if kind := intent.get("favourite"):
        if random.random() < WHY:
            asked = random.choice(authored("smalltalk")["tastes"]["why"])
            yield f"{kind}/{asked}", plain_pair(writer, asked, authored("smalltalk")["favourites"][kind]["why"])
            return
        one = not authored("smalltalk")["favourites"][kind].keys() & {"plural", "many"}
        yield _told(writer, kind, "answered_one" if one and random.random() < 0.4 else "answered")
    elif then := intent.get("then"):
        user, model, *_ = random.choice(then)
        yield user, plain_pair(writer, user, model)


@cache
def _group(name: str) -> tuple[dict[str, Any], ...]:
    return tuple(intent for intent in authored("smalltalk")["intent"] if intent["group"] == name)


def _taste(writer: Writer) -> Iterator[tuple[str, Pair]]:
    """Somebody tells a taste unasked."""
    yield _told(writer, writer.random.choice(list(authored("smalltalk")["favourites"])), "unasked")


def _told(writer: Writer, kind: str, way: str) -> tuple[str, Pair]:
    table, random = authored("smalltalk"), writer.random
    entry = table["favourites"][kind]
    thing = writer.word(kind)
    writer.bind("x", inflected(thing, "s") if entry.get("plural") else thing)
    say = pair if way == "unasked" else plain_pair
    return thing, say(writer, random.choice(table["tastes"][way]), random.choice(entry["model"]))
