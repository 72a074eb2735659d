"""Simple questions and whole-sentence answers, drawn from the same tables as the facts."""

from __future__ import annotations

from random import Random

from engine.conversation import Conversation
from engine.data.builtin.exchange import Pair, conversation
from engine.data.builtin.load import authored
from engine.data.builtin.phrasing import typed
from engine.data.builtin.relations import Fact, draw, relations

DESCRIPTION = "questions about simple facts, with follow-ups, and honest answers to what cannot be known"


def generate(random: Random) -> tuple[str, Conversation]:
    """Return one to four questions with answers."""
    table = authored("questions")
    said: list[Pair] = []
    key = ""
    if random.random() < 0.15:
        said.append(
            (
                typed(random, random.choice(table["hello"]), random.choice("!.")),
                random.choice(table["hello_back"]),
            )
        )
    for _ in range(random.choice((1, 1, 2, 2, 3))):
        if random.random() < 0.08:
            question, answer = _unknown(random)
            said.append((question, answer))
            continue
        relation, fact = draw(random)
        if fact.false and random.random() < 0.3:
            said.append((typed(random, fact.false[0]), fact.false[1]))
        else:
            asked = random.choice(fact.ask)
            key += f"{fact.key}/{asked};"
            said.append((typed(random, _framed(random, asked)), random.choice(fact.say)))
        if fact.follow and random.random() < 0.35:
            other = random.choice(relations()[relation])
            if other.follow and other.subject != fact.subject:
                said.append((typed(random, _and(random, other)), random.choice(other.say)))
    if random.random() < 0.12:
        said.append(
            (
                typed(random, random.choice(table["thanks"]), random.choice("!.")),
                random.choice(table["welcome"]),
            )
        )
    return key, conversation(random, said)


def _framed(random: Random, question: str) -> str:
    """Now and then, ask whether the other knows."""
    if random.random() > 0.12 or not question.startswith(("what", "which", "where", "who", "how")):
        return question
    return random.choice(("please tell me, {}", "i have a question, {}", "ok, {}", "so {}", "and {}")).format(question)


def _and(random: Random, fact: Fact) -> str:
    return random.choice(("and {}", "what about {}", "how about {}", "and what about {}")).format(fact.follow)


def _unknown(random: Random) -> tuple[str, str]:
    table = authored("questions")
    entry = random.choice(table["unknown"])
    question = random.choice(entry["ask"]).format(place=random.choice(table["nowhere"]))
    return typed(random, question), random.choice(entry["say"])
