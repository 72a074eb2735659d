from __future__ import annotations

import json

import pytest

from engine.data.spool import Spool, spool_version
from engine.errors import EngineError

ROWS = [{"text": "One.\nTwo.\u2028\x85"}, {"turns": ["é", "\U0001f600"], "persona": None}]


def filled(folder) -> Spool:
    spool = Spool(folder, {"set": "a"})
    spool.restart({"revision": "1"})
    spool.add(ROWS, {"shard": 1}, 10, 100, False)
    spool.add([], {"shard": 2}, 0, 50, True)
    return spool


def test_what_is_kept_is_found_again(tmp_path):
    filled(tmp_path)
    spool = Spool(tmp_path, {"set": "a"})
    assert list(spool.lines()) == ROWS and spool.notes == []
    assert (spool.position, spool.size, spool.received, spool.finished) == ({"shard": 2}, 10, 150, True)
    assert spool.version == {"revision": "1"} == spool_version(tmp_path)


def test_a_new_spool_is_empty(tmp_path):
    spool = Spool(tmp_path / "new" / "folder", {})
    assert (spool.position, spool.size, spool.received, spool.finished) == (None, 0, 0, False)
    assert list(spool.lines()) == [] and spool_version(tmp_path / "new" / "folder") is None


def test_another_set_begins_anew_without_a_word(tmp_path):
    filled(tmp_path)
    spool = Spool(tmp_path, {"set": "b"})
    assert spool.size == 0 and spool.version is None and spool.notes == []


def test_a_restart_forgets_what_was_there(tmp_path):
    spool = filled(tmp_path)
    spool.restart({"revision": "2"})
    spool.add(ROWS[:1], {"shard": 1}, 5, 5, True)
    assert list(Spool(tmp_path, {"set": "a"}).lines()) == ROWS[:1]


@pytest.mark.parametrize("state", ["{", "[]", "\0", "{}", {"parts": [5]}, {"parts": [{"bytes": 1}]}, {"version": 1}])
def test_a_state_that_is_none_is_noted(tmp_path, state):
    head = {"format": 1, "made_by": {"set": "a"}, "version": None}
    (tmp_path / "state.json").write_text(state if isinstance(state, str) else json.dumps(head | state))
    spool = Spool(tmp_path, {"set": "a"})
    assert spool.size == 0 and "state.json was damaged; all is downloaded again" in spool.notes[0]


def test_a_part_that_is_damaged_while_it_is_read(tmp_path):
    spool = filled(tmp_path)
    (tmp_path / "part-00000.jsonl.gz").write_bytes(b"\x1f\x8b not gzip")
    with pytest.raises(EngineError, match=r"part-00000.jsonl.gz: cannot be read .*; run the same command again"):
        list(spool.lines())


def test_a_folder_that_cannot_be_used(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match="cannot be used"):
        Spool(tmp_path / "file" / "spool", {})
