"""One position after another, with keys and values kept: the fast way to make a reply.

`DecodingWeights` copies a network's weights with the gains of the norms folded in. The arithmetic is that of
`TurnGPT.forward` up to rounding (tested).

It is written for two array modules at once. On a CPU it runs in NumPy: at one position a step is some hundred
small operations, and what an operation costs before it computes anything is a third of PyTorch's there
(docs/experiments.md). Only products with weights, which wait for memory, are PyTorch's there as well: it reads a matrix
with all cores. On an accelerator all lines run in PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.config import ModelConfig
from model.grid import in_bf16
from model.transformer import Block
from model.turngpt import TurnGPT

Array: TypeAlias = Any
"""A NumPy array or a tensor: what both offer is used."""


class _Layer(NamedTuple):
    qkv: Tensor
    cos: Array
    sin: Array
    out: Tensor
    gate_up: Tensor
    down: Tensor


class DecodingWeights:
    """A copy of a model's weights as they are now, for `Decoding`; takes the time of one copy to make."""

    @torch.no_grad()
    def __init__(self, model: TurnGPT, *, use_numpy: bool | None = None) -> None:
        """Copy; NumPy arrays if the model lies on a CPU, unless `use_numpy` says otherwise."""
        self.config = model.config
        self.device = model.embedding.turns.device
        self.use_numpy = self.device.type == "cpu" if use_numpy is None else use_numpy
        kept: Callable[[Tensor], Array] = _to_numpy if self.use_numpy else torch.Tensor.contiguous
        turns, matrix, origin = model.embedding.kept()
        self.turns = kept(turns)
        self.matrix = matrix.T.contiguous()
        self.origin = kept(origin)
        self.layers = [_lay_out(block, model, kept) for block in model.blocks if isinstance(block, Block)]
        self.last = _folded(model.norm.weight, matrix if model.head is None else in_bf16(model.head))
        self.output = turns if model.head is None else None
        self.bias = None if model.bias is None else kept(in_bf16(model.bias))


def _to_numpy(tensor: Tensor) -> Array:
    return np.ascontiguousarray(tensor.cpu().numpy())


def _lay_out(block: Block, model: TurnGPT, kept: Callable[[Tensor], Array]) -> _Layer:
    c, attention, mlp = model.config, block.attention, block.mlp
    halves = c.head_width // 2
    cos = torch.stack((model.rope_cos, model.rope_cos), dim=1)
    sin = torch.stack((-model.rope_sin, model.rope_sin), dim=1)
    # The root of the width, which `Decoding._norm` leaves out, cancels the queries' 1 / sqrt(d).
    gains = torch.stack((attention.q_norm.weight, attention.k_norm.weight * c.head_width**0.5)).view(2, 2, halves)

    def rotary(angles_t2r: Tensor, gains_q2r: Tensor) -> Array:
        return kept((angles_t2r[:, None] * gains_q2r)[:, :, None])

    return _Layer(
        qkv=_folded(block.attention_norm.weight, attention.qkv.weight),
        cos=rotary(cos, gains),
        sin=rotary(sin, gains.flip(1)),
        out=attention.out.weight.clone(),
        gate_up=_folded(block.mlp_norm.weight, mlp.gate_up.weight * _halved_gates(c, mlp.gate_up.weight.device)),
        down=mlp.down.weight.clone(),
    )


def _halved_gates(config: ModelConfig, device: torch.device) -> Tensor:
    """Return the factors of gate and up: silu(2 h) = h + h tanh(h), which needs no care for large exponents."""
    factors = torch.ones(2 * config.mlp_width, 1, device=device)
    factors[: config.mlp_width] = 0.5
    return factors


def _folded(gain_i: Tensor, weight_oi: Tensor) -> Tensor:
    """Return a layer's weight with the norm before it folded in: its gain and the root of the width."""
    return (weight_oi * (gain_i * math.sqrt(len(gain_i)))).contiguous()


