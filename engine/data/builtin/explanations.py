"""Why and how, in a few plain sentences."""

from __future__ import annotations

from random import Random

from engine.conversation import Text
from engine.data.builtin.load import authored

DESCRIPTION = "short explanations of everyday things"


def generate(random: Random) -> tuple[str, Text]:
    """Return one or two explanations, each under its question."""
    chosen = random.sample(authored("explanations")["explanations"], random.choice((1, 1, 2)))
    parts = []
    for question, *reasons in chosen:
        told = list(reasons)
        if len(told) > 2 and random.random() < 0.4:
            told.pop()
        start = random.random()
        opening = f"{question}? " if start < 0.6 else ""
        parts.append(opening + " ".join(told))
    return "/".join(parts), Text("\n".join(parts))
