from __future__ import annotations

import math
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from engine.conversation import Conversation, Message
from engine.errors import EngineError
from engine.status import Event, Metric, Sample, WordTurns
from engine.store import LastIds, Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "session #1?.db"


def metric(id: int, step: int, loss: float | None = 1.5) -> Metric:
    return Metric(id, step, "foundation", 1000.25, train_loss=loss, learning_rate=1e-3)


def sample(id: int, step: int) -> Sample:
    return Sample(id, 1000.5, step, "foundation", (("user", "Grüß\n[b]dich"), ("assistant", "Hi ☃")))


def test_what_is_appended_is_read_back_by_another_connection(path: Path) -> None:
    event = Event(1, 1000.0, "warning", "gate", "not met", 7)
    with Store.writer(path) as store:
        store.append(metrics=[metric(1, 5), metric(2, 6, None)], events=[event], samples=[sample(1, 6)])
        with Store.reader(path) as reader:
            assert reader.metrics() == [metric(1, 5), metric(2, 6, None)]
            assert reader.events() == [event]
            assert reader.samples() == [sample(1, 6)]


def test_where_words_lay_is_read_back_and_forgotten_with_its_step(path: Path) -> None:
    rows = [
        WordTurns(id, 1.5, 10 * id, ("size", "time"), (("king", (1.43, -2.86)), ("[b]é", (0.0, 10.0)))) for id in (1, 2)
    ]
    with Store.writer(path) as store:
        store.append(word_turns=rows)
        assert store.word_turns() == rows and store.word_turns(after=1) == rows[1:]
        store.truncate(10)
        assert store.word_turns() == rows[:1] and store.last_ids().word_turns == 2


def test_numbers_that_are_not_finite_survive(path: Path) -> None:
    with Store.writer(path) as store:
        store.append(metrics=[metric(1, 1, math.nan), metric(2, 2, math.inf), metric(3, 3, -math.inf)])
        nan, *infinite = (row.train_loss for row in store.metrics())
    assert nan is not None
    assert math.isnan(nan)
    assert infinite == [math.inf, -math.inf]


def test_history_is_the_newest_after_an_id_oldest_first(path: Path) -> None:
    with Store.writer(path) as store:
        store.append(metrics=[metric(id, id) for id in range(1, 8)])
        assert [row.id for row in store.metrics(after=2, limit=3)] == [5, 6, 7]
        assert [row.id for row in store.metrics(after=5)] == [6, 7]
        assert store.metrics(after=7) == []


def test_truncating_forgets_later_steps_and_never_an_event(path: Path) -> None:
    with Store.writer(path) as store:
        store.append(
            metrics=[metric(1, 5), metric(2, 10), metric(3, 11)],
            events=[Event(1, 0.0, "info", "phase", "began", 11)],
            samples=[sample(1, 10), sample(2, 11)],
        )
        store.truncate(10)
        assert [row.step for row in store.metrics()] == [5, 10]
        assert [row.step for row in store.samples()] == [10]
        assert len(store.events()) == 1


def test_ids_are_never_given_twice(path: Path) -> None:
    with Store.writer(path) as store:
        store.append(metrics=[metric(1, 5), metric(9, 6)])
        store.truncate(0)
        assert store.last_ids() == LastIds(metrics=9, events=0, samples=0, word_turns=0)
        store.append(metrics=[metric(0, 1)])
        assert [row.id for row in store.metrics()] == [10]


def test_an_append_is_all_or_nothing(path: Path) -> None:
    with Store.writer(path) as store:
        store.append(metrics=[metric(1, 1)])
        with pytest.raises(EngineError):
            store.append(metrics=[metric(2, 2), metric(1, 3)])
        assert [row.id for row in store.metrics()] == [1]
        store.append(metrics=[metric(2, 2)])
        assert len(store.metrics()) == 2


