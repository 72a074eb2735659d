"""Muon for the trunk's matrices beside AdamW for all else.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) makes a matrix's momentum orthogonal before it is
added, so that directions with small gradients are learned as well. `torch.optim.Muon` takes one matrix after another,
which on a CPU is a third of a step of `quick`. Here matrices of one shape go through the iteration together, in half
the time (docs/experiments.md), and what a layer joins (query, key and value; gate and up) is made orthogonal apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

MOMENTUM = 0.95
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic whose iteration draws all singular values to about 1; Jordan et al. 2024."""
ITERATIONS = 5
UPDATE_RMS = 0.2
"""Root mean square of an update at rate 1, about that of AdamW's: both take the same rates (Liu et al. 2025)."""


class MuonAdamW(torch.optim.AdamW):
    """AdamW whose groups with `parts` are Muon's: `parts[i]` joined matrices, by rows, in the i-th parameter."""

    def __init__(self, groups: Sequence[dict[str, Any]], *, dtype: torch.dtype, **adamw: Any) -> None:
        """`dtype` is what the iteration computes in: bf16 is enough where it is fast."""
        super().__init__(groups, **adamw)
        self._dtype = dtype

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take one step by each parameter's gradient; those of Muon's groups are gone afterwards."""
        for group in self.param_groups:
            if "parts" in group:
                self._step_muon(group)
                for parameter in group["params"]:
                    parameter.grad = None
        super().step(closure)

    def _step_muon(self, group: dict[str, Any]) -> None:
        parameters: list[Tensor] = group["params"]
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        momenta = [self._momentum(parameter) for parameter in parameters]
        torch._foreach_lerp_(momenta, gradients, 1 - MOMENTUM)
        torch._foreach_lerp_(gradients, momenta, MOMENTUM)  # Nesterov's
        torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
        alike: dict[torch.Size, list[tuple[Tensor, Tensor]]] = defaultdict(list)
        for parameter, gradient, parts in zip(parameters, gradients, group["parts"], strict=True):
            for matrix, slope in zip(parameter.chunk(parts), gradient.chunk(parts), strict=True):
                tall = matrix.shape[0] > matrix.shape[1]
                pair = (matrix.mT, slope.mT) if tall else (matrix, slope)
                alike[pair[0].shape].append(pair)
        for shape, pairs in alike.items():
            updates = orthogonal(torch.stack([slope for _, slope in pairs]).to(self._dtype))
            scale = UPDATE_RMS * max(shape) ** 0.5
            for (matrix, _), update in zip(pairs, updates, strict=True):
                matrix.sub_(update, alpha=group["lr"] * scale)

    def _momentum(self, parameter: Tensor) -> Tensor:
        state = self.state[parameter]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        momentum: Tensor = state["momentum_buffer"]
        return momentum


def orthogonal(matrices_nij: Tensor) -> Tensor:
    """Return each matrix (of no more rows than columns) with its singular values drawn to about 1 (0.7 to 1.2)."""
    a, b, c = COEFFICIENTS
    x: Tensor = matrices_nij / matrices_nij.norm(dim=(-2, -1), keepdim=True).clamp_min(1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x
