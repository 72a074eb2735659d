"""Small talk with the assistant's own steady personality."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from engine.conversation import Conversation
from engine.data.builtin.exchange import Pair, conversation, one_of, pair
from engine.data.builtin.grammar import Writer, inflected
from engine.data.builtin.load import authored

DESCRIPTION = "greetings, feelings, tastes and stories, with the assistant's own personality"

_WEIGHTS = {"about": 4, "favourite": 4, "other": 4, "like": 2, "taste": 3}
_TOLD = ("{X}.", "I like {x}.", "I love {x}!", "I like {x} best.", "I think {x}.")
_TOLD_OF_ONE = ("Mine is {x}.", "My favourite is {x}.", "It is {x}.")
_UNASKED = (
    "I like {x}.",
    "I love {x}!",
    "I really like {x}.",
    "I like {x} very much.",
    "Do you know what I like? {X}!",
)


def generate(writer: Writer) -> tuple[tuple[str, ...], Conversation]:
    """Return a chain of one to four subjects in a natural order; the keys are what was asked with what was answered."""
    random = writer.random
    groups = ["how"] if random.random() < 0.2 else []
    groups += random.choices(
        ("about", "favourite", "other", "like", "taste"), (4, 4, 4, 2, 3), k=random.choice((1, 1, 2, 3))
    )
    writer.begin()
    said: list[Pair] = []
    keys: list[str] = []
    for group in groups:
        for key, exchange in _taste(writer) if group == "taste" else _intent(writer, group):
            keys.append(key)
            said.append(exchange)
    return ("/".join(keys),), conversation(writer, said)


def _intent(writer: Writer, group: str) -> Iterator[tuple[str, Pair]]:
    random = writer.random
    intent = random.choice(_group(group))
    exchange = one_of(writer, intent)
    yield f"{intent['ask'][0]}/{exchange[1][:24]}", exchange
    if not exchange[1].endswith("?") or random.random() < 0.15:
        return
    favourites = authored("smalltalk")["favourites"]
    if kind := intent.get("favourite"):
        one = not favourites[kind].keys() & {"plural", "many"}
        yield _told(writer, kind, _TOLD + _TOLD_OF_ONE if one else _TOLD)
    elif branches := intent.get("then"):
        branch = random.choice(branches)
        user = random.choice(branch["user"])
        yield user, pair(writer, user, random.choice(branch["model"]))


@cache
def _group(name: str) -> tuple[dict[str, Any], ...]:
    return tuple(intent for intent in authored("smalltalk")["intent"] if intent["group"] == name)


def _taste(writer: Writer) -> Iterator[tuple[str, Pair]]:
    """Somebody tells a taste unasked."""
    yield _told(writer, writer.random.choice(list(authored("smalltalk")["favourites"])), _UNASKED)


def _told(writer: Writer, kind: str, ways: tuple[str, ...]) -> tuple[str, Pair]:
    entry = authored("smalltalk")["favourites"][kind]
    thing = writer.word(kind)
    writer.bind("x", inflected(thing, "s") if entry.get("plural") else thing)
    return thing, pair(writer, writer.random.choice(ways), writer.random.choice(entry["model"]))
