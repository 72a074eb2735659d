"""What a layer does between its matrix products, in fewer passes, for a CPU in eager mode.

At the sizes trained on two cores an eager step spends most of its time not in products but in going over
activations: norms, rotations, gates, each some ten operations forth and back. Here each is one operation with a
gradient written by hand, in as few passes as PyTorch's operations allow (docs/experiments.md). Compiled code and
accelerators fuse by themselves and take the plain form (model/transformer.py); both agree (tested).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def usable(x: Tensor) -> bool:
    """Return True where these are the faster way: on a CPU, not compiled."""
    return x.device.type == "cpu" and not torch.compiler.is_compiling()


def product_type(x: Tensor) -> torch.dtype:
    """Return the type in which products of `x` are computed."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype


def rms_norm(x: Tensor, gain_d: Tensor, epsilon: float) -> Tensor:
    """Return RMSNorm over the last axis, computed in fp32, in the type that products take."""
    out: Tensor = _RMSNorm.apply(x, gain_d, epsilon, product_type(x))  # type: ignore[no-untyped-call]
    return out


def heads(
    qkv_bt3hd: Tensor, gains_2d: Tensor, cos_tr: Tensor, sin_tr: Tensor, epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return queries and keys, normalised with their gains and rotated, and values; each (batch, heads, time, d)."""
    return _Heads.apply(qkv_bt3hd, gains_2d, cos_tr, sin_tr, epsilon)  # type: ignore[no-untyped-call,no-any-return]


def shares(scores_bhts: Tensor, mask_bts: Tensor) -> Tensor:
    """Return the softmax of `scores_bhts`, which it overwrites, over the sources that the mask allows with a 0."""
    out: Tensor = _Shares.apply(scores_bhts, mask_bts)  # type: ignore[no-untyped-call]
    return out


def added_mask(mask_bts: Tensor, dtype: torch.dtype) -> Tensor:
    """Return a mask of what is allowed as numbers to add to scores: 0 there, and the least number elsewhere."""
    return torch.zeros(mask_bts.shape, dtype=dtype).masked_fill_(~mask_bts, torch.finfo(dtype).min)


def gated(gate_up_btm: Tensor) -> Tensor:
    """Return silu(gate) * up of the halves of the last axis."""
    out: Tensor = _Gated.apply(gate_up_btm)  # type: ignore[no-untyped-call]
    return out


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _unit(x: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """Return x over its root mean square along the last axis, and the inverse of that root."""
    inverse = torch.linalg.vecdot(x, x).div_(x.shape[-1]).add_(epsilon).rsqrt_().unsqueeze(-1)
    return x * inverse, inverse


def _unit_backward(gradient: Tensor, unit: Tensor, inverse: Tensor) -> Tensor:
    """Turn the gradient of `_unit`'s result into that of its input, in place."""
    along = torch.linalg.vecdot(gradient, unit).div_(unit.shape[-1]).unsqueeze(-1)
    return gradient.addcmul_(unit, along, value=-1).mul_(inverse)


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gain_d: Tensor, epsilon: float, dtype: torch.dtype) -> Tensor:
        unit, inverse = _unit(_wide(x), epsilon)
        ctx.save_for_backward(unit, inverse, gain_d)
        ctx.dtype = x.dtype
        return torch.mul(unit, gain_d, out=torch.empty(x.shape, dtype=dtype))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        unit, inverse, gain_d = ctx.saved_tensors
        gradient = _wide(gradients[0])
        of_gain = (gradient * unit).flatten(0, -2).sum(0)
        return _unit_backward(gradient * gain_d, unit, inverse).to(ctx.dtype), of_gain, None, None


class _Heads(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, qkv_bt3hd: Tensor, gains_2d: Tensor, cos_tr: Tensor, sin_tr: Tensor, epsilon: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        batch, time, _, count, width = qkv_bt3hd.shape
        unit_bt2hd, inverse = _unit(_wide(qkv_bt3hd[:, :, :2]), epsilon)
        ctx.save_for_backward(unit_bt2hd, inverse, gains_2d, cos_tr, sin_tr)
        out_3bhtd = torch.empty(3, batch, count, time, width, dtype=qkv_bt3hd.dtype)
        scaled = unit_bt2hd * gains_2d[:, None]
        _rotate(scaled, cos_tr, sin_tr, out_3bhtd[:2].permute(1, 3, 0, 2, 4))
        out_3bhtd[2].copy_(qkv_bt3hd[:, :, 2].transpose(1, 2))
        q, k, v = out_3bhtd.unbind()
        return q, k, v

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        unit_bt2hd, inverse, gains_2d, cos_tr, sin_tr = ctx.saved_tensors
        batch, time, _, count, width = unit_bt2hd.shape
        of_qk = torch.empty_like(unit_bt2hd)
        for at, gradient in enumerate(gradients[:2]):
            of_qk[:, :, at].copy_(gradient.transpose(1, 2))
        back = torch.empty_like(of_qk)
        _rotate(of_qk, cos_tr, -sin_tr, back)
        # First over rows that lie apart, which is quick, then over what is left.
        of_gains_2d = (back * unit_bt2hd).flatten(0, 1).sum(0).sum(1)
        of_qkv = torch.empty(batch, time, 3, count, width, dtype=gradients[2].dtype)
        of_qkv[:, :, :2].copy_(_unit_backward(back.mul_(gains_2d[:, None]), unit_bt2hd, inverse))
        of_qkv[:, :, 2].copy_(gradients[2].transpose(1, 2))
        return of_qkv, of_gains_2d, None, None, None


def _rotate(x_bt2hd: Tensor, cos_tr: Tensor, sin_tr: Tensor, out_bt2hd: Tensor) -> None:
    """Turn each pair (i, i + d/2) of the last axis by its position's angle, into `out_bt2hd`."""
    first, second = x_bt2hd.chunk(2, dim=-1)
    cos, sin = cos_tr[:, None, None], sin_tr[:, None, None]
    halves = out_bt2hd.chunk(2, dim=-1)
    halves[0].copy_((first * cos).addcmul_(second, sin, value=-1))
    halves[1].copy_((second * cos).addcmul_(first, sin))


class _Shares(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, scores_bhts: Tensor, mask_bts: Tensor) -> Tensor:
        out = scores_bhts.add_(mask_bts).softmax(-1)
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (out,) = ctx.saved_tensors
        # What is masked has a share of 0, and so a gradient of 0.
        return torch._softmax_backward_data(gradients[0], out, -1, out.dtype), None


class _Gated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate_up_btm: Tensor) -> Tensor:
        gate, up = gate_up_btm.chunk(2, dim=-1)
        opened = F.silu(gate)
        ctx.save_for_backward(gate_up_btm, opened)
        return opened * up

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        gate_up_btm, opened = ctx.saved_tensors
        gate, up = gate_up_btm.chunk(2, dim=-1)
        out = torch.empty_like(gate_up_btm)
        of_gate, of_up = out.chunk(2, dim=-1)
        torch.mul(gradients[0], opened, out=of_up)
        torch.ops.aten.silu_backward.grad_input(gradients[0] * up, gate, grad_input=of_gate)
        return out
