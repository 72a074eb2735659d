"""A start from which a network repeats what it reads: an induction circuit in its first two layers.

Copying a word that was said needs two heads that work together (Olsson et al. 2022): one by which each token knows the
token before it, and one that looks for where the present token was before and takes what came after it there. Training
finds them late, after more text than a small machine reads in minutes. Here they are written into the weights that
training starts from, as Trockman and Kolter (2023) do for simpler patterns; nothing keeps them there.

    layer 1, head 1    query and key are constant; the rotary angles of four quick pairs agree at a distance of one,
                       so each position reads the embedding before its own, into dimensions that embeddings use least
    layer 2, 2 heads   query: the token here; key: the token before there; what is read, the embedding there, is added
                       to the stream as it is, and so to the scores of the tokens that look like it
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from model.config import ModelConfig
from model.transformer import Attention

ORIGIN = 0.5
"""Length of the constant part of embeddings, as a share of the rest: what makes a query the same for every token."""
SHARPNESS = 2.0
"""Gain of both layers' queries: at 1 a position reads its neighbours nearly as much as the token before it."""
NEAR_PAIRS = 4
"""Rotary pairs, the quickest ones, that tell a distance of one from others."""
HEADS = 2
"""Heads of the second layer that look for the same token, each in other dimensions."""
STRENGTH = 2.0
"""Length of what the second layer adds, beside the present token's embedding."""


def write_induction(
    config: ModelConfig, first: Attention, second: Attention, matrix_kd: Tensor, source: torch.Generator
) -> Tensor:
    """Write the circuit into two layers' attention; returns the origin, (width,), that embeddings need for it.

    The first layer's first head and the second layer's first heads lose what they had. `matrix_kd` is the generator's.
    """
    c = config
    seen = min(c.turns, c.head_width, (c.width - 1) // 2)
    # What tells tokens apart lies in all turns, so each dimension that is read mixes them.
    mixtures = matrix_kd.T @ torch.randn(c.turns, min(c.turns, c.width - 1 - seen), generator=source)
    spanned = torch.cat((mixtures, torch.randn(c.width, c.width, generator=source)), dim=1)
    basis_dd: Tensor = torch.linalg.qr(spanned[:, : c.width]).Q.T
    token_sd, origin_d, before_sd = basis_dd[:seen], basis_dd[-1], basis_dd[-1 - seen : -1]

    query_h, key_h = _one_before(c)
    qkv, out = _by_head(c, first)
    qkv[:, 0] = 0
    qkv[0, 0], qkv[1, 0], qkv[2, 0, :seen] = torch.outer(query_h, origin_d), torch.outer(key_h, origin_d), token_sd
    out[:, 0, :seen] = before_sd.T

    # The slower half of the pairs turns little within a conversation: what is compared there, compares at any distance.
    pairs = torch.arange(c.head_width // 4, c.head_width // 2)
    still = torch.cat((pairs, pairs + c.head_width // 2))
    qkv, out = _by_head(c, second)
    heads = min(HEADS, c.heads)
    for head in range(heads):
        mixed = torch.linalg.qr(torch.randn(max(seen, len(still)), len(still), generator=source)).Q.T[:, :seen]
        qkv[:, head] = 0
        qkv[0, head, still], qkv[1, head, still], qkv[2, head, :seen] = mixed @ token_sd, mixed @ before_sd, token_sd
        out[:, head, :seen] = token_sd.T * (STRENGTH / heads)
    for attention in (first, second):
        attention.q_norm.weight.fill_(SHARPNESS)
    return origin_d * (ORIGIN * math.sqrt(c.width))


def _one_before(config: ModelConfig) -> tuple[Tensor, Tensor]:
    """Return a query and a key, (head_width,), whose rotary positions agree where the key is one position earlier."""
    halves = config.head_width // 2
    angles = config.rope_base ** (-torch.arange(min(NEAR_PAIRS, halves)).double() / halves)
    query, key = torch.zeros(2, halves), torch.zeros(2, halves)
    query[0, : len(angles)] = 1
    key[0, : len(angles)], key[1, : len(angles)] = angles.cos().float(), angles.sin().float()
    return query.flatten(), key.flatten()


def _by_head(config: ModelConfig, attention: Attention) -> tuple[Tensor, Tensor]:
    """Return views of a layer's weights, (3, heads, head_width, width) and (width, heads, head_width)."""
    qkv = attention.qkv.weight.view(3, config.heads, config.head_width, config.width)
    return qkv, attention.out.weight.view(config.width, config.heads, config.head_width)
