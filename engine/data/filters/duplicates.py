"""Duplicates and near duplicates: MinHash signatures of word pairs, looked up by bands (locality-sensitive hashing).

A signature is the low byte of each of 64 minima (Broder 1997; b-bit minwise hashing, Li and König 2010): the share of
equal bytes estimates the Jaccard similarity of two documents' sets of word pairs, its standard error at most 0.06.
Four bytes make a band; a document is compared with the last one that had the same band, for each of its 16. Documents
whose similarity is 0.8 share a band with a probability of 0.9998, at 0.5 of 0.64, so thresholds below that find few.

Memory: 134 MB at most, however long the stream. The newest `REMEMBERED` documents are known, 64 bytes each; the table
of bands takes as much, and a slot in it belongs to the document that came last. To restore a million takes 4 s.

rensa makes the signatures: those of 20,000 documents (5 MB) in 0.1 s, which took datasketch 2.9 s; that needs SciPy
besides. rensa's own index is faster than this one, but takes 1.2 GB for a million documents and is saved by pickling.
"""

from __future__ import annotations

import numpy as np
from rensa import RMinHash

from engine.conversation import Document, contents
from engine.data.filters.base import Filter, pairs, said, words

VALUES = 64
BANDS = VALUES // 4
SLOT_BITS = 20
REMEMBERED = 2**20
_SPREAD = np.uint32(0x9E3779B1)
"""Knuth's multiplier: spreads a band's four bytes over the slots."""
_SHIFT = np.uint32(32 - SLOT_BITS)
_BAND = np.arange(BANDS)
_FIRST_SLOT = (_BAND << SLOT_BITS).astype(np.uint32)


class Duplicates(Filter):
    """Drops a document whose word pairs are those of an earlier one, but for a share of 1 - `similarity`."""

    name = "duplicates"
    why = "What is read twice is learned by heart, and crowds out what is said once."

    def __init__(self, similarity: float, seed: int, remembered: int = REMEMBERED) -> None:
        self._enough, self._seed = round(similarity * VALUES), seed
        self._known = np.zeros((remembered + 1, VALUES), np.uint8)
        """Signatures, from place 1 on; when all places are taken, the oldest goes."""
        self._bands = self._known.view(np.uint32)
        self._last = np.zeros(BANDS << SLOT_BITS, np.uint32)
        """For each band and slot the place of the document that came last; 0 is none."""
        self._count = 0

    def apply(self, document: Document) -> Document | None:
        """Return the document and remember it, unless it is much like one that is remembered."""
        signature = self._signature(document)
        bands = signature.view(np.uint32)
        slots = _slots(bands)
        places = self._last.take(slots)
        same = self._bands[places, _BAND] == bands
        if same.any() and self._greatest(signature, places[same]) >= self._enough:
            return None
        self._remember(signature, slots)
        return document

    def signatures(self) -> np.ndarray:
        """Return what is remembered, oldest first: uint8 (documents, VALUES)."""
        places = len(self._known) - 1
        if self._count <= places:
            return self._known[1 : self._count + 1].copy()
        return np.roll(self._known[1:], -(self._count % places), axis=0)

    def restore(self, signatures: np.ndarray) -> None:
        """Remember `signatures` (as `signatures()` gave them) and nothing else."""
        self._last[:] = 0
        self._count = 0
        for signature in signatures:
            self._remember(signature, _slots(signature.view(np.uint32)))

    def _signature(self, document: Document) -> np.ndarray:
        shingles: list[str] = []
        for content in said(document):
            shingles += words(content)[:1]
            shingles += pairs(content)
        minima = RMinHash(VALUES, self._seed)
        minima.update(shingles or [ascii(content) for content in contents(document)])
        return np.array(minima.digest(), np.uint32).astype(np.uint8)

    def _greatest(self, signature: np.ndarray, places: np.ndarray) -> int:
        """Return the most values that a signature shares with one of those at `places`."""
        return int((self._known[places] == signature).sum(axis=1).max())

    def _remember(self, signature: np.ndarray, slots: np.ndarray) -> None:
        places = len(self._known) - 1
        place = self._count % places + 1
        if self._count >= places:
            # The oldest is forgotten wholly, so that a stage restored from the signatures goes on in the same way.
            old = _slots(self._bands[place])
            self._last[old[self._last[old] == place]] = 0
        self._known[place] = signature
        self._last[slots] = place
        self._count += 1


def _slots(bands: np.ndarray) -> np.ndarray:
    """Return where the table of bands has each band of a signature."""
    return (bands * _SPREAD >> _SHIFT) + _FIRST_SLOT
