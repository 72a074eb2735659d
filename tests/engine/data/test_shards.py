import errno
import os
from pathlib import Path

import numpy as np
import pytest

from engine.data.shards import Shard, ShardWriter, key_of, open_shard
from engine.errors import EngineError

NONE = np.empty(0, np.uint8)


def documents(count: int = 5, start: int = 1):
    for n in range(start, start + count):
        yield np.arange(n, dtype=np.uint16), np.arange(n) % 2 == 0


def written(folder: Path) -> Shard:
    with ShardWriter(folder) as writer:
        writer.add(documents())
        return writer.finish({"documents": 5})


def test_what_was_written_is_read(tmp_path):
    written(tmp_path / "key")
    shard = open_shard(tmp_path / "key")
    assert shard is not None and len(shard) == 5 and shard.tokens == 15
    assert shard.ids[shard.offsets[3] : shard.offsets[4]].tolist() == [0, 1, 2, 3]
    assert shard.learn[shard.offsets[1] : shard.offsets[2]].tolist() == [True, False]
    assert shard.report == {"documents": 5}
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["key"]


def test_a_missing_or_damaged_shard_is_none(tmp_path):
    assert open_shard(tmp_path / "key") is None
    written(tmp_path / "key")
    ids = tmp_path / "key" / "ids"
    ids.write_bytes(ids.read_bytes()[:-2])
    assert open_shard(tmp_path / "key") is None
    written(tmp_path / "key")
    assert open_shard(tmp_path / "key") is not None


def test_an_interrupted_writer_goes_on_where_it_rested(tmp_path):
    with ShardWriter(tmp_path / "key") as writer:
        assert writer.state is None
        writer.add(documents(3))
        writer.rest({"taken": 3}, np.arange(4, dtype=np.uint8))
        writer.add(documents(2, 50))
    assert open_shard(tmp_path / "key") is None
    with ShardWriter(tmp_path / "key") as writer:
        assert writer.state == {"taken": 3} and writer.signatures.tolist() == [0, 1, 2, 3]
        writer.add(documents(2, 4))
        writer.finish({})
    found, expected = open_shard(tmp_path / "key"), written(tmp_path / "other")
    assert found is not None
    for name in ("ids", "learn", "offsets"):
        assert np.array_equal(getattr(found, name), getattr(expected, name))


def test_an_attempt_that_lost_bytes_begins_anew(tmp_path):
    with ShardWriter(tmp_path / "key") as writer:
        writer.add(documents(3))
        writer.rest({"taken": 3}, NONE)
    hidden = next(path for path in tmp_path.iterdir() if path.is_dir())
    (hidden / "ids").write_bytes(b"")
    with ShardWriter(tmp_path / "key") as writer:
        assert writer.state is None
        writer.add(documents())
        assert len(writer.finish({})) == 5


def test_a_second_writer_waits_for_the_first(tmp_path):
    class StillBusyError(Exception):
        pass

    def busy() -> None:
        raise StillBusyError

    with ShardWriter(tmp_path / "key"), pytest.raises(StillBusyError), ShardWriter(tmp_path / "key", busy):
        pass


def test_a_full_disk_is_said_and_what_rested_is_kept(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with ShardWriter(tmp_path / "key") as writer:
        writer.add(documents(3))
        writer.rest({"taken": 3}, NONE)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(EngineError, match="No space left"):
                writer.rest({"taken": 5}, NONE)
    with ShardWriter(tmp_path / "key") as writer:
        assert writer.state == {"taken": 3}


def test_keys_differ_with_what_they_stand_for():
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1}) != key_of({"a": 1, "b": 3})
