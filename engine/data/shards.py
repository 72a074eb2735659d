"""Tokenised documents on disk, memory-mapped, keyed by a hash of everything that made them.

A shard is a folder of `ids.u16`, `learn.u1` and `offsets.i64` (one more than there are documents) with a
manifest written last. A folder whose files do not match its manifest is made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import EngineError

FORMAT = 1
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
        sizes = json.loads((folder / "manifest.json").read_text("utf-8"))["bytes"]
        arrays = {}
        for name, dtype in _FILES.items():
            path = folder / name
            if path.stat().st_size != sizes[name]:
                return None
            arrays[name] = np.memmap(path, dtype, "r") if sizes[name] else np.empty(0, dtype)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    shard = Shard(**arrays)
    sound = len(shard.offsets) > 0 and len(shard.ids) == len(shard.learn) == shard.tokens
    return shard if sound and bool((np.diff(shard.offsets) > 0).all()) else None


def write_shard(
    folder: Path,
    documents: Iterable[tuple[np.ndarray, np.ndarray]],
    progress: Callable[[int], None] = lambda _: None,
) -> Shard:
    """Write (ids, learn) pairs and return the shard; `progress` gets the number of documents so far.

    Memory does not grow with the documents but for 8 bytes each. Raises EngineError if the disk refuses.
    """
    hidden = folder.with_name(f".writing-{folder.name}-{os.getpid()}")
    try:
        shutil.rmtree(hidden, ignore_errors=True)
        hidden.mkdir(parents=True)
        offsets = [0]
        with (hidden / "ids").open("wb") as ids_file, (hidden / "learn").open("wb") as learn_file:
            for ids, learn in documents:
                ids_file.write(ids.astype(_FILES["ids"]).tobytes())
                learn_file.write(learn.tobytes())
                offsets.append(offsets[-1] + len(ids))
                progress(len(offsets) - 1)
        np.array(offsets, dtype=_FILES["offsets"]).tofile(hidden / "offsets")
        sizes = {name: (hidden / name).stat().st_size for name in _FILES}
        (hidden / "manifest.json").write_text(json.dumps({"bytes": sizes}), "utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        hidden.rename(folder)
    except OSError as error:
        raise EngineError(f"tokenised data could not be written: {error.strerror or error} ({folder.parent})") from None
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    shard = open_shard(folder)
    assert shard is not None, "a shard just written must be readable"
    return shard
