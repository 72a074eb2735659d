"""Short encyclopaedia-like texts about one or two subjects."""

from __future__ import annotations

from random import Random

from engine.conversation import Text
from engine.data.builtin.relations import Fact, draw, relations

DESCRIPTION = "simple facts: animals, countries, colours, jobs, tools, numbers"


def generate(random: Random) -> tuple[str, Text]:
    """Return a text of two to seven true sentences; one in three stays with one subject."""
    if random.random() < 0.4:
        _, first = draw(random, lambda fact: fact.subject not in {"sum", "single"})
        facts = _about(first.subject)
        random.shuffle(facts)
        facts = facts[: random.randint(2, 7)]
    else:
        relation, _ = draw(random)
        facts = random.sample(relations()[relation], min(random.randint(3, 6), len(relations()[relation])))
    sentences = [random.choice(fact.say) for fact in facts]
    sentences = [sentence.removeprefix("Yes, ").removeprefix("No, ") for sentence in sentences]
    text = " ".join(dict.fromkeys(sentence[0].upper() + sentence[1:] for sentence in sentences))
    return text, Text(text)


def _about(subject: str) -> list[Fact]:
    return [fact for facts in relations().values() for fact in facts if fact.subject == subject]
