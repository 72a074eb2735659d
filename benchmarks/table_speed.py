"""Training and decoding tokens/s of our tables beside a full one, the rivals in turn."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.report import compare
from benchmarks.table_arms import ARMS, Arm, build, expanded_head
from benchmarks.table_text import Text
from engine.device import Plan
from engine.recipe import OptimizerSettings
from engine.trainer import Trainer
from model.decoding import Decoding, DecodingWeights
from model.turngpt import TurnGPT

RIVALS = ("wide", "full-random")
STEPS, PROMPT, NEW, ROOM = 10, 32, 128, 160


def measure(text: Text, plan: Plan) -> None:
    """Time both; arithmetic is what counts, so the weights stay random."""
    compare("training", "tokens/s", {name: _training(ARMS[name], text, plan) for name in RIVALS})
    model = build(ARMS["wide"], text.shape, 1, text.statistics)
    weights = DecodingWeights(model)
    compare(
        f"decoding, prompt {PROMPT}, {NEW} new tokens, greedy",
        "tokens/s",
        {
            "wide, turns and generator kept": lambda: _decode(Decoding(weights, ROOM)),
            "wide, expanded once": _decoding_from_table(model),
            "full table": _decoding_from_table(build(ARMS["full-random"], text.shape, 1, text.statistics)),
        },
    )


def _training(arm: Arm, text: Text, plan: Plan) -> Callable[[], float]:
    settings = OptimizerSettings(turns_rate=arm.table_rate)
    trainer = Trainer(build(arm, text.shape, 1, text.statistics), settings, plan)
    batch = text.batches(1).next()

    def run() -> float:
        _synchronise()
        began = time.perf_counter()
        for _ in range(STEPS):
            trainer.step(batch, 1e-4)
        _synchronise()
        return STEPS * batch.ids.size / (time.perf_counter() - began)

    return run


class TableWeights(DecodingWeights):
    """Weights for decoding from the table itself, with no generator between."""

    @torch.no_grad()
    def __init__(self, model: TurnGPT) -> None:
        super().__init__(model)
        table = model.embedding.table().contiguous()
        self.turns = table.numpy() if self.use_numpy else table
        self.origin = self.turns[0] * 0
        self.output = None
        self.last = expanded_head(model).contiguous()


class TableDecoding(Decoding):
    """Decoding with `TableWeights`: the one product with a generator is left out."""

    def _product(self, x_ti: np.ndarray, weight_oi: torch.Tensor) -> np.ndarray:
        return x_ti if weight_oi is self._weights.matrix else super()._product(x_ti, weight_oi)


def _decoding_from_table(model: TurnGPT) -> Callable[[], float]:
    weights = TableWeights(model)
    return lambda: _decode(TableDecoding(weights, ROOM))


def _decode(decoding: Decoding) -> float:
    began = time.perf_counter()
    logits = decoding.logits(list(range(10, 10 + PROMPT)))
    for _ in range(NEW - 1):
        logits = decoding.logits([int(logits.argmax())])
    return NEW / (time.perf_counter() - began)


def _synchronise() -> None:
    if torch.accelerator.is_available():
        torch.accelerator.synchronize()
