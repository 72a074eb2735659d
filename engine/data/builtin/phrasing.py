"""How people type: capitals, marks and spellings as they come."""

from __future__ import annotations

import re
from random import Random

_SPELLINGS = (("colour", "color"), ("favourite", "favorite"), ("grey", "gray"), ("neighbour", "neighbor"))
_SHORT = (
    ("what is", "what's"),
    ("what is", "whats"),
    ("i am", "i'm"),
    ("i am", "im"),
    ("do not", "don't"),
    ("it is", "it's"),
    ("where is", "where's"),
    ("who is", "who's"),
    ("that is", "that's"),
)
_NAMES = re.compile(r"\b(i|i'm|i've|i'll|i'd)\b")


def typed(random: Random, text: str, mark: str = "?") -> str:
    """Return `text` (without capital and end mark) as somebody might type it."""
    for long, short in _SHORT:
        if long in text.lower() and random.random() < 0.3:
            text = re.sub(rf"\b{long}\b", short, text, count=1, flags=re.IGNORECASE)
    for british, american in _SPELLINGS:
        if british in text and random.random() < 0.5:
            text = text.replace(british, american)
    manner = random.random()
    if manner < 0.55:  # neat
        return _NAMES.sub(lambda match: match[0].capitalize(), text[0].upper() + text[1:]) + mark
    if manner < 0.7:  # neat, no capital
        return text + mark
    if manner < 0.85:  # hasty
        return text.lower()
    return text.lower() + (mark if mark != "." else "")