class Decoding:
    """The keys and values of one conversation; `room` positions are allocated at once."""

    def __init__(self, weights: DecodingWeights, room: int) -> None:
        self._weights = weights
        self._xp: Any = np if weights.use_numpy else torch
        # NumPy's own functions of these names take longer to begin than they compute here.
        self._amax: Any = np.maximum.reduce if weights.use_numpy else torch.amax
        self._vecdot: Any = np.vecdot if weights.use_numpy else torch.linalg.vecdot
        self.room = room
        self.position = 0
        c = weights.config
        shape = (len(weights.layers), 2, c.heads, room, c.head_width)
        cache = np.zeros(shape, np.float32) if weights.use_numpy else torch.zeros(shape, device=weights.device)
        self._layers = [(layer, keys, values) for layer, (keys, values) in zip(weights.layers, cache, strict=True)]

    def logits(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Run `ids` (the whole prompt first, then one at a time); returns the last logits, (vocabulary,) fp32."""
        assert self.position == 0 or len(ids) == 1
        w = self._weights
        start, end = self.position, self.position + len(ids)
        x_td = self._product(w.turns[list(ids)], w.matrix) + w.origin
        for layer, keys, values in self._layers:
            x_td = self._layer(x_td, layer, keys, values, start, end)
        self.position = end
        scores = self._product(self._norm(x_td[-1:]), w.last)
        if w.output is not None:
            scores = self._product(scores, w.output)
        if w.bias is not None:
            scores += w.bias
        return scores[0] if w.use_numpy else scores[0].cpu().numpy()  # type: ignore[no-any-return]

    def _layer(self, x_td: Array, layer: _Layer, keys: Array, values: Array, start: int, end: int) -> Array:
        c, xp = self._weights.config, self._xp
        time = end - start
        qkv = self._product(self._norm(x_td), layer.qkv).reshape(time, 3, c.heads, c.head_width)
        qk = self._norm(qkv[:, :2]).reshape(time, 2, c.heads, 2, c.head_width // 2)
        qk = qk * layer.cos[start:end] + self._halves_swapped(qk) * layer.sin[start:end]
        qk = qk.reshape(time, 2, c.heads, c.head_width)
        keys[:, start:end] = qk[:, 1].swapaxes(0, 1)
        values[:, start:end] = qkv[:, 2].swapaxes(0, 1)
        scores_hts = qk[:, 0].swapaxes(0, 1) @ keys[:, :end].swapaxes(1, 2)
        if time > 1:
            scores_hts = scores_hts + xp.triu(xp.full_like(scores_hts[0], -xp.inf), 1)
        shares = xp.exp(scores_hts - self._amax(scores_hts, -1, keepdims=True))
        shares = shares / shares.sum(-1, keepdims=True)
        read = (shares @ values[:, :end]).swapaxes(0, 1).reshape(time, c.attention_width)
        x_td = x_td + self._product(read, layer.out)
        gate_up = self._product(self._norm(x_td), layer.gate_up)
        half_gate, up = gate_up[:, : c.mlp_width], gate_up[:, c.mlp_width :]
        return x_td + self._product((half_gate + half_gate * xp.tanh(half_gate)) * up, layer.down)

    def _product(self, x_ti: Array, weight_oi: Tensor) -> Array:
        """Return what a linear layer makes of rows."""
        if not self._weights.use_numpy:
            return x_ti @ weight_oi.T
        if len(x_ti) == 1:
            return torch.mv(weight_oi, torch.from_numpy(x_ti[0])).numpy()[None]
        return (torch.from_numpy(x_ti) @ weight_oi.T).numpy()

    def _norm(self, x: Array) -> Array:
        """Return x over its length along the last axis: RMSNorm but for the root of the width, which weights hold."""
        squares = self._vecdot(x, x)[..., None]
        return x / self._xp.sqrt(squares + x.shape[-1] * self._weights.config.norm_epsilon)

    def _halves_swapped(self, x_tqhcr: Array) -> Array:
        return x_tqhcr[:, :, :, ::-1] if self._weights.use_numpy else x_tqhcr.flip(3)
