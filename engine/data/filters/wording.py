"""Family-friendly words only."""

from __future__ import annotations

import re
from itertools import chain

from engine.data.filters.base import ContentFilter, pairs, piece, words
from engine.data.friendly import offensive_in


class Friendly(ContentFilter):
    """Drops what holds words for swearing, sex, drugs and violence."""

    name = "friendly"
    why = "Whatever the model reads it may say, and children may be reading."

    def fault(self, content: str, spoken: bool) -> str:
        """Return the neighbourhood of the first unfriendly word."""
        found = offensive_in(chain(words(content), pairs(content)), spoken)
        if not found:
            return ""
        match = re.search(rf"\b({'|'.join(map(re.escape, sorted(found)))})\b", content.lower())
        return piece(content, match.start() if match else 0)
