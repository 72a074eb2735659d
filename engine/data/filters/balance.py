"""No topic and no style may drown the rest.

A document's style is how it opens (its first three words: "once upon a", "hi how are"), its topic the word that it says
most often, common words aside, if it says it at least twice ("football", "lily"). Either may make up at most a stated
share of the documents kept so far; what is beyond that is dropped until enough others have come. Only what drowns the
rest is so frequent: of 38 files of real text, five had an opening or a topic with more than a tenth of their documents.

Deterministic, with no dice; without hindsight, so a source that is sorted by topic gives less of what comes first, and
one that has a single topic (talk about films) loses most of it: such a source is better weighed down in the mix. At
most `BUCKETS` openings and topics are counted; beyond that those seen once are forgotten.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping
from functools import cache
from importlib import resources

from engine.conversation import Document
from engine.data.filters.base import Filter, said, words

OPENING_WORDS = 3
SHORTEST_TOPIC = 4
ALWAYS = 50
"""Documents that any bucket may hold, so that little data is not thinned."""
BUCKETS = 200_000


class Balance(Filter):
    """Drops a document whose opening or topic already makes up more than `share` of what was kept."""

    name = "balance"
    why = "Where one opening or one topic is everywhere, the model says little else."

    def __init__(self, share: float) -> None:
        self._share = share
        self._counts: Counter[str] = Counter()
        self._kept = 0

    def apply(self, document: Document) -> Document | None:
        """Return the document and count it, unless one of its buckets is full."""
        buckets = _buckets(document)
        room = max(ALWAYS, int(self._share * (self._kept + 1)))
        for bucket in buckets:
            if self._counts[bucket] >= room:
                return None
        self._kept += 1
        self._counts.update(buckets)
        if len(self._counts) > BUCKETS:
            self._counts = Counter({bucket: count for bucket, count in self._counts.items() if count > 1})
        return document

    def state(self) -> tuple[int, dict[str, int]]:
        """Return how many documents were kept and how many of them each bucket holds."""
        return self._kept, dict(self._counts)

    def restore(self, kept: int, counts: Mapping[str, int]) -> None:
        """Go on from what `state()` gave."""
        self._kept, self._counts = kept, Counter(counts)


def _buckets(document: Document) -> list[str]:
    opening = ""
    counts: Counter[str] = Counter()
    for content in said(document):
        opening = opening or " ".join(words(content)[:OPENING_WORDS])
        counts.update(words(content))
    common = _common()
    repeated = [word for word, count in counts.items() if count > 1]
    topics = [word for word in repeated if len(word) >= SHORTEST_TOPIC and word not in common]
    if topics:
        return [f"opens {opening}", f"about {max(topics, key=counts.__getitem__)}"]
    return [f"opens {opening}"]


@cache
def _common() -> frozenset[str]:
    return frozenset(tomllib.loads((resources.files("engine.data") / "common.toml").read_text("utf-8"))["words"])
