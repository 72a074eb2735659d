import errno
import os
from pathlib import Path

import numpy as np
import pytest

from engine.data.shards import key_of, open_shard, write_shard
from engine.errors import EngineError


def documents(count: int = 5):
    for n in range(1, count + 1):
        yield np.arange(n, dtype=np.uint16), np.arange(n) % 2 == 0


def test_what_was_written_is_read(tmp_path):
    write_shard(tmp_path / "key", documents())
    shard = open_shard(tmp_path / "key")
    assert shard is not None and len(shard) == 5 and shard.tokens == 15
    assert shard.ids[shard.offsets[3] : shard.offsets[4]].tolist() == [0, 1, 2, 3]
    assert shard.learn[shard.offsets[1] : shard.offsets[2]].tolist() == [True, False]
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_missing_or_damaged_shard_is_none(tmp_path):
    assert open_shard(tmp_path / "key") is None
    write_shard(tmp_path / "key", documents())
    ids = tmp_path / "key" / "ids"
    ids.write_bytes(ids.read_bytes()[:-2])
    assert open_shard(tmp_path / "key") is None
    write_shard(tmp_path / "key", documents())
    assert open_shard(tmp_path / "key") is not None


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    def full(self, *args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(EngineError, match="No space left"):
        write_shard(tmp_path / "key", documents())
    assert list(tmp_path.iterdir()) == []


def test_keys_differ_with_what_they_stand_for():
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1}) != key_of({"a": 1, "b": 3})
