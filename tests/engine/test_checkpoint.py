import errno
import json
import os
import shutil

import pytest
import torch

from engine import checkpoint as checkpoints
from engine.checkpoint import Checkpoint
from engine.errors import EngineError


def at(step: int) -> Checkpoint:
    weights = {"a": torch.full((3, 2), float(step)), "b": torch.arange(4).float().t()}
    return Checkpoint(step, weights, {"a.exp_avg": torch.zeros(3, 2)}, {"tokens": step * 10, "pending": False})


def test_what_was_saved_comes_back(tmp_path):
    checkpoints.save(tmp_path, at(500))
    loaded = checkpoints.load(tmp_path, 500)
    assert torch.equal(loaded.model["a"], at(500).model["a"])
    assert torch.equal(loaded.optimizer["a.exp_avg"], torch.zeros(3, 2))
    assert loaded.state["tokens"] == 5000
    assert (tmp_path / "step-000500" / "manifest.json").is_file()


def test_saving_a_step_again_replaces_it_and_leaves_nothing_beside_it(tmp_path):
    checkpoints.save(tmp_path, at(7))
    checkpoints.save(tmp_path, Checkpoint(7, {"a": torch.ones(1)}, {}, {}))
    assert checkpoints.load(tmp_path, 7).model["a"].tolist() == [1]
    assert [path.name for path in tmp_path.iterdir()] == ["step-000007"]


def test_without_any_there_is_none(tmp_path):
    assert checkpoints.load_newest(tmp_path / "missing") == (None, [])


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json"])
def test_a_changed_byte_is_found_and_the_older_checkpoint_taken(tmp_path, name):
    checkpoints.save(tmp_path, at(1))
    newest = checkpoints.save(tmp_path, at(2))
    content = bytearray((newest / name).read_bytes())
    content[len(content) // 2] ^= 1
    (newest / name).write_bytes(content)
    with pytest.raises(EngineError, match=f"step-000002 is damaged: {name}"):
        checkpoints.load(tmp_path, 2)
    found, damaged = checkpoints.load_newest(tmp_path)
    assert found is not None and found.step == 1
    assert len(damaged) == 1 and name in damaged[0] and "\n" not in damaged[0]


def test_a_missing_file_is_named(tmp_path):
    folder = checkpoints.save(tmp_path, at(3))
    (folder / "model.safetensors").unlink()
    with pytest.raises(EngineError, match=r"model\.safetensors"):
        checkpoints.load(tmp_path, 3)
    with pytest.raises(EngineError, match="no sound checkpoint"):
        checkpoints.load_newest(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 1}', '{"format": 99, "files": {}}'])
def test_a_broken_manifest_is_one_line(tmp_path, content):
    folder = checkpoints.save(tmp_path, at(3))
    (folder / "manifest.json").write_text(content)
    with pytest.raises(EngineError, match="step-000003") as caught:
        checkpoints.load(tmp_path, 3)
    assert "\n" not in str(caught.value)


def test_a_full_disk_leaves_the_old_one_and_no_rubbish(tmp_path, monkeypatch):
    checkpoints.save(tmp_path, at(1))

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EngineError, match="step 2 could not be saved: No space left"):
        checkpoints.save(tmp_path, at(2))
    assert [path.name for path in tmp_path.iterdir()] == ["step-000001"]
    assert checkpoints.load(tmp_path, 1).step == 1


def test_a_write_cut_short_at_any_file_is_no_checkpoint(tmp_path):
    whole = checkpoints.save(tmp_path / "whole", at(9))
    files = sorted(path.name for path in whole.iterdir())
    root = tmp_path / "cut"
    checkpoints.save(root, at(5))
    for count in range(len(files)):
        hidden = root / f".writing-step-000009-{count}"
        hidden.mkdir()
        for name in files[:count]:
            shutil.copy(whole / name, hidden / name)
        assert checkpoints.steps(root) == [5]
    checkpoints.remove(root, {5})
    assert [path.name for path in root.iterdir()] == ["step-000005"]


def test_only_what_is_kept_stays(tmp_path):
    for step in (1, 2, 3, 4):
        checkpoints.save(tmp_path, at(step))
    checkpoints.remove(tmp_path, {2, 4})
    assert checkpoints.steps(tmp_path) == [2, 4]


def test_the_best_is_remembered_and_rubbish_is_no_best(tmp_path):
    assert checkpoints.read_best(tmp_path) is None
    checkpoints.write_best(tmp_path, 40, 1.25)
    assert checkpoints.read_best(tmp_path) == (40, 1.25)
    (tmp_path / "best.json").write_text(json.dumps({"step": None, "loss": 1}))
    assert checkpoints.read_best(tmp_path) is None
