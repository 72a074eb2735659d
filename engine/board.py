"""Where the engine's thread leaves what front ends look at: locked, bounded, frozen records."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Generic, Protocol, TypeVar

from engine.conversation import printable
from engine.status import Event, Level, Metric, Sample, Snapshot
from engine.store import Store

KEPT_METRICS, KEPT_EVENTS, KEPT_SAMPLES = 20_000, 2_000, 200


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

    def after(self, id_: int) -> list[Row]:
        """Return rows with a greater id, oldest first."""
        found: list[Row] = []
        for row in reversed(self.rows):
            if row.id <= id_:
                break
            found.append(row)
        return found[::-1]


class Board:
    """The present snapshot and the histories, shared between the engine's thread and front ends."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._lock = threading.Condition()
        self._snapshot = snapshot
        self._metrics: History[Metric] = History(KEPT_METRICS)
        self._events: History[Event] = History(KEPT_EVENTS)
        self._samples: History[Sample] = History(KEPT_SAMPLES)

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

    def preload(self, store: Store, step: int) -> None:
        """Show what earlier runs of the session stored up to `step`, and go on with its numbers."""
        last = store.last_ids()
        metrics, samples = store.metrics(limit=KEPT_METRICS), store.samples(limit=KEPT_SAMPLES)
        with self._lock:
            self._metrics.preload((row for row in metrics if row.step <= step), last.metrics)
            self._events.preload(store.events(limit=KEPT_EVENTS), last.events)
            self._samples.preload((row for row in samples if row.step <= step), last.samples)

    def take_unstored(self) -> tuple[list[Metric], list[Event], list[Sample]]:
        """Return and forget what was not yet stored."""
        with self._lock:
            taken = list(self._metrics.unstored), list(self._events.unstored), list(self._samples.unstored)
            for history in (self._metrics, self._events, self._samples):
                history.unstored.clear()
            return taken
