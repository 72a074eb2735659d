import pytest
import torch

from model.config import ModelConfig
from model.turngpt import TurnGPT


def repeated(config: ModelConfig, induction: bool) -> float:
    """Read 40 different tokens twice: how often is the one that comes next likeliest, the present one aside?"""
    model = TurnGPT(config)
    model.initialise(1, induction=induction)
    source = torch.Generator().manual_seed(3)
    once = torch.stack([torch.randperm(config.vocabulary, generator=source)[:40] for _ in range(16)])
    ids = torch.cat((once, once), dim=1)
    with torch.no_grad():
        scores = model(ids, torch.zeros_like(ids)).scatter(2, ids[:, :, None], -100.0)
    return float((scores[:, 40:-1].argmax(-1) == ids[:, 41:]).float().mean())


SHAPES = [
    ModelConfig(1024, 192, 4, 3, 64, 512, 128),
    ModelConfig(1024, 256, 2, 4, 64, 512, 128),
    ModelConfig(1024, 192, 2, 3, 64, 512, 128, turns=64),
]


@pytest.mark.parametrize("config", SHAPES)
def test_an_untrained_network_repeats_what_it_read(config):
    assert repeated(config, induction=True) > 0.5


def test_without_the_circuit_it_does_not():
    assert repeated(SHAPES[0], induction=False) < 0.02


@pytest.mark.parametrize(("width", "turns", "heads", "head_width"), [(32, 8, 2, 16), (16, 64, 1, 2), (48, 64, 3, 16)])
def test_any_shape_can_have_it(width, turns, heads, head_width):
    model = TurnGPT(ModelConfig(300, width, 2, heads, head_width, 32, 64, turns=turns))
    model.initialise(1)
    ids = torch.arange(20)[None]
    assert model(ids, torch.zeros_like(ids)).isfinite().all()


def test_one_layer_has_no_room_for_it():
    model = TurnGPT(ModelConfig(300, 32, 1, 2, 16, 64, 64, turns=8))
    model.initialise(1)
    assert not model.embedding.origin.any()
