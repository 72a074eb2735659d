"""One position after another, with keys and values kept: the fast way to make a reply.

`DecodingWeights` lays a network's weights out for vectors: transposed, since a product of one row with a
transposed matrix reads memory in order (2.7x faster than `linear` on a CPU), with the gains of the norms
folded in. The arithmetic is that of `TurnGPT.forward` up to rounding (tested).

It is written for two array modules at once. On a CPU it runs in NumPy: at one position a step is some hundred
small operations, and what an operation costs before it computes anything is a third of PyTorch's there
(docs/experiments.md). On an accelerator the same lines run in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.transformer import Block
from model.turngpt import TurnGPT

Array: TypeAlias = Any
"""A NumPy array or a tensor: what both offer is used."""


class _Layer(NamedTuple):
    qkv: Array
    cos: Array
    sin: Array
    out: Array
    gate_up: Array
    down: Array


class DecodingWeights:
    """A copy of a model's weights as they are now, for `Decoding`; takes the time of one copy to make."""

    @torch.no_grad()
    def __init__(self, model: TurnGPT, *, use_numpy: bool | None = None) -> None:
        """Copy; NumPy arrays if the model lies on a CPU, unless `use_numpy` says otherwise."""
        self.config = model.config
        self.device = model.embedding.turns.device
        self.use_numpy = self.device.type == "cpu" if use_numpy is None else use_numpy
        kept: Callable[[Tensor], Array] = _to_numpy if self.use_numpy else torch.Tensor.contiguous
        self.features = kept(model.embedding.features())
        self.matrix = kept(model.embedding.matrix.detach().clone())
        self.layers = [_lay_out(block, model, kept) for block in model.blocks if isinstance(block, Block)]
        gain = model.norm.weight[:, None]
        table = model.embedding.matrix if model.head is None else model.head
        self.last = kept(gain * table.T)
        self.output = None if model.head is not None else kept(model.embedding.features().T)
        self.bias = None if model.bias is None else kept(model.bias.detach().clone())


def _to_numpy(tensor: Tensor) -> Array:
    return np.ascontiguousarray(tensor.cpu().numpy())


def _lay_out(block: Block, model: TurnGPT, kept: Callable[[Tensor], Array]) -> _Layer:
    c, attention, mlp = model.config, block.attention, block.mlp
    halves = c.head_width // 2
    cos = torch.stack((model.rope_cos, model.rope_cos), dim=1)
    sin = torch.stack((-model.rope_sin, model.rope_sin), dim=1)
    gains = torch.stack((attention.q_norm.weight * c.head_width**-0.5, attention.k_norm.weight)).view(2, 2, halves)

    def rotary(angles_t2r: Tensor, gains_q2r: Tensor) -> Array:
        return kept((angles_t2r[:, None] * gains_q2r)[:, :, None])

    return _Layer(
        qkv=kept(attention.qkv.weight.T * block.attention_norm.weight[:, None]),
        cos=rotary(cos, gains),
        sin=rotary(sin, gains.flip(1)),
        out=kept(attention.out.weight.T),
        gate_up=kept(mlp.gate_up.weight.T * block.mlp_norm.weight[:, None]),
        down=kept(mlp.down.weight.T),
    )


class Decoding:
    """The keys and values of one conversation; `room` positions are allocated at once."""

    def __init__(self, weights: DecodingWeights, room: int) -> None:
        self._weights = weights
        self._xp: Any = np if weights.use_numpy else torch
        self.room = room
        self.position = 0
        c = weights.config
        shape = (len(weights.layers), 2, c.heads, room, c.head_width)
        self._cache = np.zeros(shape, np.float32) if weights.use_numpy else torch.zeros(shape, device=weights.device)

    def logits(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Run `ids` (the whole prompt first, then one at a time); returns the last logits, (vocabulary,) fp32."""
        assert self.position == 0 or len(ids) == 1
        w = self._weights
        start, end = self.position, self.position + len(ids)
        x_td = w.features[list(ids)] @ w.matrix
        with np.errstate(over="ignore"):  # exp of a gate far below zero: the infinity divides to zero
            for layer, (keys, values) in zip(w.layers, self._cache, strict=True):
                x_td = self._layer(x_td, layer, keys, values, start, end)
        self.position = end
        scores = self._norm(x_td[-1:]) @ w.last
        if w.output is not None:
            scores = scores @ w.output
        if w.bias is not None:
            scores = scores + w.bias
        return scores[0] if w.use_numpy else scores[0].cpu().numpy()  # type: ignore[no-any-return]

    def _layer(self, x_td: Array, layer: _Layer, keys: Array, values: Array, start: int, end: int) -> Array:
        c, xp = self._weights.config, self._xp
        time = end - start
        qkv = (self._norm(x_td) @ layer.qkv).reshape(time, 3, c.heads, c.head_width)
        qk = self._norm(qkv[:, :2]).reshape(time, 2, c.heads, 2, c.head_width // 2)
        qk = qk * layer.cos[start:end] + xp.flip(qk, (3,)) * layer.sin[start:end]
        qk = qk.reshape(time, 2, c.heads, c.head_width)
        keys[:, start:end] = qk[:, 1].swapaxes(0, 1)
        values[:, start:end] = qkv[:, 2].swapaxes(0, 1)
        scores_hts = qk[:, 0].swapaxes(0, 1) @ keys[:, :end].swapaxes(1, 2)
        if time > 1:
            scores_hts = scores_hts + xp.triu(xp.full_like(scores_hts[0], -xp.inf), 1)
        shares = xp.exp(scores_hts - xp.amax(scores_hts, -1, keepdims=True))
        shares = shares / shares.sum(-1, keepdims=True)
        read = (shares @ values[:, :end]).swapaxes(0, 1).reshape(time, c.attention_width)
        x_td = x_td + read @ layer.out
        gate_up = self._norm(x_td) @ layer.gate_up
        gate, up = gate_up[:, : c.mlp_width], gate_up[:, c.mlp_width :]
        return x_td + (gate / (1 + xp.exp(-gate)) * up) @ layer.down

    def _norm(self, x: Array) -> Array:
        """Return x over its root mean square along the last axis."""
        squares = self._xp.einsum("...i,...i->...", x, x)[..., None]
        return x / self._xp.sqrt(squares / x.shape[-1] + self._weights.config.norm_epsilon)
