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
        logits_nv, targets_n1 = logits_nv.float(), targets_n[:, None].clamp_min(0)
        learned_n1 = (targets_n != IGNORED)[:, None].float()
        shifted_nv = logits_nv - logits_nv.amax(-1, keepdim=True)
        picked_n1 = shifted_nv.gather(1, targets_n1)
        powers_nv = shifted_nv.exp_()
        sums_n1 = powers_nv.sum(-1, keepdim=True)
        ctx.save_for_backward(powers_nv, sums_n1, targets_n1, learned_n1)
        return ((sums_n1.log() - picked_n1) * learned_n1).sum()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (gradient,) = gradients
        powers_nv, sums_n1, targets_n1, learned_n1 = ctx.saved_tensors
        gradient_n1 = gradient * learned_n1
        # d loss / d logits = softmax - one-hot.
        slope_nv = powers_nv.mul_(gradient_n1 / sums_n1)
        slope_nv.scatter_add_(1, targets_n1, -gradient_n1)
        return slope_nv, None
