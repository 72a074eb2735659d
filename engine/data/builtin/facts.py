"""Short encyclopaedia-like texts about one or two subjects."""

from __future__ import annotations

from collections.abc import Iterable

from engine.conversation import Text
from engine.data.builtin.grammar import Writer
from engine.data.builtin.load import collected_by
from engine.data.builtin.relations import Fact, relations, subjects

DESCRIPTION = "simple facts: animals, countries, colours, jobs, tools, words, numbers"


def generate(writer: Writer) -> tuple[tuple[str, ...], Text]:
    """Return a text of two to six true sentences: about one subject, about several alike, or on one topic."""
    random = writer.random
    kind = random.random()
    if kind < 0.45:
        about = random.choice(subjects())
        told = random.sample(about, min(len(about), random.randint(2, 6)))
        return tuple(fact.key for fact in told), _text(fact.state(writer) for fact in told)
    if kind < 0.6:
        relation = random.choice([relation for relation in relations() if relation.alone])
        rows = random.sample(relation.rows, min(len(relation.rows), random.randint(2, 4)))
        told = [Fact(relation, row) for row in rows]
        return tuple(fact.key for fact in told), _text(fact.state(writer) for fact in told)
    same = random.choice(collected_by("questions", "qa", "topic"))
    writer.begin()
    entries = random.sample(same, min(len(same), random.randint(2, 4)))
    chosen = [(entry["ask"][0], random.choice(entry["say"])) for entry in entries]
    chosen = [(asked, said) for asked, said in chosen if not said.startswith(("Yes", "No"))] or chosen
    return tuple(f"{asked}/{said}" for asked, said in chosen), _text(writer.say(said) for _, said in chosen)


def _text(sentences: Iterable[str]) -> Text:
    return Text(" ".join(dict.fromkeys(sentences)))
