"""Everyday talk that stays with its subject: authored scenarios, each a few exchanges with alternatives."""

from __future__ import annotations

from engine.conversation import Conversation
from engine.data.builtin.exchange import conversation, told
from engine.data.builtin.grammar import Writer
from engine.data.builtin.load import collected

DESCRIPTION = "everyday scenarios: shops, food, school, work, travel, weather, health, family, feelings, plans"


def generate(writer: Writer) -> tuple[tuple[str, ...], Conversation]:
    """Return one scenario from its start to its end, or near it."""
    random = writer.random
    writer.begin()
    scenario = random.choice(collected("dialogues", "scenario"))
    exchanges = scenario["exchanges"]
    if len(exchanges) > 2 and random.random() < 0.15:
        exchanges = exchanges[:-1]
    said = list(told(writer, exchanges))
    key = f"{scenario['name']}/{said[0][1]}/{said[-1][1]}"
    return (key,), conversation(writer, said)
