"""Rows on disk in parts, so that a download goes on where it stopped and what is whole is never downloaded again.

A part is a gzip file of a few megabytes of JSON lines, flushed to the disk and renamed when it is complete;
`state.json`, replaced after each, says how long it is, its checksum, and the position of the download after it. A kill
loses no more than the part in the making. Parts are checked when a spool is opened; from the first damaged one on they
are dropped.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from engine.data.position import Position
from engine.errors import EngineError

FORMAT = 1
_LEVEL = 3
"""Of compression; a part takes about 0.1 seconds."""


@dataclass(frozen=True, slots=True)
class Part:
    """A file of rows, and the download after it."""

    bytes: int
    crc32: int
    size: int
    """Bytes of text."""
    received: int
    """Bytes downloaded for it."""
    position: Any
    finished: bool
    """Whether there is no more to download."""


class Spool:
    """The parts of one download, in a folder that nobody else writes to."""

    def __init__(self, folder: Path, made_by: Mapping[str, Any]) -> None:
        """Open what is in `folder`; if it was `made_by` something else, it is left aside and overwritten.

        Raises EngineError if the disk refuses.
        """
        self.folder = folder
        self.made_by = dict(made_by)
        self.notes: list[str] = []
        """What was found damaged, one line each."""
        self.version: Any = None
        """What the positions belong to: a download goes on only with the same."""
        self._parts: list[Part] = []
        self._open()

    @property
    def position(self) -> Any:
        """Where the download is after the last part; None at its start."""
        return self._parts[-1].position if self._parts else None

    @property
    def size(self) -> int:
        """Bytes of text in all parts."""
        return sum(part.size for part in self._parts)

    @property
    def received(self) -> int:
        """Bytes that were downloaded for all parts."""
        return sum(part.received for part in self._parts)

    @property
    def finished(self) -> bool:
        """Whether there is no more to download."""
        return bool(self._parts) and self._parts[-1].finished

    def restart(self, version: Any) -> None:
        """Forget all parts; what follows belongs to `version`."""
        self._parts.clear()
        self.version = version

    def add(self, lines: Sequence[Any], position: Any, size: int, received: int, finished: bool) -> None:
        """Keep `lines` (plain values), after which the download is at `position`.

        `size` counts their bytes of text, `received` the bytes downloaded for them. Raises EngineError if the disk
        refuses; the parts before stay as they are.
        """
        packed = gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode(), _LEVEL, mtime=0)
        self._write(_name(len(self._parts)), packed)
        self._parts.append(Part(len(packed), zlib.crc32(packed), size, received, position, finished))
        parts = [asdict(part) for part in self._parts]
        state = {"format": FORMAT, "made_by": self.made_by, "version": self.version, "parts": parts}
        self._write("state.json", json.dumps(state, indent=1).encode())

    def lines(self, position: Position | None = None) -> Iterator[Any]:
        """Yield the lines of all parts; `position` learns of each that is read. EngineError if one cannot be read."""
        if position is not None:
            position.whole = sum(part.bytes for part in self._parts)
        for number, part in enumerate(self._parts):
            path = self.folder / _name(number)
            try:
                text = gzip.decompress(path.read_bytes()).decode()
            except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
                raise EngineError(f"{path}: cannot be read ({error}); run the same command again") from None
            for line in text.splitlines():
                yield json.loads(line)
            if position is not None:
                position.passed(part.bytes)

    def _open(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            state = json.loads((self.folder / "state.json").read_text("utf-8"))
            if state["format"] != FORMAT or state["made_by"] != self.made_by:
                return
            version, parts = state["version"], [Part(**part) for part in state["parts"]]
        except FileNotFoundError:
            return
        except OSError as error:
            raise EngineError(f"{self.folder}: cannot be used ({error.strerror})") from None
        except (ValueError, KeyError, TypeError):
            self.notes.append(f"{self.folder / 'state.json'} was damaged; all is downloaded again")
            return
        self.version = version
        sound = takewhile(lambda numbered: self._sound(*numbered), enumerate(parts))
        self._parts = [part for _, part in sound]
        if lost := len(parts) - len(self._parts):
            self.notes.append(f"{self.folder}: {lost} of {len(parts)} parts damaged or missing, downloaded again")

    def _sound(self, number: int, part: Part) -> bool:
        try:
            packed = (self.folder / _name(number)).read_bytes()
        except OSError:
            return False
        return len(packed) == part.bytes and zlib.crc32(packed) == part.crc32

    def _write(self, name: str, content: bytes) -> None:
        hidden = self.folder / f".writing-{name}"
        try:
            with hidden.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            hidden.replace(self.folder / name)
        except OSError as error:
            with suppress(OSError):
                hidden.unlink()
            raise EngineError(
                f"{self.folder}: cannot be written ({error.strerror}); make room, then run the same command again"
                " to go on from here"
            ) from None


def _name(number: int) -> str:
    return f"part-{number:05d}.jsonl.gz"


def spool_version(folder: Path) -> Any:
    """Return the version of the spool in `folder`; None if there is none to be read."""
    try:
        return json.loads((folder / "state.json").read_text("utf-8"))["version"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
