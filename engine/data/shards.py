"""Tokenised documents on disk, memory-mapped, keyed by a hash of everything that made them.

A shard is a folder of `ids` (uint16), `learn` (bool) and `offsets` (int64, one more than there are documents) with a
manifest written last. A folder whose files do not match its manifest is made anew. Making one can be interrupted at any
time: what was written up to the last rest is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from engine.data.lock import acquire
from engine.errors import EngineError

FORMAT = 2
_FILES = {"ids": np.dtype("<u2"), "learn": np.dtype("?"), "offsets": np.dtype("<i8")}


@dataclass(frozen=True, slots=True)
class Shard:
    """Documents of one source and split, end to end."""

    ids: np.ndarray
    """uint16."""
    learn: np.ndarray
    """bool: which ids are learned."""
    offsets: np.ndarray
    """int64, documents + 1: where each begins."""
    report: Mapping[str, Any] = field(default_factory=dict)
    """How it was made: what its writer was finished with."""

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def tokens(self) -> int:
        """Tokens of all documents."""
        return int(self.offsets[-1])


def key_of(parts: Mapping[str, Any]) -> str:
    """Return the name of what `parts` (plain values) would make."""
    return hashlib.sha256(json.dumps({"format": FORMAT, **parts}, sort_keys=True).encode()).hexdigest()[:24]


def open_shard(folder: Path) -> Shard | None:
    """Return the shard in `folder`; None if there is none, or it is damaged."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        sizes, report = manifest["bytes"], manifest["report"]
        arrays = {}
        for name, dtype in _FILES.items():
            path = folder / name
            if path.stat().st_size != sizes[name]:
                return None
            arrays[name] = np.memmap(path, dtype, "r") if sizes[name] else np.empty(0, dtype)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    shard = Shard(**arrays, report=report)
    sound = len(shard.offsets) > 0 and len(shard.ids) == len(shard.learn) == shard.tokens
    return shard if sound and bool((np.diff(shard.offsets) > 0).all()) else None


class ShardWriter:
    """A shard in the making, which goes on where it last rested; use it as a context.

    Documents are appended to a hidden folder beside `folder`. `rest` makes what is there durable together with a state
    of the caller's; a later writer for the same folder begins with that `state` (None at the very start) and without
    whatever came after it. One process at a time: others wait, and `waiting` is called meanwhile. Memory does not grow
    with the documents. Raises EngineError if the disk refuses.
    """

    def __init__(self, folder: Path, waiting: Callable[[], None] = lambda: None) -> None:
        self.folder = folder
        self.state: dict[str, Any] | None = None
        self._hidden = folder.with_name(f".writing-{folder.name}")
        self._waiting = waiting
        self._files: dict[str, BinaryIO] = {}
        self._tokens = 0

    def __enter__(self) -> ShardWriter:
        with self._disk():
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            self._lock = acquire(self._hidden.with_suffix(".lock"), self._waiting)
            try:
                self._open()
            except BaseException:
                self._lock.release()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()
        self._lock.release()

    def add(self, documents: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
        """Append (ids, learn) pairs."""
        with self._disk():
            for ids, learn in documents:
                self._tokens += len(ids)
                self._files["ids"].write(ids.astype(_FILES["ids"]).tobytes())
                self._files["learn"].write(learn.tobytes())
                self._files["offsets"].write(np.array(self._tokens, dtype=_FILES["offsets"]).tobytes())

    def rest(self, state: Mapping[str, Any], signatures: np.ndarray) -> None:
        """Make all that was added durable, with a state to go on from: JSON values, and an array beside them."""
        with self._disk():
            self._flush()
            sizes = {name: file.tell() for name, file in self._files.items()}
            np.save(self._hidden / "signatures.writing.npy", signatures)
            (self._hidden / "signatures.writing.npy").replace(self._hidden / f"signatures-{self._tokens}.npy")
            state = {"bytes": sizes, "tokens": self._tokens, "state": dict(state)}
            (self._hidden / "state.writing").write_text(json.dumps(state), "utf-8")
            (self._hidden / "state.writing").replace(self._hidden / "state.json")
            for path in self._hidden.glob("signatures-*.npy"):
                if path.name != f"signatures-{self._tokens}.npy":
                    path.unlink()

    @property
    def signatures(self) -> np.ndarray:
        """The array that was saved with `state`."""
        saved: np.ndarray = np.load(self._hidden / f"signatures-{self._tokens}.npy", allow_pickle=False)
        return saved

    def finish(self, report: Mapping[str, Any]) -> Shard:
        """Put the shard in its place, with a report (JSON values) on how it was made, and return it."""
        with self._disk():
            self._flush()
            sizes = {name: file.tell() for name, file in self._files.items()}
            for path in self._hidden.iterdir():
                if path.name not in _FILES:
                    path.unlink()
            (self._hidden / "manifest.json").write_text(json.dumps({"bytes": sizes, "report": report}), "utf-8")
            shutil.rmtree(self.folder, ignore_errors=True)
            self._hidden.rename(self.folder)
        shard = open_shard(self.folder)
        assert shard is not None, "a shard just written must be readable"
        return shard

    def _open(self) -> None:
        """Open the files at their last rest, or anew."""
        sizes = dict.fromkeys(_FILES, 0)
        try:
            rested = json.loads((self._hidden / "state.json").read_text("utf-8"))
            if all((self._hidden / name).stat().st_size >= rested["bytes"][name] for name in _FILES):
                sizes, self._tokens, self.state = rested["bytes"], rested["tokens"], rested["state"]
        except (OSError, ValueError, KeyError, TypeError):
            shutil.rmtree(self._hidden, ignore_errors=True)
        self._hidden.mkdir(exist_ok=True)
        for name in _FILES:
            file = self._files[name] = (self._hidden / name).open("ab")
            file.truncate(sizes[name])
            file.seek(sizes[name])
        if self.state is None:
            self._files["offsets"].write(np.zeros(1, dtype=_FILES["offsets"]).tobytes())

    def _flush(self) -> None:
        for file in self._files.values():
            file.flush()
            os.fsync(file.fileno())

    @contextlib.contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or error
            raise EngineError(f"tokenised data could not be written: {reason} ({self.folder.parent})") from None