def test_conversations_are_kept_and_replaced(path: Path) -> None:
    first = Conversation((Message("user", "Hi"),))
    longer = Conversation((*first.messages, Message("assistant", "Hello 'you'")))
    with Store.writer(path) as store:
        id = store.save_conversation(first, step=3)
        other = store.save_conversation(first)
        assert store.save_conversation(longer, step=4, id=id) == id
        assert store.load_conversation(id) == longer
        assert [(kept.id, kept.step) for kept in store.conversations()] == [(id, 4), (other, 0)]
        with pytest.raises(EngineError, match="no conversation has the number 99"):
            store.load_conversation(99)


def test_a_reader_cannot_write_and_makes_no_file(path: Path) -> None:
    with pytest.raises(EngineError, match="no database"):
        Store.reader(path)
    assert not path.exists()
    Store.writer(path).close()
    with Store.reader(path) as reader, pytest.raises(EngineError, match="readonly"):
        reader.append(metrics=[metric(1, 1)])


@pytest.mark.parametrize("spoil", [b"not a database at all" * 100, None])
def test_a_damaged_database_is_one_line_with_the_remedy(path: Path, spoil: bytes | None) -> None:
    if spoil is None:
        with Store.writer(path) as store:
            store.append(metrics=[metric(id, id) for id in range(1, 2000)])
        spoil = path.read_bytes()[:4096] + b"\xff" * 8192
    path.write_bytes(spoil)
    for opener in (Store.reader, Store.writer):
        with pytest.raises(EngineError, match="the database is damaged; move it away") as caught:
            opener(path).metrics()
        assert "\n" not in str(caught.value)


def test_rows_that_make_no_record_are_damage(path: Path) -> None:
    with Store.writer(path) as store:
        store.append(samples=[sample(1, 1)])
        raw = sqlite3.connect(path)
        raw.execute("UPDATE samples SET messages = 'not json'")
        raw.commit()
        raw.close()
        with pytest.raises(EngineError, match="damaged"):
            store.samples()


def test_a_later_version_is_refused(path: Path) -> None:
    Store.writer(path).close()
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA user_version = 99")
    raw.close()
    for opener in (Store.reader, Store.writer):
        with pytest.raises(EngineError, match="its format is version 99, this program reads 2"):
            opener(path)


def test_a_full_disk_is_said_and_loses_nothing(path: Path) -> None:
    """SQLite's own limit of pages gives the very error of a full disk."""
    with Store.writer(path) as store:
        store.append(metrics=[metric(1, 1)])
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(EngineError, match="the disk is full; free some space"):
            store.append(samples=[Sample(1, 0.0, 1, "one", (("user", "x" * 100_000),))])
        assert [row.id for row in store.metrics()] == [1]
        store._connection.execute("PRAGMA max_page_count = 100000")
        store.append(metrics=[metric(2, 2)])


def test_a_killed_writer_leaves_whole_transactions(path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from engine.store import Store; from engine.status import Metric\n"
        "store = Store.writer(Path(sys.argv[1]))\n"
        "store.append(metrics=[Metric(1, 1, 'one', 0.0)])\n"
        "store._connection.execute('BEGIN')\n"
        "store._connection.execute(\"INSERT INTO metrics (step, phase, time) VALUES (2, 'one', 0)\")\n"
        "os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == -9
    with Store.reader(path) as reader:
        assert [row.step for row in reader.metrics()] == [1]
    with Store.writer(path) as store:
        store.append(metrics=[metric(2, 2)])


def test_threads_may_share_a_store(path: Path) -> None:
    wrong: list[list[int]] = []
    finished: list[bool] = []

    def read(store: Store) -> None:
        for _ in range(50):
            ids = [row.id for row in store.metrics()]
            if ids != list(range(1, len(ids) + 1)):
                wrong.append(ids)
        finished.append(True)

    with Store.writer(path) as store:
        threads = [threading.Thread(target=read, args=(store,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for id in range(1, 50):
            store.append(metrics=[metric(id, id)])
        for thread in threads:
            thread.join()
        assert len(store.metrics()) == 49
    assert wrong == []
    assert len(finished) == 3
