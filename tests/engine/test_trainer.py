import math
from typing import Any

import numpy as np
import pytest
import torch

from engine import trainer as trainer_module
from engine.data.packing import Batch
from engine.device import Plan
from engine.recipe import OptimizerSettings
from engine.trainer import NotFiniteError, Trainer
from model.config import ModelConfig
from model.loss import IGNORED
from model.stored import load_stored, stored_tensors
from model.turngpt import TurnGPT


def make(**optimizer: Any) -> Trainer:
    model = TurnGPT(ModelConfig(60, 32, 2, 2, 16, 64, 32, turns=12, fine_turns=4))
    model.initialise(1)
    return Trainer(model, OptimizerSettings(**optimizer), Plan("cpu"))


def batch(rows: int = 6, length: int = 16, seed: int = 0) -> Batch:
    random = np.random.default_rng(seed)
    starts = random.integers(6, 40, (rows, 1))
    ids = starts + np.arange(length)  # each token is followed by the next number
    targets = ids + 1
    targets[:, : length // 3] = IGNORED
    return Batch(ids, targets, np.ones_like(ids))


MATRICES = pytest.mark.parametrize("matrices", ["adamw", "muon"])


@MATRICES
def test_it_learns_to_count(matrices):
    trainer = make(matrices=matrices)
    first = trainer.step(batch(), 3e-3).loss
    for step in range(90):
        last = trainer.step(batch(seed=step), 3e-3).loss
    assert first == pytest.approx(math.log(60), rel=0.1)
    assert last < 0.5 * first
    assert trainer.validate([batch(seed=99)]) == pytest.approx(last, abs=0.7)


@MATRICES
def test_splitting_a_batch_changes_nothing_but_memory(monkeypatch, matrices):
    whole, split = make(matrices=matrices), make(matrices=matrices)
    a = whole.step(batch(), 1e-3)
    monkeypatch.setattr(trainer_module, "MICRO_TOKENS", 32)
    b = split.step(batch(), 1e-3)
    assert a.loss == pytest.approx(b.loss, rel=1e-5)
    assert a.gradient_norm == pytest.approx(b.gradient_norm, rel=1e-4)
    for p, q in zip(whole.model.parameters(), split.model.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-3, atol=1e-3)


def test_a_loss_that_is_not_finite_touches_no_weight():
    trainer = make()
    trainer.step(batch(), 1e-3)
    before = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
    with torch.no_grad():
        trainer.model.norm.weight[0] = torch.nan
    with pytest.raises(NotFiniteError, match="nan"):
        trainer.step(batch(), 1e-3)
    for name, parameter in trainer.model.named_parameters():
        if name != "norm.weight":
            assert torch.equal(parameter, before[name]), name
            assert parameter.grad is None


@MATRICES
def test_the_optimiser_comes_back_exactly(matrices):
    first, second = make(matrices=matrices), make(matrices=matrices)
    for step in range(3):
        first.step(batch(seed=step), 1e-3)
    load_stored(second.model, stored_tensors(first.model))
    second.load_optimizer_tensors({name: tensor.clone() for name, tensor in first.optimizer_tensors().items()})
    for step in range(3, 6):
        a, b = first.step(batch(seed=step), 1e-3), second.step(batch(seed=step), 1e-3)
        assert (a.loss, a.gradient_norm) == (b.loss, b.gradient_norm)
    for p, q in zip(first.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(p, q)


def test_nothing_to_learn_is_no_number():
    nothing = batch()
    assert math.isnan(make().validate([Batch(nothing.ids, np.full_like(nothing.ids, IGNORED), nothing.segments)]))
