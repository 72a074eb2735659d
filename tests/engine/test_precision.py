import json

import numpy as np
import pytest
import torch

from engine import precision
from engine.data.packing import Batch
from engine.device import choose_device
from engine.errors import UserError
from engine.precision import Trial, choose_plan
from engine.recipe import OptimizerSettings
from model.config import ModelConfig
from model.turngpt import TurnGPT

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TURNGPT_CACHE", str(tmp_path))
    return tmp_path / "trials.json"


@pytest.fixture
def model() -> TurnGPT:
    model = TurnGPT(ModelConfig(60, 32, 2, 2, 16, 64, 32, turns=8))
    model.initialise(1)
    return model


def batch() -> Batch:
    ids = np.random.default_rng(0).integers(0, 60, (4, 16))
    return Batch(ids, np.roll(ids, -1, 1), np.ones_like(ids))


def choose(model: TurnGPT, **options):
    return choose_plan(model, batch(), OptimizerSettings(), CPU, **options)


def test_the_choice_is_measured_said_and_leaves_the_model_alone(model, cache):
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    plan = choose(model)
    assert plan.device == "cpu" and not plan.compile
    assert "measured: fp32" in plan.reason and "bf16" in plan.reason and "tokens/s" in plan.reason
    assert all(torch.equal(p, before[name]) and p.grad is None for name, p in model.named_parameters())
    assert len(json.loads(cache.read_text())) == 1


def test_what_was_measured_is_remembered(model, monkeypatch):
    choose(model)
    monkeypatch.setattr(precision, "_try", lambda *_: pytest.fail("measured again"))
    assert "measured" in choose(model).reason


def test_a_fast_mode_that_disagrees_is_not_taken(model, monkeypatch):
    def trial(model, batch, settings, plan, few, reference):
        fast_but_wrong = plan.precision == "bf16"
        return Trial(plan.precision, plan.compile, 1000.0 + 9000 * fast_but_wrong, 0.0, 0.5 if fast_but_wrong else 1.0)

    monkeypatch.setattr(precision, "_try", trial)
    plan = choose(model)
    assert plan.precision == "fp32" and "out" in plan.reason
    with pytest.raises(UserError, match="--precision bf16"):
        choose(model, precision="bf16")


def test_compiling_is_tried_only_where_it_can_pay(model, monkeypatch):
    monkeypatch.setattr(precision, "compiler", lambda: "/usr/bin/c++")
    monkeypatch.setattr(
        precision,
        "_try",
        lambda m, b, s, plan, f, r: Trial(plan.precision, plan.compile, 1000.0 * (1 + plan.compile), 0, 1),
    )
    assert not choose(model, tokens_ahead=1000).compile
    assert not choose(model, tokens_ahead=10_000_000, seconds_ahead=60).compile
    assert choose(model, tokens_ahead=10_000_000).compile


def test_without_a_compiler_it_goes_on_and_says_so(model, monkeypatch):
    monkeypatch.setattr(precision, "compiler", lambda: None)
    plan = choose(model, tokens_ahead=10**9)
    assert not plan.compile and "no C++ compiler" in plan.reason
    with pytest.raises(UserError, match="--compile on"):
        choose(model, compile_="on")


def test_a_broken_memory_of_measurements_is_measured_anew(model, cache):
    cache.write_text("{")
    assert "measured" in choose(model).reason


@pytest.mark.parametrize("name", ["tpu", "cpu:x"])
def test_unknown_devices_are_named(name):
    with pytest.raises(UserError, match=f"--device {name}"):
        choose_device(name)


def test_a_device_this_machine_lacks_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="--device cuda: this machine"):
        choose_device("cuda")
