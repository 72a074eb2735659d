"""Friendly news headlines."""

from __future__ import annotations

from random import Random

from engine.conversation import Text
from engine.data.builtin.load import authored

DESCRIPTION = "short friendly headlines"


def generate(random: Random) -> tuple[str, Text]:
    """Return two to five headlines, a line each."""
    table = authored("headlines")
    lines = []
    for _ in range(random.randint(2, 5)):
        slots = {name: random.choice(words) for name, words in table["slots"].items()}
        line = random.choice(table["headlines"]).format(**slots)
        lines.append(line[0].upper() + line[1:])
    return lines[0] + lines[-1], Text("\n".join(lines))
