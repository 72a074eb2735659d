"""What the filters did: counts and examples, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from engine.conversation import printable

EXAMPLES = 5
EXAMPLE_CHARACTERS = 160


@dataclass
class FilterCount:
    """What one filter did with the documents that reached it."""

    why: str
    kept: int = 0
    """Documents that passed untouched."""
    repaired: int = 0
    """Conversations of which a part passed."""
    dropped: int = 0
    characters: int = 0
    """Characters that did not pass, of dropped and of repaired documents."""
    examples: list[str] = field(default_factory=list)
    """Pieces that did not pass: the first `EXAMPLES`, printable, each at most `EXAMPLE_CHARACTERS` long."""

    def show(self, piece: str) -> None:
        """Keep a piece as an example while there is room."""
        if len(self.examples) < EXAMPLES:
            shown = " ".join(printable(piece[: 2 * EXAMPLE_CHARACTERS]).split())
            self.examples.append(shown if len(shown) <= EXAMPLE_CHARACTERS else f"{shown[: EXAMPLE_CHARACTERS - 1]}…")


@dataclass
class FilterReport:
    """What all filters of a stage did, by name and in their order."""

    documents: int = 0
    """Documents that came in."""
    filters: dict[str, FilterCount] = field(default_factory=dict)

    @property
    def dropped(self) -> int:
        """Documents that did not come out."""
        return sum(count.dropped for count in self.filters.values())

    def summary(self) -> str:
        """Say in a line how many documents were kept, and which filters dropped how many."""
        dropped = ", ".join(f"{name} {count.dropped:,}" for name, count in self.filters.items() if count.dropped)
        kept = f"{self.documents - self.dropped:,} of {self.documents:,} documents kept"
        return f"{kept}; dropped: {dropped}" if dropped else kept

    def rows(self) -> list[tuple[str, int, int, int, int]]:
        """Return for each filter its name, documents kept, repaired and dropped, and characters that did not pass."""
        return [
            (name, count.kept, count.repaired, count.dropped, count.characters) for name, count in self.filters.items()
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values that JSON holds."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FilterReport:
        """Return the report whose `as_dict()` gave `values`."""
        filters = {name: FilterCount(**count) for name, count in values["filters"].items()}
        return cls(values["documents"], filters)
