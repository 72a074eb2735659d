"""Somebody tells who they are, and what was told is remembered later."""

from __future__ import annotations

import re
from typing import Any

from engine.conversation import Conversation
from engine.data.builtin.exchange import Pair, conversation, one_of, pair, plain_pair, told
from engine.data.builtin.grammar import Writer, words
from engine.data.builtin.load import authored

_GREETING = re.compile(r"^(?:hello|hi|hey|good \w+)\b.*?[!,] (?=i\b|my\b)", re.IGNORECASE)

RARE_NAMES = 0.2
"""Share of the people, and of their pets, with a name that is rare."""

DESCRIPTION = "people who tell their name, job, home, pet and tastes, and ask for them again"


def generate(writer: Writer) -> tuple[tuple[str, ...], Conversation]:
    """Return one to three things told, something between, and some of them asked for."""
    random, table = writer.random, authored("personas")
    writer.begin()
    kin = [kind for kind in ("woman", "man") if writer.word("relative") in words()[f"{kind}_relative"]]
    for slot in ("name", "pet_name"):
        if random.random() < RARE_NAMES:
            writer.bind(slot, random.choice(words()["rare_name"]))
    writer.bind("friend", random.choice(words()[{"woman": "girl", "man": "boy"}[kin[0]] if kin else "name"]))
    topics: dict[str, dict[str, Any]] = table["topics"]
    names = list(dict.fromkeys(writer.lean(list(topics), 1.8) for _ in range(random.choice((1, 2, 2, 3)))))
    if "name" not in names and random.random() < 0.33:
        names[0] = "name"
    entries = [topics[name] for name in names]
    if random.random() < 0.12:
        entries = [random.choice(table["correction"])]
    said: list[Pair] = list(told(writer, [entry["tell"] for entry in entries], pair))
    said[1:] = [(_GREETING.sub("", asked), answered) for asked, answered in said[1:]]
    for _ in range(random.choice((0, 0, 1))):
        said.append(one_of(writer, random.choice(table["between"])))
    keys = []
    for entry in random.sample(entries, random.randint(1, len(entries))):
        asked, recall = random.choice(entry["ask"])
        said.append(pair(writer, asked, recall))
        keys.append(f"{said[-1][1]}/{asked}")
    if random.random() < 0.1:
        entry = topics[random.choice([name for name in topics if topics[name] not in entries])]
        said.append(pair(writer, random.choice(entry["ask"])[0], random.choice(entry["unknown"])))
    if random.random() < 0.12:
        closing = table["closing"]["named" if topics["name"] in entries else "unnamed"]
        said.append(plain_pair(writer, random.choice(table["closing"]["user"]), random.choice(closing)))
    return tuple(keys), conversation(writer, said)
