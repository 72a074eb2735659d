"""The database of one session: what was measured, what happened, what was said.

SQLite in WAL mode: one writer (the engine) appends in whole transactions, so a crash loses at most the last
one, and any number of readers, in this process or another, look on without waiting. Numbers that are not
finite are kept as text ("nan", "inf"), because SQLite has no NaN.
"""

from __future__ import annotations

import json
import math
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from engine.conversation import Conversation, Message
from engine.errors import EngineError
from engine.status import Event, Metric, Sample, WordTurns

SCHEMA_VERSION = 2
BUSY_SECONDS = 10.0
_DAMAGED = "the database is damaged; move it away to go on without its history"

_SCHEMA = """
CREATE TABLE metrics (
    id INTEGER PRIMARY KEY AUTOINCREMENT, step INTEGER NOT NULL, phase TEXT NOT NULL, time REAL NOT NULL,
    train_loss REAL, validation_loss REAL, learning_rate REAL, gradient_norm REAL, tokens_per_second REAL);
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, time REAL NOT NULL, level TEXT NOT NULL, kind TEXT NOT NULL,
    text TEXT NOT NULL, step INTEGER NOT NULL);
CREATE TABLE samples (
    id INTEGER PRIMARY KEY AUTOINCREMENT, time REAL NOT NULL, step INTEGER NOT NULL, phase TEXT NOT NULL,
    messages TEXT NOT NULL);
CREATE TABLE word_turns (
    id INTEGER PRIMARY KEY AUTOINCREMENT, time REAL NOT NULL, step INTEGER NOT NULL, axes TEXT NOT NULL,
    words TEXT NOT NULL);
CREATE TABLE conversations (
    id INTEGER PRIMARY KEY AUTOINCREMENT, time REAL NOT NULL, step INTEGER NOT NULL, messages TEXT NOT NULL);
CREATE INDEX metrics_step ON metrics (step);
CREATE INDEX samples_step ON samples (step);
CREATE INDEX word_turns_step ON word_turns (step);
"""

Record = TypeVar("Record", Metric, Event, Sample, WordTurns)
_TABLES: dict[type[Any], str] = {Metric: "metrics", Event: "events", Sample: "samples", WordTurns: "word_turns"}


@dataclass(frozen=True, slots=True)
class LastIds:
    """The highest id ever given in each table; 0 where there was none. Ids are never given twice."""

    metrics: int
    events: int
    samples: int
    word_turns: int


@dataclass(frozen=True, slots=True)
class SavedConversation:
    """A conversation that was kept, with the step of the model that took part in it."""

    id: int
    time: float
    step: int
    conversation: Conversation


