"""All a run reads, ready: tokenizer, shards, and how each phase mixes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf

import numpy as np

from engine.data.files import Split
from engine.data.filters import FilterReport
from engine.data.packing import Batch, PackedBatches, first_rows
from engine.data.shards import Shard
from engine.data.sources import Part
from engine.data.tokenizer import ChatTokenizer
from engine.recipe import Recipe


@dataclass
class PreparedData:
    """All a run reads."""

    recipe: Recipe
    tokenizer: ChatTokenizer
    mixes: dict[str, dict[Part, float]]
    """By phase: (source, kind) -> weight."""
    shards: dict[tuple[Part, Split], Shard]
    notes: list[str] = field(default_factory=list)
    """What was chosen and why, one line each."""

    def batches(self, phase: str, split: Split) -> PackedBatches:
        """Return the endless batches of a phase, from their start."""
        settings, (shards, weights) = self.recipe.phases[phase], self._sources(phase, split)
        repeats = self.recipe.data.repeats or inf
        return PackedBatches(shards, weights, settings.batch, settings.length, self.recipe.seed, repeats=repeats)

    @property
    def sources(self) -> list[str]:
        """The names of all sources that are read."""
        return sorted({name for mix in self.mixes.values() for name, _ in mix})

    @property
    def reports(self) -> dict[str, FilterReport]:
        """What the filters did to the training text, by source; of filtered sources only."""
        return {
            name: FilterReport.from_dict(dict(shard.report))
            for ((name, _), split), shard in self.shards.items()
            if split == "train" and shard.report
        }

    def validation(self, phase: str, rows: int) -> Iterator[Batch]:
        """Yield the first `rows` rows of a phase's validation data: the same every time."""
        settings = self.recipe.phases[phase]
        return first_rows(*self._sources(phase, "validation"), rows, settings.length, settings.batch)

    def conversation_share(self, phase: str) -> float:
        """Return how much of a phase's mix is spoken, 0 to 1."""
        mix = self.mixes[phase]
        spoken = 0.0
        for part, weight in mix.items():
            shard = self.shards[part, "train"]
            if np.isin(ChatTokenizer.assistant_id, shard.ids[: min(len(shard.ids), 4096)]):
                spoken += weight
        return spoken / sum(mix.values())

    def token_sample(self, count: int) -> np.ndarray:
        """Return up to `count` ids of the phases' mix, uint16, each document ended by the pad id."""
        totals: dict[Part, float] = {}
        for phase, mix in self.mixes.items():
            read = self.recipe.phases[phase].tokens
            for part, weight in mix.items():
                totals[part] = totals.get(part, 0.0) + read * weight / sum(mix.values())
        whole = sum(totals.values())
        parts = []
        for part, total in totals.items():
            shard = self.shards[part, "train"]
            last = int(np.searchsorted(shard.offsets, count * total / whole))
            end = int(shard.offsets[min(max(last, 1), len(shard))])
            ids = np.asarray(shard.ids[:end])
            ends = shard.offsets[1:][shard.offsets[1:] <= end]
            parts.append(np.insert(ids, ends, ChatTokenizer.pad_id))
        return np.concatenate(parts)[:count]

    def _sources(self, phase: str, split: Split) -> tuple[list[Shard], list[float]]:
        mix = self.mixes[phase]
        return [self.shards[part, split] for part in mix], list(mix.values())
