"""Two people talk: the model is somebody with a stated life, and every answer fits it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from engine.conversation import Conversation
from engine.data.builtin.exchange import Pair, conversation, pair
from engine.data.builtin.grammar import Writer
from engine.data.builtin.load import authored
from engine.data.builtin.relations import rows_of

DESCRIPTION = "persona chats: the model plays a person stated in the system message, and stays that person"


@cache
def people() -> tuple[Mapping[str, str], ...]:
    """Return the sixty people."""
    return rows_of(authored("characters"))


def generate(writer: Writer) -> tuple[tuple[str, ...], Conversation]:
    """Return three to five questions to a person; a key for each question to that person."""
    random, table = writer.random, authored("characters")
    writer.begin()
    person = random.choice(people())
    for column, value in person.items():
        writer.bind(column, value)
    partner = random.choice(table["partner"]) if random.random() < 0.7 else None
    said: list[Pair] = []
    keys = []
    for number, question in enumerate(random.sample(table["question"], random.randint(3, 5))):
        asked = random.choice(question["ask"])
        said.append(pair(writer, asked, random.choice(question["say"])))
        keys.append(f"{person['me']}/{asked}")
        if partner and number == 0:
            said.append(pair(writer, random.choice(partner["user"]), random.choice(partner["model"])))
    if partner and partner["later"]:
        said.append(pair(writer, *random.choice(partner["later"])))
    return tuple(keys), conversation(writer, said, writer.say(random.choice(table["system"])))
