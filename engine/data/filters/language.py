"""English only, told by eldc: https://github.com/nitotm/eldc (n-grams in a C extension; its tables are in the wheel).

Measured on 15,000 English messages and texts of ten corpora, 154 hand-written sentences of 29 other languages and 5,610
interface texts of 96 (docs/data.md has the table): of those that can run offline it errs least on short messages and is
by far the fastest, which lets each message be judged by itself.
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
