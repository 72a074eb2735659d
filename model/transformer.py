"""The trunk: exactly Qwen3's shape, so that its weights can be loaded elsewhere unmodified.

Pre-norm blocks of multi-head attention (queries and keys normalised by head, rotary positions in the
half-split convention) and SwiGLU, RMSNorm with a gain, no biases. Query, key and value share one matrix,
as do gate and up: fewer, larger products; they are split by rows for an export.

Attention is written as two matrix products and a softmax: at the short rows this project trains on,
that is faster compiled than the fused kernel for the CPU (docs/experiments.md); on CUDA and MPS the fused
kernel is used.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model import passes
from model.config import ModelConfig


class RMSNorm(nn.Module):
    """Scale to unit root mean square, then by a learned gain (Zhang and Sennrich 2019)."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis in fp32."""
        if passes.usable(x):
            return passes.rms_norm(x, self.weight, self.epsilon)
        scaled = x.float()
        scaled = scaled * torch.rsqrt(scaled.square().mean(-1, keepdim=True) + self.epsilon)
        return (scaled * self.weight.float()).to(x.dtype)


def rotary_table(positions: int, head_width: int, base: float) -> tuple[Tensor, Tensor]:
    """Return cosines and sines, each (positions, head_width / 2), in fp32 (Su et al. 2021)."""
    rates = base ** (-torch.arange(0, head_width, 2, dtype=torch.float64) / head_width)
    angles = torch.arange(positions, dtype=torch.float64)[:, None] * rates
    return angles.cos().float(), angles.sin().float()


def rotate(x_bhtd: Tensor, cos_td: Tensor, sin_td: Tensor) -> Tensor:
    """Turn each pair (i, i + d/2) of the last axis by its position's angle."""
    first, second = x_bhtd.chunk(2, dim=-1)
    cos_td, sin_td = cos_td.to(x_bhtd.dtype), sin_td.to(x_bhtd.dtype)
    return torch.cat((first * cos_td - second * sin_td, second * cos_td + first * sin_td), dim=-1)


def attend(q_bhtd: Tensor, k_bhsd: Tensor, v_bhsd: Tensor, mask_bts: Tensor) -> Tensor:
    """Return softmax(q k / sqrt(d)) v where the mask, (batch or 1, 1, time, source), allows it.

    The mask is bool or, where passes.py is used, what is added to scores.
    """
    if q_bhtd.device.type != "cpu":
        return F.scaled_dot_product_attention(q_bhtd, k_bhsd, v_bhsd, attn_mask=mask_bts)
    scores = (q_bhtd * q_bhtd.shape[-1] ** -0.5) @ k_bhsd.transpose(-1, -2)
    if mask_bts.dtype != torch.bool:
        return passes.shares(scores, mask_bts) @ v_bhsd
    scores = scores.masked_fill(~mask_bts, torch.finfo(scores.dtype).min)
    weights: Tensor = scores.softmax(-1, dtype=torch.float32).to(v_bhsd.dtype)
    return weights @ v_bhsd


class Attention(nn.Module):
    """Multi-head attention with normalised queries and keys."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads, self.head_width = config.heads, config.head_width
        self.qkv = nn.Linear(config.width, 3 * config.attention_width, bias=False)
        self.out = nn.Linear(config.attention_width, config.width, bias=False)
        self.q_norm = RMSNorm(config.head_width, config.norm_epsilon)
        self.k_norm = RMSNorm(config.head_width, config.norm_epsilon)

    def project(self, x_btd: Tensor, cos_td: Tensor, sin_td: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values, each (batch, heads, time, head_width), positions applied."""
        batch, time, _ = x_btd.shape
        qkv = self.qkv(x_btd).view(batch, time, 3, self.heads, self.head_width)
        if passes.usable(qkv):
            gains = torch.stack((self.q_norm.weight, self.k_norm.weight))
            return passes.heads(qkv, gains, cos_td, sin_td, self.q_norm.epsilon)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        return rotate(self.q_norm(q), cos_td, sin_td), rotate(self.k_norm(k), cos_td, sin_td), v

    def merge(self, x_bhtd: Tensor) -> Tensor:
        """Join the heads and project back to the width."""
        merged: Tensor = self.out(x_bhtd.transpose(1, 2).flatten(2))
        return merged


def _gated(gate_up_btm: Tensor) -> Tensor:
    gate, up = gate_up_btm.chunk(2, dim=-1)
    return F.silu(gate) * up


class SwiGLU(nn.Module):
    """The gated feed-forward layer (Shazeer 2020)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate_up = nn.Linear(config.width, 2 * config.mlp_width, bias=False)
        self.down = nn.Linear(config.mlp_width, config.width, bias=False)

    def forward(self, x_btd: Tensor) -> Tensor:
        """Apply down(silu(gate) * up)."""
        gate_up = self.gate_up(x_btd)
        out: Tensor = self.down(passes.gated(gate_up) if passes.usable(gate_up) else _gated(gate_up))
        return out


class Block(nn.Module):
    """One layer of the trunk."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention_norm = RMSNorm(config.width, config.norm_epsilon)
        self.attention = Attention(config)
        self.mlp_norm = RMSNorm(config.width, config.norm_epsilon)
        self.mlp = SwiGLU(config)

    def forward(self, x_btd: Tensor, mask_bts: Tensor, cos_td: Tensor, sin_td: Tensor) -> Tensor:
        """Run the layer over whole rows."""
        q, k, v = self.attention.project(self.attention_norm(x_btd), cos_td, sin_td)
        x_btd = x_btd + self.attention.merge(attend(q, k, v, mask_bts))
        out: Tensor = x_btd + self.mlp(self.mlp_norm(x_btd))
        return out
