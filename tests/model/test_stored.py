"""What is stored is what was trained with: a reader's logits are the same to the last bit, and bytes are as counted."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.device import Plan
from engine.recipe import OptimizerSettings
from engine.trainer import Trainer
from model.config import ModelConfig, named
from model.layout import parameter_table
from model.stored import load_stored, stored_tensors
from model.turngpt import TurnGPT
from tests.engine.test_trainer import batch

SHAPES = {
    "default": named("tiny", vocabulary=300, layers=2, width=48, turns=33, fine_turns=5, axes=("size", "time")),
    "without axes or common tokens": named(
        "tiny", vocabulary=300, layers=1, width=32, turns=17, fine_turns=0, common_share=0.0
    ),
    "all common": named("tiny", vocabulary=300, layers=1, width=32, turns=16, common_share=1.0),
    "only named axes": named("tiny", vocabulary=300, layers=1, width=32, turns=8, fine_turns=0, axes=tuple("abcdefgh")),
    "full head": named("tiny", vocabulary=300, layers=1, width=32, turns=16, levels=255, head="table"),
}


def trained(config: ModelConfig) -> TurnGPT:
    model = TurnGPT(config)
    model.initialise(1)
    trainer = Trainer(model, OptimizerSettings(turns_rate=100.0), Plan("cpu"))
    for _ in range(3):
        trainer.step(batch(), 1e-2)
    return model


@pytest.mark.parametrize("config", SHAPES.values(), ids=SHAPES)
def test_a_reader_has_the_logits_of_training(config: ModelConfig, tmp_path: Path) -> None:
    model = trained(config)
    save_file(stored_tensors(model), tmp_path / "model.safetensors")
    tensors = load_file(tmp_path / "model.safetensors")
    read = TurnGPT(config)
    load_stored(read, tensors)
    ids = torch.arange(40)[None]
    assert not torch.equal(read.embedding.turns, model.embedding.turns)
    assert torch.equal(read(ids, ids * 0), model(ids, ids * 0))
    counted = parameter_table(config)[:-1]
    assert sum(tensor.nbytes for tensor in tensors.values()) == sum(part.stored_bytes for part in counted)


def test_what_was_read_is_stored_as_it_was() -> None:
    config = SHAPES["default"]
    tensors = stored_tensors(trained(config))
    read = TurnGPT(config)
    load_stored(read, tensors)
    again = stored_tensors(read)
    assert tensors.keys() == again.keys()
    assert all(torch.equal(tensor, again[name]) for name, tensor in tensors.items())


def test_tensors_of_another_shape_are_refused() -> None:
    tensors = stored_tensors(trained(SHAPES["default"]))
    with pytest.raises(KeyError, match="fine"):
        load_stored(TurnGPT(SHAPES["only named axes"]), {name: t for name, t in tensors.items() if "fine" not in name})
    with pytest.raises(RuntimeError):
        load_stored(TurnGPT(SHAPES["without axes or common tokens"]), tensors)
