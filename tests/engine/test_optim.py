import pytest
import torch

from engine.muon import MuonAdamW, orthogonal
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
    assert {name for name, group in groups.items() if group["scale"] != 1} == {"turns", "generator"}
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


def step_of(optimizer: torch.optim.Optimizer, weights: list[torch.nn.Parameter], gradients: list[torch.Tensor]) -> None:
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.grad = gradient.clone()
    optimizer.step()


def test_muon_is_the_librarys_with_joined_matrices_apart():
    source = torch.Generator().manual_seed(1)
    whole, joined = (torch.randn(*shape, generator=source) for shape in ((16, 24), (48, 16)))
    ours = [torch.nn.Parameter(one.clone()) for one in (whole, joined)]
    theirs = [torch.nn.Parameter(one.clone()) for one in (whole, *joined.chunk(3))]
    group = {"params": ours, "parts": [1, 3], "weight_decay": 0.1}
    mine = MuonAdamW([group], dtype=torch.bfloat16, lr=1e-2)
    peer = torch.optim.Muon(theirs, lr=1e-2, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for _ in range(5):
        slopes = [torch.randn(weight.shape, generator=source) for weight in ours]
        step_of(mine, ours, slopes)
        step_of(peer, theirs, [slopes[0], *slopes[1].chunk(3)])
    moved = (ours[0] - whole).norm().item()
    assert (ours[0] - theirs[0]).norm().item() / moved < 0.02
    assert (ours[1] - torch.cat(theirs[1:])).norm().item() / moved < 0.02


def test_an_orthogonal_update_moves_all_directions_alike():
    matrices = torch.randn(3, 20, 50, generator=torch.Generator().manual_seed(1))
    matrices[:, :15] *= 0.1
    before, after = torch.linalg.svdvals(matrices), torch.linalg.svdvals(orthogonal(matrices))
    assert float(before.amax() / before.amin()) > 10
    assert float(after.amin()) > 0.6 and float(after.amax()) < 1.25


@pytest.mark.parametrize("head", ["turns", "table"])
def test_muon_has_the_layers_matrices_and_nothing_else(head):
    network = model(head)
    groups = {group["name"]: group for group in parameter_groups(network, OptimizerSettings(matrices="muon"))}
    assert [name for name, group in groups.items() if "parts" in group] == ["matrices"]
    names = {id(p): name for name, p in network.named_parameters()}
    matrices = groups["matrices"]
    parts = {names[id(p)]: count for p, count in zip(matrices["params"], matrices["parts"], strict=True)}
    layer = {"attention.qkv": 3, "attention.out": 1, "mlp.gate_up": 2, "mlp.down": 1}
    assert parts == {f"blocks.{n}.{name}.weight": count for n in range(2) for name, count in layer.items()}


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
