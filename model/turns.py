"""Tokens as turn vectors, expanded by one shared polynomial generator.

A token is `turns` numbers on a grid of `levels` values in -10..10. The generator maps each turn through
Chebyshev polynomials T_1..T_degree and all of them through one matrix to the network's width:

    features_vf = [T_1(t / 10), ..., T_degree(t / 10)],   table_vd = features_vf @ matrix_fd

The same table embeds the input and scores the output. T_0, which is 1 for every token, has a row of its own, the
origin; only the input has it, since it would add the same to every score. The table is never built in training: the
input gathers features of the batch's tokens, and the head multiplies hidden states with the matrix first, so its cost
is that of `features` columns instead of `width` (a quarter at 64 turns and width 256).

Rounding to the grid is straight-through (Bengio et al. 2013): forward sees grid values, gradients pass to
the free values behind them. What is stored is the grid, so what is measured is what is stored.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.config import TURN_RANGE, ModelConfig


class TurnEmbedding(nn.Module):
    """The turn table and its generator, for the input and, if the head is `turns`, the output."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.step = 2 * TURN_RANGE / (config.levels - 1)
        self.turns = nn.Parameter(torch.empty(config.vocabulary, config.turns))
        self.matrix = nn.Parameter(torch.empty(config.features, config.width))
        self.origin = nn.Parameter(torch.empty(config.width))

    def grid(self) -> Tensor:
        """Return the turns rounded to the grid, (vocabulary, turns), gradients passing straight through."""
        free = self.turns.clamp(-TURN_RANGE, TURN_RANGE)
        rounded = torch.round(free / self.step) * self.step
        return free + (rounded - free).detach()

    def features(self) -> Tensor:
        """Return the Chebyshev features of every token, (vocabulary, features)."""
        return chebyshev(self.grid() / TURN_RANGE, self.config.degree)

    def table(self) -> Tensor:
        """Return the expanded table, (vocabulary, width): what an ordinary embedding would hold."""
        return self.features() @ self.matrix + self.origin

    def integers(self) -> Tensor:
        """Return the grid positions as stored, (vocabulary, turns) int8 in -(levels-1)/2..(levels-1)/2."""
        return torch.round(self.turns.detach().clamp(-TURN_RANGE, TURN_RANGE) / self.step).to(torch.int8)

    def embed(self, ids_bt: Tensor, features_vf: Tensor) -> Tensor:
        """Return the embeddings of `ids_bt`, (batch, time, width)."""
        return F.embedding(ids_bt, features_vf) @ self.matrix + self.origin

    def scores(self, hidden_btd: Tensor, features_vf: Tensor, bias_v: Tensor | None = None) -> Tensor:
        """Return the inner products with every token's embedding, and its bias, (batch, time, vocabulary)."""
        return F.linear(hidden_btd @ self.matrix.T, features_vf, bias_v)


def chebyshev(x: Tensor, degree: int) -> Tensor:
    """Return T_1(x)..T_degree(x) beside each other along the last axis; x in -1..1."""
    polynomials = [torch.ones_like(x), x]
    for _ in range(degree - 1):
        polynomials.append(2 * x * polynomials[-1] - polynomials[-2])
    return torch.cat(polynomials[1:], dim=-1)
