"""What is written by hand for a CPU is what the plain form computes, and so are its gradients."""

import pytest
import torch
from torch import Tensor

from model import passes
from model.config import ModelConfig
from model.turngpt import TurnGPT

MODES = [pytest.param(False, 1e-5, id="fp32"), pytest.param(True, 0.03, id="bf16")]


def losses(model: TurnGPT, *, autocast: bool) -> tuple[float, Tensor]:
    """Return the loss of a fixed batch and all its gradients as one vector."""
    source = torch.Generator().manual_seed(4)
    ids, targets = torch.randint(0, 300, (2, 3, 48), generator=source)
    segments = (torch.arange(48) // 20).expand(3, 48)
    model.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        loss = model.loss(ids, targets, segments)
    loss.backward()
    return loss.item(), torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


@pytest.mark.parametrize(("autocast", "error"), MODES)
def test_a_whole_network_agrees_with_its_plain_form(monkeypatch, autocast, error):
    model = TurnGPT(ModelConfig(300, 64, 3, 2, 32, 160, 64, turns=32))
    model.initialise(1)
    with torch.no_grad():
        source = torch.Generator().manual_seed(2)
        for parameter in model.parameters():  # layers begin as the identity, which would hide them
            parameter.add_(torch.randn(parameter.shape, generator=source), alpha=0.05)
    loss, gradient = losses(model, autocast=autocast)
    monkeypatch.setattr(passes, "usable", lambda _: False)
    plain_loss, plain_gradient = losses(model, autocast=False)
    assert loss == pytest.approx(plain_loss, rel=error)
    assert float((gradient - plain_gradient).norm() / plain_gradient.norm()) < error


def test_gradients_are_those_of_small_differences():
    """Of each pass alone, in double precision."""
    source = torch.Generator().manual_seed(1)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=source, dtype=torch.float64, requires_grad=True)

    angles = torch.rand(4, 3, generator=source, dtype=torch.float64)
    assert torch.autograd.gradcheck(passes.gated, random(2, 3, 8))
    assert torch.autograd.gradcheck(
        lambda x: passes.shares(x.clone(), torch.ones(1, 1, 4, 4).tril().bool()), random(2, 1, 4, 4)
    )
    assert torch.autograd.gradcheck(lambda x, g: passes.rms_norm(x, g, 1e-6), (random(2, 3, 8), random(8)))
    assert torch.autograd.gradcheck(
        lambda x, g: passes.heads(x, g, angles.cos(), angles.sin(), 1e-6), (random(2, 4, 3, 2, 6), random(2, 6))
    )