class Store:
    """A session's database; every failure is an EngineError of one line."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        self._guard = threading.Lock()
        if read_only and not path.is_file():
            raise EngineError(f"{path}: there is no database here")
        with self._said_plainly():
            self._connection = self._connect(read_only)
        try:
            with self._said_plainly():
                self._check_schema(read_only)
        except EngineError:
            self._connection.close()
            raise

    @classmethod
    def writer(cls, path: Path) -> Store:
        """Open the database to append to it, creating it where it is missing."""
        return cls(path)

    @classmethod
    def reader(cls, path: Path) -> Store:
        """Open an existing database to look at it only."""
        return cls(path, read_only=True)

    def append(
        self,
        *,
        metrics: Sequence[Metric] = (),
        events: Sequence[Event] = (),
        samples: Sequence[Sample] = (),
        word_turns: Sequence[WordTurns] = (),
    ) -> None:
        """Add records under their own ids (a fresh id where it is 0), all of them or none."""
        with self._transaction() as connection:
            for records in (metrics, events, samples, word_turns):
                for record in records:
                    names = [field.name for field in fields(record)]
                    marks = ", ".join("?" * len(names))
                    values = [record.id or None, *map(_to_sql, astuple(record)[1:])]
                    table = _TABLES[type(record)]
                    connection.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", values)

    def metrics(self, after: int = 0, limit: int = 100_000) -> list[Metric]:
        """Return metrics with an id above `after`, oldest first; the newest `limit` of them."""
        return self._read(Metric, after, limit)

    def events(self, after: int = 0, limit: int = 10_000) -> list[Event]:
        """Return events with an id above `after`, oldest first; the newest `limit` of them."""
        return self._read(Event, after, limit)

    def samples(self, after: int = 0, limit: int = 1_000) -> list[Sample]:
        """Return samples with an id above `after`, oldest first; the newest `limit` of them."""
        return self._read(Sample, after, limit)

    def word_turns(self, after: int = 0, limit: int = 1_000) -> list[WordTurns]:
        """Return where words lay at evaluations with an id above `after`, oldest first; the newest `limit` of them."""
        return self._read(WordTurns, after, limit)

    def last_ids(self) -> LastIds:
        """Return where numbering goes on."""
        with self._reading() as connection:
            found = dict(connection.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
        return LastIds(*(int(found.get(name, 0)) for name in (field.name for field in fields(LastIds))))

    def truncate(self, step: int) -> None:
        """Forget metrics, samples and turns of words of steps after `step`, from where training is about to go on."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM metrics WHERE step > ?", (step,))
            connection.execute("DELETE FROM samples WHERE step > ?", (step,))
            connection.execute("DELETE FROM word_turns WHERE step > ?", (step,))

    def save_conversation(self, conversation: Conversation, step: int = 0, id: int | None = None) -> int:
        """Keep a conversation and return its id; given an id, that one is replaced."""
        messages = _to_sql(tuple((message.role, message.content) for message in conversation.messages))
        with self._transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO conversations (id, time, step, messages) VALUES (?, ?, ?, ?) ON CONFLICT (id)"
                " DO UPDATE SET time = excluded.time, step = excluded.step, messages = excluded.messages"
                " RETURNING id",
                (id, time.time(), step, messages),
            )
            return int(cursor.fetchone()[0])

    def load_conversation(self, id: int) -> Conversation:
        """Return one kept conversation; EngineError where there is none of that id."""
        for kept in self.conversations():
            if kept.id == id:
                return kept.conversation
        raise EngineError(f"{self._path}: no conversation has the number {id}")

    def conversations(self, limit: int = 1_000) -> list[SavedConversation]:
        """Return the newest `limit` kept conversations, oldest first."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT id, time, step, messages FROM conversations ORDER BY id DESC LIMIT ?", (limit,)
            ).fetchall()
            return [
                SavedConversation(id, when, step, Conversation(tuple(Message(*pair) for pair in json.loads(messages))))
                for id, when, step, messages in reversed(rows)
            ]

    def close(self) -> None:
        """Close the database; what was appended is kept."""
        with self._guard:
            self._connection.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connect(self, read_only: bool) -> sqlite3.Connection:
        place = self._path.absolute().as_uri() + ("?mode=ro" if read_only else "")
        return sqlite3.connect(place, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)

    def _check_schema(self, read_only: bool) -> None:
        """Create what a new database lacks; refuse one of a later version."""
        connection = self._connection
        if not read_only:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == 0 and not read_only:
            script = f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
            connection.executescript(script)
        elif version != SCHEMA_VERSION:
            raise EngineError(
                f"{self._path}: its format is version {version}, this program reads {SCHEMA_VERSION};"
                " use the version of turngpt-tui that made it"
            )

    def _read(self, kind: type[Record], after: int, limit: int) -> list[Record]:
        names = ", ".join(field.name for field in fields(kind))
        query = f"SELECT {names} FROM {_TABLES[kind]} WHERE id > ? ORDER BY id DESC LIMIT ?"
        with self._reading() as connection:
            rows = connection.execute(query, (after, limit)).fetchall()
            return [_from_sql(kind, row) for row in reversed(rows)]

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._guard, self._said_plainly():
            try:
                yield self._connection
            except (TypeError, ValueError) as error:  # what is stored does not make a record
                raise EngineError(f"{self._path}: {_DAMAGED}") from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._guard, self._said_plainly():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # SQLite ends the transaction itself after some errors, a full disk among them.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _said_plainly(self) -> Iterator[None]:
        """Turn SQLite's errors into one line that names the file and the remedy."""
        try:
            yield
        except sqlite3.Error as error:
            reason = str(error)
            if "disk is full" in reason:
                said = "the disk is full; free some space and go on"
            elif "locked" in reason or "busy" in reason:
                said = f"another program keeps it busy for more than {BUSY_SECONDS:.0f} seconds; close that one"
            elif isinstance(error, sqlite3.OperationalError):
                said = f"the database cannot be used ({reason})"
            else:
                said = _DAMAGED
            raise EngineError(f"{self._path}: {said}") from error


def _to_sql(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, tuple) else value


_NUMBERS = {"train_loss", "validation_loss", "learning_rate", "gradient_norm", "tokens_per_second", "time"}


def _from_sql(kind: type[Record], row: tuple[Any, ...]) -> Record:
    values = dict(zip((field.name for field in fields(kind)), row, strict=True))
    for name, value in values.items():
        if name in _NUMBERS and value is not None:
            values[name] = float(value)
        elif name == "messages":
            values[name] = tuple((str(role), str(content)) for role, content in json.loads(value))
        elif name == "axes":
            values[name] = tuple(map(str, json.loads(value)))
        elif name == "words":
            values[name] = tuple((str(word), tuple(map(float, turns))) for word, turns in json.loads(value))
    return kind(**values)
