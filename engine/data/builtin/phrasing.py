"""How people type: capitals, marks and spellings as they come."""

from __future__ import annotations

import re
from random import Random

_SPELLINGS = (("colour", "color"), ("favourite", "favorite"), ("grey", "gray"), ("neighbour", "neighbor"))
_SHORT = (("what is", "what's"), ("I am", "I'm"), ("do not", "don't"), ("it is", "it's"), ("where is", "where's"),
          ("who is", "who's"), ("that is", "that's"), ("I will", "I'll"), ("cannot", "can't"),
          ("is not", "isn't"), ("does not", "doesn't"), ("did not", "didn't"))  # fmt: skip
_CONTRACTIONS = {long.lower(): short for long, short in _SHORT}
_LONG = re.compile(rf"\b({'|'.join(_CONTRACTIONS)})\b(?=[ ,]\w)", re.IGNORECASE)
_AMERICAN = re.compile("|".join(british for british, _ in _SPELLINGS))


def typed(random: Random, text: str) -> str:
    """Return a message (whole sentences) as somebody might type it."""
    if random.random() < 0.3:
        text = _LONG.sub(_contracted, text)
    if random.random() < 0.3:
        text = _AMERICAN.sub(lambda match: dict(_SPELLINGS)[match[0]], text)
    manner = random.random()
    if manner < 0.6:
        return text
    if manner < 0.7:  # no end mark
        return text.rstrip(".")
    if manner < 0.85:  # no capitals
        return text.lower()
    return text.lower().rstrip(".?!").replace("'", "" if manner > 0.95 else "'")


def _contracted(match: re.Match[str]) -> str:
    short = _CONTRACTIONS[match[0].lower()]
    return short[0].upper() + short[1:] if match[0][0].isupper() else short
