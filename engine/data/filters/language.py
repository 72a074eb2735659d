"""English only, told by eldc: https://github.com/nitotm/eldc (n-grams in a C extension; its tables are in the wheel).

Of six libraries that run offline it was the most accurate on short messages and by far the fastest (the table is in
docs/data.md), so that each message can be judged by itself. With the margin and the exception for names it drops 0.1 %
of 15,000 English messages and texts, and keeps 0.5 % of 3,247 interface texts of three or more words in others.
"""

from __future__ import annotations

import eldc

from engine.data.filters.base import ContentFilter, words

MARGIN = 0.15
"""By how much another language must score above English (0 to 1): names and quotations raise others by less."""
FEWEST_WORDS = 3
"""A word or two may be a name: they are judged only if they hold letters that English lacks."""


class English(ContentFilter):
    """Drops what is in another language, or in none."""

    name = "language"
    why = "A small model has room for one language."

    def __init__(self) -> None:
        eldc.init()
        self._detector = eldc.instance()
        self._detector.set_scores(eldc.MAX_SCORES)

    def fault(self, content: str, spoken: bool) -> str:
        """Return the content if its first 1,024 bytes are not English."""
        try:
            found = self._detector.detect(content)
        except UnicodeEncodeError:
            return content
        if found == "en" or (content.isascii() and len(words(content)) < FEWEST_WORDS):
            return ""
        scores = self._detector.detect_details(content).scores
        foreign = not scores or max(scores.values()) - scores.get("en", 0.0) > MARGIN
        return content if foreign else ""
