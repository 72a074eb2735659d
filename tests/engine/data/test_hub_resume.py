"""Downloads that were stopped, killed, cut off or damaged, and what a full disk and another process do to them."""

from __future__ import annotations

import errno
import threading
from typing import Any

import filelock
import pytest

from engine.data.hub import identity, open_hub
from engine.errors import CancelledError, EngineError, SourceUnavailable
from tests.engine.data.hub_sets import (
    ROWS,
    said,
    texts,
    wikipedia,
)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("at", [5_000, 333_333, 900_000])
def test_what_was_stopped_goes_on_where_it_was(hub, read, whole, at):
    def stop(what: str, done: int, total: int | None, unit: str) -> None:
        if done >= at:
            raise CancelledError

    with pytest.raises(CancelledError):
        open_hub("simple_wikipedia", "train", read.folder, stop, [])
    before = hub.sent
    assert before < at + 100_000
    assert read() == whole
    # A row group of 20,000 again, the end of the file again, and descriptions: no more.
    assert hub.sent < 1_000_000 + 200_000


@pytest.mark.usefixtures("small_parts")
def test_what_was_killed_goes_on_after_the_last_whole_part(hub, read, whole):
    """A kill leaves the parts, perhaps one that is not in the state yet, and a file in the making."""
    read(megabytes=0.5)
    spool = read.folder / "simple_wikipedia" / "train"
    (spool / "part-00005.jsonl.gz").write_bytes(b"not in the state")
    (spool / ".writing-part-00006.jsonl.gz").write_bytes(b"half of it")
    assert len(list(spool.glob("part-*"))) == 6
    assert read() == whole


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_damaged_parts_are_downloaded_again_with_a_note(hub, read, whole, harm):
    read()
    part = read.folder / "simple_wikipedia" / "train" / "part-00007.jsonl.gz"
    content = part.read_bytes()
    if harm == "remove":
        part.unlink()
    else:
        part.write_bytes(content[:-9] if harm == "cut" else content[:500] + b"\0" + content[501:])
    read.notes.clear()
    hub.sent = 0
    assert read() == whole
    assert "4 of 11 parts damaged or missing, downloaded again" in read.notes[0]
    assert hub.sent < 300_000 + 100_000


def test_a_damaged_state_is_made_anew(hub, read):
    hub.publish("wikimedia/wikipedia", wikipedia([said("train", number) for number in range(ROWS)]))
    first = read()
    (read.folder / "simple_wikipedia" / "train" / "state.json").write_text('{"format": 1, "parts": 5}')
    read.notes.clear()
    assert read() == first and "state.json was damaged" in read.notes[0]


def test_a_connection_that_is_cut_goes_on_by_itself(hub, read, whole):
    hub.cuts = [20_000, 10**9, 5_000, 0, 7_000, 10**9]
    assert read() == whole
    assert hub.sent < 1_000_000 + 100_000 and 0 < read.waited < 10
    assert any("cut" in what for what, *_ in read.reports)


@pytest.mark.usefixtures("small_parts")
def test_a_connection_that_is_always_cut_fails_and_the_next_run_goes_on(hub, read, whole):
    hub.cuts = [10**9] * 30 + [0]
    with pytest.raises(
        SourceUnavailable, match=r"^hub:simple_wikipedia: .* cut .* run the same command again"
    ) as caught:
        read()
    assert "\n" not in str(caught.value) and read.waited < 10
    hub.cuts, before = [], hub.sent
    assert 300_000 < before < 800_000
    assert read() == whole and hub.sent < 1_000_000 + 200_000


@pytest.mark.parametrize(("answer", "message"), [(0, "the server sends no parts of files"), (2, "the file changed")])
def test_a_server_that_sends_whole_files_only(hub, read, whole, answer, message):
    hub.whole_from, hub.cuts = answer, [10**9, 5_000, 10**9]
    with pytest.raises(SourceUnavailable, match=message):
        read()


def test_a_body_that_comes_in_drops_is_given_up(hub, read, whole):
    hub.cuts = [1000]
    with pytest.raises(SourceUnavailable, match="cut"):
        read()
    assert hub.sent < 40_000


@pytest.mark.usefixtures("small_parts")
def test_a_download_keeps_to_the_version_it_began_with(hub, read, whole):
    read(megabytes=0.3)
    begun = identity("simple_wikipedia", read.folder)
    hub.publish("wikimedia/wikipedia", wikipedia(["Another."] * 100))
    assert read() == whole
    assert identity("simple_wikipedia", read.folder) == begun


@pytest.mark.usefixtures("small_parts")
def test_a_version_that_is_gone_is_replaced_as_a_whole(hub, read, whole):
    read(megabytes=0.3)
    begun = identity("simple_wikipedia", read.folder)
    hub.commits.clear()
    hub.publish("wikimedia/wikipedia", wikipedia([f"Another {number}." for number in range(50)]))
    found = read()
    assert texts(found)[0].startswith("Another") and len(found) < 50
    assert identity("simple_wikipedia", read.folder) != begun


def test_a_full_disk_is_one_line(hub, read, whole, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("engine.data.spool.os.fsync", full)
        with pytest.raises(
            EngineError, match=r"train: cannot be written \(No space left on device\); make room"
        ) as caught:
            read()
    assert not isinstance(caught.value, SourceUnavailable)
    assert read() == whole


def test_one_process_downloads_at_a_time(hub, read, whole):
    place = read.folder / "simple_wikipedia" / "train"
    place.mkdir(parents=True)
    lock = filelock.FileLock(place / "lock", thread_local=False)
    lock.acquire()
    waited = threading.Event()

    def say(what: str, *_: Any) -> None:
        if "another session" in what:
            lock.release()
            waited.set()

    assert list(open_hub("simple_wikipedia", "train", read.folder, say, [])) == whole and waited.is_set()
