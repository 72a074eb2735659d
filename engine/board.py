"""Where the engine's thread leaves what front ends look at: locked, bounded, frozen records."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from engine.conversation import printable
from engine.status import Event, Level, Metric, Sample, Snapshot, WordTurns
from engine.store import Store

KEPT_METRICS, KEPT_EVENTS, KEPT_SAMPLES, KEPT_WORD_TURNS = 20_000, 2_000, 200, 500


class _Numbered(Protocol):
    @property
    def id(self) -> int: ...


Row = TypeVar("Row", bound=_Numbered)


class History(Generic[Row]):
    """The newest rows of one kind, numbered upwards, and those not yet stored."""

    def __init__(self, kept: int) -> None:
        self.rows: deque[Row] = deque(maxlen=kept)
        self.unstored: deque[Row] = deque(maxlen=kept)
        self.next_id = 1

    def preload(self, rows: Iterable[Row], last_id: int) -> None:
        """Take rows of an earlier run, already stored; new ones come after `last_id`."""
        self.rows.extend(rows)
        self.next_id = last_id + 1

    def add(self, row: Row) -> None:
        """Append a new row."""
        self.rows.append(row)
        self.unstored.append(row)
        self.next_id = row.id + 1

    def take(self) -> list[Row]:
        """Return and forget what was not yet stored."""
        taken = list(self.unstored)
        self.unstored.clear()
        return taken

    def after(self, id_: int) -> list[Row]:
        """Return rows with a greater id, oldest first."""
        found: list[Row] = []
        for row in reversed(self.rows):
            if row.id <= id_:
                break
            found.append(row)
        return found[::-1]


class Unstored(NamedTuple):
    """Rows that the store does not have yet."""

    metrics: list[Metric]
    events: list[Event]
    samples: list[Sample]
    word_turns: list[WordTurns]


class Board:
    """The present snapshot and the histories, shared between the engine's thread and front ends."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._lock = threading.Condition()
        self._snapshot = snapshot
        self._metrics: History[Metric] = History(KEPT_METRICS)
        self._events: History[Event] = History(KEPT_EVENTS)
        self._samples: History[Sample] = History(KEPT_SAMPLES)
        self._word_turns: History[WordTurns] = History(KEPT_WORD_TURNS)

    def snapshot(self) -> Snapshot:
        """Return the present state of things."""
        with self._lock:
            return self._snapshot

    def update(self, **changes: Any) -> None:
        """Replace fields of the snapshot."""
        with self._lock:
            self._snapshot = replace(self._snapshot, **changes)
            self._lock.notify_all()

    def wait_for(self, condition: Callable[[Snapshot], bool], timeout: float | None) -> bool:
        """Block until a snapshot fulfils `condition`; False when `timeout` seconds passed first."""
        with self._lock:
            return self._lock.wait_for(lambda: condition(self._snapshot), timeout)

    def metrics(self, after: int = 0) -> list[Metric]:
        """Return metrics newer than an id."""
        with self._lock:
            return self._metrics.after(after)

    def events(self, after: int = 0) -> list[Event]:
        """Return events newer than an id."""
        with self._lock:
            return self._events.after(after)

    def samples(self, after: int = 0) -> list[Sample]:
        """Return samples newer than an id."""
        with self._lock:
            return self._samples.after(after)

    def word_turns(self, after: int = 0) -> list[WordTurns]:
        """Return where words lay, newer than an id."""
        with self._lock:
            return self._word_turns.after(after)

    def add_metric(self, step: int, phase: str, **values: float | None) -> None:
        """Append a metric row."""
        with self._lock:
            self._metrics.add(Metric(self._metrics.next_id, step, phase, time.time(), **values))

    def add_event(self, level: Level, kind: str, text: str) -> None:
        """Append a line of the log, made fit for a terminal."""
        with self._lock:
            step = self._snapshot.step
            line = " ".join(printable(text).split())
            self._events.add(Event(self._events.next_id, time.time(), level, kind, line, step))

    def add_sample(self, step: int, phase: str, messages: tuple[tuple[str, str], ...]) -> None:
        """Append a sample."""
        with self._lock:
            self._samples.add(Sample(self._samples.next_id, time.time(), step, phase, messages))

    def add_word_turns(
        self, step: int, axes: tuple[str, ...], words: tuple[tuple[str, tuple[float, ...]], ...]
    ) -> None:
        """Append where words lie now."""
        with self._lock:
            self._word_turns.add(WordTurns(self._word_turns.next_id, time.time(), step, axes, words))

    def preload(self, store: Store, step: int) -> None:
        """Show what earlier runs of the session stored up to `step`, and go on with its numbers."""
        last = store.last_ids()
        metrics, samples = store.metrics(limit=KEPT_METRICS), store.samples(limit=KEPT_SAMPLES)
        word_turns = store.word_turns(limit=KEPT_WORD_TURNS)
        with self._lock:
            self._metrics.preload((row for row in metrics if row.step <= step), last.metrics)
            self._events.preload(store.events(limit=KEPT_EVENTS), last.events)
            self._samples.preload((row for row in samples if row.step <= step), last.samples)
            self._word_turns.preload((row for row in word_turns if row.step <= step), last.word_turns)

    def take_unstored(self) -> Unstored:
        """Return and forget what was not yet stored."""
        with self._lock:
            return Unstored(self._metrics.take(), self._events.take(), self._samples.take(), self._word_turns.take())
