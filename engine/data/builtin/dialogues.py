"""Everyday talk that stays with its subject: each scenario is a few steps, with branches by what was said."""

from __future__ import annotations

from random import Random
from typing import Any

from engine.conversation import Conversation
from engine.data.builtin.exchange import Pair, conversation
from engine.data.builtin.load import authored
from engine.data.builtin.phrasing import typed

DESCRIPTION = "everyday scenarios: work, school, food, travel, weather, pets, plans, feelings"


def generate(random: Random) -> tuple[str, Conversation]:
    """Return one scenario from its start, through two to four exchanges, now and then with greeting and goodbye."""
    table = authored("dialogues")
    scenario = random.choice(table["scenario"])
    slots = {name: random.choice(words) for name, words in scenario.get("slots", {}).items()}
    said: list[Pair] = []
    if random.random() < 0.15:
        said.append(
            (
                typed(random, random.choice(("hello", "hi", "hey")), "!"),
                "Hello! What would you like to talk about?",
            )
        )
    steps: list[dict[str, Any]] = scenario["steps"]
    chosen = []
    for number, step in enumerate(steps):
        branch = random.choice(step["branches"]) if "branches" in step else step
        user = random.choice(branch["user"])
        chosen.append(user)
        said.append(
            (
                typed(random, _fill(user, slots), "?" if user.startswith(_ASKING) else "."),
                _fill(random.choice(branch["model"]), slots),
            )
        )
        if number and random.random() < 0.1:
            break
    if random.random() < 0.25:
        said.append(
            (
                typed(random, random.choice(table["ending"]["user"]), "."),
                random.choice(table["ending"]["model"]),
            )
        )
    return f"{scenario['name']}/{'/'.join(chosen)}/{'/'.join(slots.values())}", conversation(random, said)


_ASKING = (
    "what",
    "where",
    "how",
    "who",
    "when",
    "why",
    "can",
    "do you",
    "should",
    "is ",
    "are ",
    "which",
    "and you",
    "could",
)


def _fill(text: str, slots: dict[str, str]) -> str:
    capitals = {name.capitalize(): word[0].upper() + word[1:] for name, word in slots.items()}
    return text.format(**slots, **capitals)
