"""TurnGPT: turn embedding, trunk and head; the loss for training and cached decoding for chat."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model import passes
from model.config import TURN_RANGE, ModelConfig
from model.grid import in_bf16
from model.induction import write_induction
from model.loss import IGNORED, summed_cross_entropy
from model.transformer import Block, RMSNorm, rotary_table
from model.turns import Kept, TurnEmbedding

LEARNED_MULTIPLE = 128
"""The positions that get logits in training on a CPU are filled up to a multiple of this."""


class TurnGPT(nn.Module):
    """A decoder-only language model whose token table is generated from turn vectors."""

    rope_cos: Tensor
    rope_sin: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = TurnEmbedding(config)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = RMSNorm(config.width, config.norm_epsilon)
        self.bias = nn.Parameter(torch.empty(config.vocabulary)) if config.head == "turns" else None
        self.head = nn.Parameter(torch.empty(config.vocabulary, config.width)) if config.head == "table" else None
        cos, sin = rotary_table(config.context, config.head_width, config.rope_base)
        self.register_buffer("rope_cos", cos, persistent=False)
        self.register_buffer("rope_sin", sin, persistent=False)

    @torch.no_grad()
    def initialise(self, seed: int, turns: Tensor | None = None, *, induction: bool = True) -> None:
        """Set every parameter, reproducibly; with `induction` the first two layers of several repeat what was read.

        | parameter                       | start                                                  |
        |---------------------------------|--------------------------------------------------------|
        | turns                           | `turns` (vocabulary, turns) if given, else uniform      |
        | generator matrix                | a dimension for each turn, or normal if turns are more; |
        |                                 | so that embeddings have unit mean square                |
        | origin                          | zero, or what model/induction.py needs                  |
        | qkv, gate_up, table head        | normal, 1 / sqrt(inputs); the table head a tenth of it  |
        | attention out, mlp down         | zero: each layer starts as the identity                 |
        | gains                           | one; the last one 0.2 / sqrt(width): small logits        |
        | bias of the head                | zero                                                    |
        """
        source = torch.Generator().manual_seed(seed)
        c = self.config
        if turns is None:
            turns = torch.empty(c.vocabulary, c.turns).uniform_(-TURN_RANGE, TURN_RANGE, generator=source)
        self.embedding.turns.copy_(turns)
        mean_square = (self.embedding.values() / TURN_RANGE).square().mean().clamp_min(1e-4)
        if c.turns <= c.width:
            nn.init.eye_(self.embedding.matrix).mul_(float((c.width / (c.turns * mean_square)) ** 0.5))
        else:
            self.embedding.matrix.normal_(0, float((c.turns * mean_square) ** -0.5), generator=source)
        for block in self.blocks:
            assert isinstance(block, Block)
            block.attention.qkv.weight.normal_(0, c.width**-0.5, generator=source)
            block.mlp.gate_up.weight.normal_(0, c.width**-0.5, generator=source)
            block.attention.out.weight.zero_()
            block.mlp.down.weight.zero_()
            for norm in (
                block.attention_norm,
                block.mlp_norm,
                block.attention.q_norm,
                block.attention.k_norm,
            ):
                norm.weight.fill_(1)
        self.embedding.origin.zero_()
        if induction and c.layers > 1:
            first, second, *_ = (block.attention for block in self.blocks if isinstance(block, Block))
            self.embedding.origin.copy_(write_induction(c, first, second, self.embedding.matrix, source))
        if self.bias is not None:
            self.norm.weight.fill_(0.2 * c.width**-0.5)
            self.bias.zero_()
        if self.head is not None:
            self.norm.weight.fill_(1)
            self.head.normal_(0, 0.1 * c.width**-0.5, generator=source)

    def hidden(self, ids_bt: Tensor, segments_bt: Tensor, kept: Kept) -> Tensor:
        """Return the last hidden states, (batch, time, width); attention stays within a segment."""
        time = ids_bt.shape[1]
        causal = torch.ones(time, time, dtype=torch.bool, device=ids_bt.device).tril()
        mask = (segments_bt[:, None, :, None] == segments_bt[:, None, None, :]) & causal
        cos, sin = self.rope_cos[:time], self.rope_sin[:time]
        x = self.embedding.embed(ids_bt, kept)
        if passes.usable(x):
            mask = passes.added_mask(mask, passes.product_type(x))
        for block in self.blocks:
            x = block(x, mask, cos, sin)
        out: Tensor = self.norm(x)
        return out

    def scores(self, hidden_btd: Tensor, kept: Kept) -> Tensor:
        """Return the logits, (batch, time, vocabulary), or (positions, vocabulary) of such."""
        if self.head is not None:
            return hidden_btd @ in_bf16(self.head).T
        return self.embedding.scores(hidden_btd, kept, None if self.bias is None else in_bf16(self.bias))

    def forward(self, ids_bt: Tensor, segments_bt: Tensor) -> Tensor:
        """Return the logits of whole rows, (batch, time, vocabulary); segments mark documents, see `hidden`."""
        kept = self.embedding.kept()
        return self.scores(self.hidden(ids_bt, segments_bt, kept), kept)

    def loss(self, ids_bt: Tensor, targets_bt: Tensor, segments_bt: Tensor) -> Tensor:
        """Return the summed cross-entropy in nats over targets that are not IGNORED, in fp32."""
        kept = self.embedding.kept()
        hidden_nd = self.hidden(ids_bt, segments_bt, kept).flatten(0, 1)
        targets_n = targets_bt.flatten()
        if passes.usable(ids_bt):
            # Positions that learn nothing need no logits. Their number varies, which compiled code and MPS do not like
            # at all; on a CPU each number costs time and memory once, so there are few.
            learned_n = (targets_n != IGNORED).nonzero().squeeze(1)
            missing = -len(learned_n) % LEARNED_MULTIPLE
            targets_n = F.pad(targets_n[learned_n], (0, missing), value=IGNORED)
            return summed_cross_entropy(self.scores(hidden_nd[F.pad(learned_n, (0, missing))], kept), targets_n)
        logits_nv = self.scores(hidden_nd, kept).float()
        return F.cross_entropy(logits_nv, targets_n, ignore_index=IGNORED, reduction="sum")
