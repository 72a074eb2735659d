"""Tokens as turn vectors, expanded by one shared generator.

A token is `turns` numbers in -10..10, kept on grids (model/grid.py): `levels` values, and finer ones in the first turns
and for the commonest tokens. The generator maps them to the network's width, a row for each turn and one, the origin,
that all tokens share:

    table_vd = turns_vk / 10 @ matrix_kd + origin_d

The same table embeds the input and scores the output; only the input has the origin, since it would add the same to
every score. The table is never built in training: the input gathers turns of the batch's tokens, and the head
multiplies hidden states with the matrix first, so its cost is that of `turns` columns instead of `width`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.config import TURN_RANGE, ModelConfig
from model.grid import in_bf16, in_bytes, on_grid


class Kept(NamedTuple):
    """Turns and generator as they are stored, which all is computed with."""

    turns_vk: Tensor
    """In -1..1."""
    matrix_kd: Tensor
    origin_d: Tensor


class TurnEmbedding(nn.Module):
    """The turn table and its generator, for the input and, if the head is `turns`, the output."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.turns = nn.Parameter(torch.empty(config.vocabulary, config.turns))
        self.matrix = nn.Parameter(torch.empty(config.turns, config.width))
        self.origin = nn.Parameter(torch.empty(config.width))

    def kept(self) -> Kept:
        """Return turns and generator as stored; gradients pass straight through the rounding."""
        return Kept(on_grid(self.turns, self.config), in_bytes(self.matrix), in_bf16(self.origin))

    @torch.no_grad()
    def values(self) -> Tensor:
        """Return the turns as stored, (vocabulary, turns) in -10..10."""
        return on_grid(self.turns, self.config) * TURN_RANGE

    @torch.no_grad()
    def keep_in_range(self) -> None:
        """Bring turns that a step took beyond the range back to its end, where gradients reach them."""
        self.turns.clamp_(-TURN_RANGE, TURN_RANGE)

    def table(self) -> Tensor:
        """Return the expanded table, (vocabulary, width): what an ordinary embedding would hold."""
        turns, matrix, origin = self.kept()
        return turns @ matrix + origin

    def embed(self, ids_bt: Tensor, kept: Kept) -> Tensor:
        """Return the embeddings of `ids_bt`, (batch, time, width)."""
        return F.embedding(ids_bt, kept.turns_vk) @ kept.matrix_kd + kept.origin_d

    def scores(self, hidden_btd: Tensor, kept: Kept, bias_v: Tensor | None = None) -> Tensor:
        """Return the inner products with every token's embedding, and its bias, (batch, time, vocabulary)."""
        return F.linear(hidden_btd @ kept.matrix_kd.T, kept.turns_vk, bias_v)
