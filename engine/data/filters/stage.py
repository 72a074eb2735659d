"""The filters of a recipe in their order, with what they did and what they remember.

The cheap ones come first, and what depends on earlier documents comes last, so that only what is otherwise good counts
there. About 5 MB/s on one core; 134 MB for what duplicates are compared with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypedDict

import numpy as np

from engine.conversation import Document, characters
from engine.data.filters.balance import Balance
from engine.data.filters.base import Filter
from engine.data.filters.duplicates import VALUES, Duplicates
from engine.data.filters.proper import Proper
from engine.data.filters.report import FilterCount, FilterReport
from engine.data.filters.shape import Length, Structure
from engine.recipe import FilterSettings


class FilterState(TypedDict):
    """All that a stage knows. Everything but `signatures` is JSON; save that array as `.npy`."""

    report: dict[str, Any]
    """`FilterReport.as_dict()`."""
    signatures: np.ndarray
    """uint8 (documents, 64), at most 67 MB; (0, 64) without the filter for duplicates."""
    balanced: int
    """Documents that the filter for balance kept."""
    buckets: dict[str, int]
    """How many of them open in a way or are about something."""


class FilterStage:
    """Filters documents one at a time; deterministic, and goes on from a state as if it had not stopped."""

    def __init__(self, settings: FilterSettings, seed: int = 1, report: FilterReport | None = None) -> None:
        self._duplicates = Duplicates(settings.duplicates, seed) if settings.duplicates else None
        self._balance = Balance(settings.balance) if settings.balance else None
        self.filters: tuple[Filter, ...] = tuple(self._chosen(settings))
        self.report = FilterReport() if report is None else report
        for one in self.filters:
            self.report.filters.setdefault(one.name, FilterCount(one.why))

    def apply(self, document: Document) -> Document | None:
        """Return the document, what is good of it, or None."""
        self.report.documents += 1
        for one in self.filters:
            kept = one.apply(document)
            count = self.report.filters[one.name]
            if kept is document:
                count.kept += 1
                continue
            count.show(one.example(document))
            if kept is None:
                count.dropped += 1
                count.characters += characters(document)
                return None
            count.repaired += 1
            count.characters += characters(document) - characters(kept)
            document = kept
        return document

    def state(self) -> FilterState:
        """Return a copy of all that the stage knows."""
        balanced, buckets = self._balance.state() if self._balance else (0, {})
        return {
            "report": self.report.as_dict(),
            "signatures": self._duplicates.signatures() if self._duplicates else np.empty((0, VALUES), np.uint8),
            "balanced": balanced,
            "buckets": buckets,
        }

    def restore(self, state: FilterState) -> None:
        """Go on from a state of a stage with the same settings and seed."""
        self.report = FilterReport.from_dict(state["report"])
        if self._duplicates:
            self._duplicates.restore(state["signatures"])
        if self._balance:
            self._balance.restore(state["balanced"], state["buckets"])

    def _chosen(self, settings: FilterSettings) -> Iterator[Filter]:
        if settings.structure:
            yield Structure()
        if settings.shortest or settings.longest or settings.longest_text:
            yield Length(settings.shortest, settings.longest, settings.longest_text)
        if settings.proper:
            yield Proper()
        if settings.language:
            from engine.data.filters.language import English

            yield English()
        if settings.friendly:
            from engine.data.filters.wording import Friendly

            yield Friendly()
        if self._duplicates:
            yield self._duplicates
        if self._balance:
            yield self._balance


def filtered(
    documents: Iterable[Document], settings: FilterSettings, report: FilterReport, seed: int = 1
) -> Iterator[Document]:
    """Yield what a stage keeps of `documents`; `report` is filled as they are read."""
    stage = FilterStage(settings, seed, report)
    for document in documents:
        if (kept := stage.apply(document)) is not None:
            yield kept
