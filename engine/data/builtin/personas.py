"""Somebody tells who they are, and what was told is remembered later."""

from __future__ import annotations

from typing import Any

from engine.conversation import Conversation
from engine.data.builtin.exchange import Pair, conversation, one_of, pair
from engine.data.builtin.grammar import Writer
from engine.data.builtin.load import authored

DESCRIPTION = "people who tell their name, job, home, pet and tastes, and ask for them again"


def generate(writer: Writer) -> tuple[tuple[str, ...], Conversation]:
    """Return one to three things told, something between, and some of them asked for."""
    random, table = writer.random, authored("personas")
    writer.begin()
    topics: dict[str, dict[str, Any]] = table["topics"]
    names = list(dict.fromkeys(writer.lean(list(topics), 2.2) for _ in range(random.choice((1, 2, 2, 3)))))
    if "name" not in names and random.random() < 0.4:
        names[0] = "name"
    told = [topics[name] for name in names]
    if random.random() < 0.12:
        told = [random.choice(table["correction"])]
    said: list[Pair] = []
    for entry in told:
        said += _tell(writer, entry)
    for _ in range(random.choice((0, 0, 1))):
        said.append(one_of(writer, random.choice(table["between"])))
    keys = []
    for entry in random.sample(told, random.randint(1, len(told))):
        asked, recall = random.choice(entry["asked"]), writer.lean(entry["recall"])
        said.append(pair(writer, asked, recall))
        keys.append(f"{said[-1][1]}/{asked}")
    if random.random() < 0.12:
        entry = topics[random.choice([name for name in topics if topics[name] not in told])]
        said.append(pair(writer, random.choice(entry["asked"]), random.choice(entry["unknown"])))
    if random.random() < 0.15:
        closing = table["closing"]["named" if topics["name"] in told else "unnamed"]
        said.append(pair(writer, random.choice(table["closing"]["user"]), random.choice(closing)))
    return tuple(keys), conversation(writer, said)


def _tell(writer: Writer, entry: dict[str, Any]) -> list[Pair]:
    """Return a thing told and its reply, now and then with a question back and its answer."""
    random = writer.random
    told = random.choice(entry["told"])
    if "more" not in entry or random.random() > 0.15:
        return [pair(writer, told, writer.lean(entry["reply"]))]
    question, answers, comments = random.choice(entry["more"])
    return [pair(writer, told, question), pair(writer, random.choice(answers), random.choice(comments))]
