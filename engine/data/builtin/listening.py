"""Somebody tells what happened or what comes, and the reply says it back: so a model speaks of what it never read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from engine.conversation import Conversation
from engine.data.builtin.exchange import Pair, conversation, plain_pair
from engine.data.builtin.grammar import Writer
from engine.data.builtin.load import authored

DESCRIPTION = "somebody tells good news, trouble and plans, and is listened to"

MOODS = ("bad", "good", "plan", "plain")

THEN = 0.5
"""Share of the replies that are answered, of those that can be."""

_TO_YOU = {"I": "you", "me": "you", "my": "your", "mine": "yours", "myself": "yourself", "we": "you", "us": "you",
           "our": "your", "am": "are", "I was": "you were"}  # fmt: skip
_FIRST_PERSON = re.compile(rf"\b(?:{'|'.join(sorted(_TO_YOU, key=len, reverse=True))})\b")
_AND_I = re.compile(r"^((?:my )?\w+) and I\b")


def generate(writer: Writer) -> tuple[tuple[str, ...], Conversation]:
    """Return one or two things told and what follows; a key for each clause, so that some are never trained on."""
    random = writer.random
    writer.begin()
    table, name = authored("listening"), random.choice(MOODS)
    mood = table[name]
    keys: list[str] = []
    said: list[Pair] = []
    for clause in random.sample(mood["clauses"], random.choice((1, 1, 2))):
        keys.append(clause)
        said += _told(writer, clause, random.choice(mood["ways"]))
    fitting = [after for after in table["after"] if name in after["moods"]]
    for after in random.sample(fitting, random.choice((0, 1, 1, 2))):
        said.append(plain_pair(writer, after["tell"], after["reply"]))
    return tuple(keys), conversation(writer, said)


def to_you(clause: str) -> str:
    """Return what somebody says of themselves as it is said to them."""
    return _FIRST_PERSON.sub(lambda match: _TO_YOU[match[0]], _AND_I.sub(r"I and \1", clause))


def _told(writer: Writer, clause: str, way: dict[str, Any]) -> Iterator[Pair]:
    """Yield the clause told in one of the ways, and perhaps what the person says to the reply."""
    told = writer.fill(clause)
    writer.bind("clause", told)
    writer.bind("said", to_you(told))
    yield plain_pair(writer, way["tell"], way["reply"])
    if "then" in way and writer.random.random() < THEN:
        yield plain_pair(writer, *writer.random.choice(way["then"]))
