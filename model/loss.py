"""Cross-entropy over a vocabulary, made for what a CPU finds dear: passes over the logits.

PyTorch's own takes four passes forth and back over (positions, vocabulary), with a buffer of zeros among them. Here one
buffer holds the exponentials and becomes the gradient: a fifth off a whole step of the `quick` recipe in fp32
(docs/experiments.md). Compiled code and accelerators fuse the passes by themselves and take PyTorch's.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

IGNORED = -100
"""Target of a position where nothing is learned."""


def summed_cross_entropy(logits_nv: Tensor, targets_n: Tensor) -> Tensor:
    """Return the cross-entropy in nats, fp32, summed over targets that are not IGNORED."""
    loss: Tensor = _SummedCrossEntropy.apply(logits_nv, targets_n)  # type: ignore[no-untyped-call]
    return loss


class _SummedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits_nv: Tensor, targets_n: Tensor) -> Tensor:
        targets_n1 = targets_n[:, None].clamp_min(0)
        learned_n1 = (targets_n != IGNORED)[:, None].float()
        shares_nv = logits_nv.softmax(-1, dtype=torch.float32)
        # A share too small for fp32 is that of 87 nats or more.
        picked_n1 = shares_nv.gather(1, targets_n1).clamp_min(torch.finfo(torch.float32).tiny)
        ctx.save_for_backward(shares_nv, targets_n1, learned_n1)
        ctx.dtype = logits_nv.dtype
        return -(picked_n1.log() * learned_n1).sum()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (gradient,) = gradients
        shares_nv, targets_n1, learned_n1 = ctx.saved_tensors
        # d loss / d logits = softmax - one-hot.
        shares_nv.scatter_add_(1, targets_n1, -learned_n1)
        slope_nv = torch.empty(shares_nv.shape, dtype=ctx.dtype)
        return torch.mul(shares_nv, gradient * learned_n1, out=slope_nv), None
