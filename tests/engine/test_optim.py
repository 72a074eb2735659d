import pytest
import torch

from engine.optim import build_optimizer, learning_rate, parameter_groups
from engine.recipe import OptimizerSettings, PhaseSettings
from model.config import ModelConfig
from model.turngpt import TurnGPT

SETTINGS = OptimizerSettings()


def model(head: str = "turns") -> TurnGPT:
    model = TurnGPT(ModelConfig(60, 32, 2, 2, 16, 64, 32, turns=8, head=head))  # type: ignore[arg-type]
    model.initialise(1)
    return model


@pytest.mark.parametrize("head", ["turns", "table"])
def test_every_parameter_is_in_exactly_one_group(head):
    network = model(head)
    grouped = [id(p) for group in parameter_groups(network, SETTINGS) for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in network.parameters())


def test_only_matrices_of_the_trunk_decay_and_turns_have_their_own_rate():
    groups = {group["name"]: group for group in parameter_groups(model(), SETTINGS)}
    assert {name for name, group in groups.items() if group["weight_decay"] > 0} == {"matrices"}
    assert {name for name, group in groups.items() if group["scale"] != 1} == {"turns"}
    assert all(p.ndim == 2 for p in groups["matrices"]["params"])


def test_fused_adamw_is_adamw():
    ours, reference = model(), model()
    optimizer = build_optimizer(ours, SETTINGS)
    plain = torch.optim.AdamW(
        parameter_groups(reference, SETTINGS),  # type: ignore[arg-type]
        betas=SETTINGS.betas,
        eps=1e-10,
        fused=False,
        foreach=False,
    )
    ids = torch.arange(32)[None]
    for optimizer_, network in ((optimizer, ours), (plain, reference)):
        for _ in range(3):
            network.loss(ids, ids.roll(-1), torch.ones_like(ids)).backward()
            for group in optimizer_.param_groups:
                group["lr"] = 1e-3 * group["scale"]
            optimizer_.step()
            optimizer_.zero_grad()
    for a, b in zip(ours.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_the_rate_rises_to_its_peak_and_falls_to_its_share():
    phase = PhaseSettings(
        steps=100,
        batch=1,
        length=16,
        learning_rate=1e-3,
        warmup=0.1,
        final_rate=0.2,
        mix={"builtin:stories": 1},
    )
    rates = [learning_rate(phase, step) for step in range(100)]
    assert rates[0] == pytest.approx(1e-4)
    assert max(rates) == pytest.approx(1e-3) and rates.index(max(rates)) in (9, 10)
    assert rates[:10] == sorted(rates[:10]) and rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(2e-4, rel=0.02)
    assert learning_rate(phase, 1000) == pytest.approx(2e-4)
