"""Simple questions and whole-sentence answers, drawn from the same tables as the facts."""

from __future__ import annotations

from engine.conversation import Conversation
from engine.data.builtin.exchange import Pair, conversation, one_of, pair, plain_pair
from engine.data.builtin.grammar import Writer
from engine.data.builtin.load import authored, collected
from engine.data.builtin.relations import Fact, more_of, talked_about

DESCRIPTION = "questions about simple facts, with follow-ups, and honest answers to what cannot be known"

LEARNED = 0.03
"""Share of the conversations that end with what people say when they learned something."""

_SURE = ("Are you sure?", "Is that [right|true|so]?", "Really?", "Do you know that well?")
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
            keys += _follow(writer, fact, said)
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
    if random.random() < LEARNED:
        said.append(one_of(writer, random.choice(authored("frame")["learned"])))
    return tuple(keys or [said[0][0]]), conversation(writer, said)


def _ask(writer: Writer, fact: Fact, said: list[Pair]) -> str:
    """Add a question about a fact and its answer; returns the key of both."""
    relation, random = fact.relation, writer.random
    fact.bind(writer)
    asks, says = random.choice([(ask, say) for ask, say in relation.ways if ask])
    asked = random.choice(asks)
    said.append(pair(writer, asked, writer.lean(says)))
    return f"{fact.key}/{asked}"


def _follow(writer: Writer, fact: Fact, said: list[Pair]) -> list[str]:
    """Add what may be asked next with few words, on the same subject or on another one; returns the keys."""
    random = writer.random
    keys = []
    if random.random() < 0.3 and (more := more_of(fact)):
        other = random.choice(more)
        other.bind(writer)
        asked = random.choice(other.relation.ask_it)
        said.append(plain_pair(writer, asked, writer.lean(other.relation.say)))
        keys.append(f"{other.key}/{asked}")
    elif random.random() < 0.3:
        keys.append(_and(writer, fact, said))
    elif random.random() < 0.06:
        said.append(plain_pair(writer, random.choice(_SURE), f"Yes, I am sure. {fact.relation.say[0]}"))
    return keys


def _and(writer: Writer, fact: Fact, said: list[Pair]) -> str:
    """Add "And what about ...?" with another row of the same relation."""
    relation, random = fact.relation, writer.random
    other = Fact(relation, writer.lean([row for row in relation.rows if row is not fact.row]))
    other.bind(writer)
    writer.bind("subject", writer.fill(relation.subject))
    said.append(plain_pair(writer, random.choice(_AND), writer.lean(relation.say)))
    return f"{other.key}/and"
