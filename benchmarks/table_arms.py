"""The tables that are compared: what each is made of, how it starts, what it stores, and its rates.

Every arm has the same trunk with the same start; only the tables for input and output differ. AdamW decays no table.
Rates are where `python -m benchmarks.tables --tune` begins; what was tried of them is in docs/experiments.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.config import EMBEDDINGS, SIZES, ModelConfig
from model.layout import parameter_table
from model.turngpt import TurnGPT
from model.turns import Kept

SHAPE = ModelConfig(vocabulary=8192, width=256, layers=4, heads=4, head_width=64, mlp_width=704, context=256)
"""The trunk of all arms; rows are as long as its context."""
Start = Literal["random", "statistics"]
Statistics = Callable[[int, int], Tensor]
"""(turns, seed) -> turn vectors from corpus statistics, (vocabulary, turns) in -10..10."""


@dataclass(frozen=True, slots=True)
class Arm:
    """Tables for input and output, their start and their rates."""

    name: str
    learning_rate: float
    """The trunk's, at its peak."""
    table_rate: float
    """The table's (or the turns') as a multiple of the trunk's; a full table's counts in units of `scale`."""
    turns: int = 0
    """0 for a full table, a number for each of the trunk's dimensions."""
    levels: int = 3
    fine_turns: int = 0
    common_share: float = 0.0
    tied: bool = True
    """The input's table scores the output, with a bias a token; else the output has a full one of its own."""
    start: Start = "statistics"
    scale: float = 1.0
    """Root mean square of a full table's start; logits start the same whatever it is."""

    @property
    def full(self) -> bool:
        """Whether the input's table is an ordinary one."""
        return self.turns == 0

    def config(self, shape: ModelConfig) -> ModelConfig:
        """Return `shape` with this arm's tables; what it says of turns is without effect for a full table."""
        shape = replace(shape, head="turns" if self.tied else "table")
        if self.full:
            return shape
        return replace(
            shape, turns=self.turns, levels=self.levels, fine_turns=self.fine_turns, common_share=self.common_share
        )

    def stored_bytes(self, shape: ModelConfig = SIZES["base"]) -> tuple[int, int]:
        """Return the bytes of the input's table, and of both, as stored: full ones in bf16, ours as model/stored.py."""
        part = {part.name: part.stored_bytes for part in parameter_table(self.config(shape))}
        read = full_bytes(shape) if self.full else part["turns"] + part["generator"]
        return read, read + part["head"]


ARMS = {
    arm.name: arm
    for arm in (
        Arm("full-random", 8e-3, 10, start="random"),
        Arm("full-statistics", 4e-3, 10),
        *(Arm(name, 4e-3, 50, **shape) for name, shape in EMBEDDINGS.items()),
        Arm("input", 4e-3, 50, tied=False, **EMBEDDINGS["least"]),  # a hundredth, on the input's side
        Arm("full-untied", 4e-3, 10, tied=False),  # what `input` is measured against
    )
}


def full_bytes(shape: ModelConfig = SIZES["base"]) -> int:
    """Return the bytes of one full table in bf16, which serves input and output when tied."""
    return next(part.stored_bytes for part in parameter_table(shape) if part.name == "full table instead")


class FullTable(nn.Module):
    """An ordinary table behind the interface of TurnEmbedding.

    The optimiser knows the table as `turns`. A generator it has none: `matrix` and `origin` hold nothing.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.turns = nn.Parameter(torch.empty(config.vocabulary, config.width))
        self.matrix = nn.Parameter(torch.empty(0, config.width))
        self.origin = nn.Parameter(torch.empty(0))

    def kept(self) -> Kept:
        return Kept(self.turns, self.matrix, self.origin)

    def values(self) -> Tensor:
        return self.turns

    def keep_in_range(self) -> None:
        """A full table has no range."""

    def table(self) -> Tensor:
        return self.turns

    def embed(self, ids_bt: Tensor, kept: Kept) -> Tensor:
        return F.embedding(ids_bt, kept.turns_vk)

    def scores(self, hidden_btd: Tensor, kept: Kept, bias_v: Tensor | None = None) -> Tensor:
        return F.linear(hidden_btd, kept.turns_vk, bias_v)


@torch.no_grad()
def build(arm: Arm, shape: ModelConfig, seed: int, statistics: Statistics) -> TurnGPT:
    """Return an arm's network at its start; by seed, all arms' trunks are the same.

    No arm starts with the induction circuit: it is written along a generator's directions, which a full table has not.
    """
    model = TurnGPT(arm.config(shape))
    if arm.full:
        model.embedding = FullTable(model.config)  # type: ignore[assignment]
        start = _full_start(arm, shape, seed, statistics)
        model.initialise(seed, start * (arm.scale / start.square().mean().sqrt()), induction=False)
        if arm.tied:
            model.norm.weight.div_(arm.scale)
    else:
        turns = statistics(arm.turns, seed) if arm.start == "statistics" else None
        model.initialise(seed, turns, induction=False)
    trunk = TurnGPT(shape)
    trunk.initialise(seed, induction=False)
    model.blocks.load_state_dict(trunk.blocks.state_dict())
    return model


def _full_start(arm: Arm, shape: ModelConfig, seed: int, statistics: Statistics) -> Tensor:
    if arm.start == "statistics":
        return statistics(shape.width, seed)
    return torch.randn(shape.vocabulary, shape.width, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def round_as_stored(model: TurnGPT) -> None:
    """Round a full table to bf16, as its bytes are counted; all else is used as it is stored anyway."""
    if isinstance(model.embedding, FullTable):
        model.embedding.turns.copy_(model.embedding.turns.bfloat16())


def expanded_head(model: TurnGPT) -> Tensor:
    """Return the tied table with the last norm's gain and the root of the width folded in, for decoding."""
    return model.embedding.table() * (model.norm.weight * math.sqrt(model.config.width))
