"""Friendly news headlines."""

from __future__ import annotations

from engine.conversation import Text
from engine.data.builtin.grammar import Writer
from engine.data.builtin.load import authored

DESCRIPTION = "short friendly headlines"


def generate(writer: Writer) -> tuple[tuple[str, ...], Text]:
    """Return two to five headlines, a line each."""
    lines = []
    for template in writer.random.sample(authored("headlines")["headlines"], writer.random.randint(2, 5)):
        writer.begin()
        lines.append(writer.say(template))
    return tuple(lines), Text("\n".join(lines))
