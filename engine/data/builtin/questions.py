"""Simple questions and whole-sentence answers, drawn from the same tables as the facts."""

from __future__ import annotations

from engine.conversation import Conversation
from engine.data.builtin.exchange import Pair, conversation, one_of, pair
from engine.data.builtin.grammar import Writer
from engine.data.builtin.load import authored, collected
from engine.data.builtin.relations import Fact, talked_about

DESCRIPTION = "questions about simple facts, with follow-ups, and honest answers to what cannot be known"


_AND = ("And {subject}?", "What about {subject}?", "And what about {subject}?", "[Now|Next]: {subject}?")


def generate(writer: Writer) -> tuple[tuple[str, ...], Conversation]:
    """Return one to four questions with answers; a key for each fact and how it was asked."""
    random = writer.random
    said: list[Pair] = []
    keys: list[str] = []
    for _ in range(random.choice((1, 2, 2, 3))):
        kind = random.random()
        if kind < 0.5:
            relation = random.choice(talked_about())
            fact = Fact(relation, writer.lean(relation.rows))
            keys.append(_ask(writer, fact, said))
            if random.random() < 0.3:
                keys.append(_and(writer, fact, said))
        elif kind < 0.93:
            entry = random.choice(collected("questions", "qa"))
            writer.begin()
            asked = random.choice(entry["ask"])
            keys.append(asked)
            said.append(pair(writer, asked, writer.lean(entry["say"])))
        else:
            writer.begin()
            said.append(one_of(writer, random.choice(authored("unknown")["unknown"])))
    writer.begin()
    return tuple(keys or [said[0][0]]), conversation(writer, said)


def _ask(writer: Writer, fact: Fact, said: list[Pair]) -> str:
    """Add a question about a fact and its answer; returns the key of both."""
    relation, random = fact.relation, writer.random
    fact.bind(writer)
    asks, says = random.choice([(ask, say) for ask, say in relation.ways if ask])
    asked = random.choice(asks)
    said.append(pair(writer, asked, writer.lean(says)))
    return f"{fact.key}/{asked}"


def _and(writer: Writer, fact: Fact, said: list[Pair]) -> str:
    """Add "And what about ...?" with another row of the same relation."""
    relation, random = fact.relation, writer.random
    other = Fact(relation, writer.lean(relation.rows))
    other.bind(writer)
    writer.bind("subject", writer.fill(relation.subject))
    said.append(pair(writer, random.choice(_AND), writer.lean(relation.say)))
    return f"{other.key}/and"
