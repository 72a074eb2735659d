"""The grids that numbers of the token table are kept on, and how turns lie in a file: several to a byte.

Rounding is straight-through (Bengio et al. 2013): forward sees what is stored, gradients pass to the free values behind
it. So what is measured is what is stored.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from model.config import TURN_RANGE, ModelConfig
from model.layout import digits, regions


def on_grid(turns_vk: Tensor, config: ModelConfig) -> Tensor:
    """Return turns on their grids as numbers in -1..1; no gradient passes for turns beyond the range."""
    with torch.no_grad():
        rounded = torch.empty_like(turns_vk)
        for _, rows, columns, levels in regions(config):
            rounded[rows, columns] = positions(turns_vk[rows, columns], levels) * (step(levels) / TURN_RANGE)
    return _through(turns_vk.clamp(-TURN_RANGE, TURN_RANGE) / TURN_RANGE, rounded)


def step(levels: int) -> float:
    """Return how far apart a grid's levels are: each is the middle of an equal share of the range."""
    return 2 * TURN_RANGE / levels


def positions(turns_vk: Tensor, levels: int) -> Tensor:
    """Return where turns lie on a grid, whole numbers in -(levels-1)/2..(levels-1)/2."""
    half = (levels - 1) // 2
    # Times the reciprocal: a division by a number is one on some devices and not on others.
    return (turns_vk * (1 / step(levels))).round_().clamp_(-half, half)


def in_bytes(matrix_fd: Tensor) -> Tensor:
    """Return a matrix as `rows_of_bytes` stores it, gradients passing straight through."""
    with torch.no_grad():
        numbers, factors = rows_of_bytes(matrix_fd)
        rounded = numbers * factors[:, None]
    return _through(matrix_fd, rounded)


def rows_of_bytes(matrix_fd: Tensor) -> tuple[Tensor, Tensor]:
    """Return a matrix as whole numbers in -127..127 and a factor a row that bf16 can hold."""
    factors = rounded_to_bf16((matrix_fd.abs().amax(1) * (1 / 127)).clamp_min(1e-30))
    return (matrix_fd / factors[:, None]).round_().clamp_(-127, 127), factors


def in_bf16(x: Tensor) -> Tensor:
    """Return fp32 numbers rounded to bf16, still fp32, gradients passing straight through."""
    return _through(x, rounded_to_bf16(x.detach()))


def rounded_to_bf16(x: Tensor) -> Tensor:
    """Return fp32 numbers rounded to the nearest that bf16 has, ties to even, still fp32.

    By bits, because compiled code leaves out what goes to bf16 and back.
    """
    bits = x.contiguous().view(torch.int32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & -0x10000).view(torch.float32)


def _through(free: Tensor, rounded: Tensor) -> Tensor:
    out: Tensor = _Through.apply(free, rounded)  # type: ignore[no-untyped-call]
    return out


class _Through(torch.autograd.Function):
    """`rounded` to the last bit, which `free + (rounded - free)` is not always."""

    @staticmethod
    def forward(ctx: Any, free: Tensor, rounded: Tensor) -> Tensor:
        return rounded.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


def pack(positions_vk: Tensor, levels: int) -> Tensor:
    """Return positions on a grid as bytes, (tokens, bytes), each of several digits of base `levels`."""
    each = digits(levels)
    shifted = (positions_vk + (levels - 1) // 2).int()
    padded = torch.nn.functional.pad(shifted, (0, -shifted.shape[1] % each))
    return (padded.view(len(padded), -1, each) * _places(levels)).sum(-1).to(torch.uint8)


def unpack(bytes_vn: Tensor, turns: int, levels: int) -> Tensor:
    """Return the positions that `pack` was given, (tokens, turns)."""
    shifted = bytes_vn[..., None].int() // _places(levels) % levels
    return shifted.flatten(1)[:, :turns] - (levels - 1) // 2


def _places(levels: int) -> Tensor:
    return levels ** torch.arange(digits(levels), dtype=torch.int32)
