"""Lines of text files, plain or compressed, in UTF-8; what is wrong with one is said in a line that names the place.

A file is read from its start to its end in little memory, however long it is, or its lines are.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

from engine.data.position import Position
from engine.errors import UserError

BLOCK = 1 << 20
"""Bytes that are read at once where somebody must say."""
TELL_LINES = 32
"""Lines from one look at the position to the next."""


def _zstd(file: IO[bytes]) -> IO[bytes]:
    import pyarrow

    return io.BufferedReader(pyarrow.CompressedInputStream(file, "zstd"))


_OPENERS: dict[str, Callable[[Any], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open, ".zst": _zstd}
COMPRESSIONS = tuple(_OPENERS)


def lines(path: Path, longest: int, position: Position | None = None) -> Iterator[str]:
    """Yield a file's lines with a newline at the end; of one of more than `longest` characters, pieces of that length.

    `position` learns where the file is read.

    Raises UserError for what is not UTF-8, is damaged, or shrinks while it is read; OSError if the system refuses.
    """
    with _opened(path) as (raw, file):
        size = os.fstat(raw.fileno()).st_size if file is raw else 0
        text = io.TextIOWrapper(file, "utf-8-sig")
        try:
            for number, line in enumerate(iter(partial(text.readline, longest), "")):
                if position is not None and number % TELL_LINES == 0:
                    position.here = raw.tell()
                if "\0" in line:
                    raise _not_text(path)
                if line[-1] != "\n" and len(line) < longest:
                    # The last one. It may be cut off, which is no fault of what it says.
                    _check_size(path, raw, size)
                yield line
        except UnicodeDecodeError:
            raise _not_text(path) from None
        _check_size(path, raw, size)


def _check_size(path: Path, raw: IO[bytes], size: int) -> None:
    if raw.tell() < size:
        raise UserError(f"{path}: became shorter while it was read; try again when nothing writes to it")


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Open a file, and give it as it is and unpacked."""
    try:
        with path.open("rb") as raw:
            yield raw, _OPENERS.get(path.suffix.lower(), lambda file: file)(raw)
    except (EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UserError(f"{path}: damaged or cut off ({error}); pack it or fetch it again") from None


def _not_text(path: Path) -> UserError:
    """Read a file again to say where its first byte stands that is none of a text in UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    number, before = 1, 0
    with _opened(path) as (_, file):
        while True:
            piece = file.readline(BLOCK)
            try:
                decoder.decode(piece, final=not piece)
            except UnicodeDecodeError as error:
                # What the decoder held back of the piece before stands at the start of what it decoded.
                at = before + len(piece) - len(error.object) + error.start + 1
                byte = error.object[error.start]
                return UserError(
                    f"{path}, line {number}: not UTF-8 (byte 0x{byte:02x} at {at}); save the file in the encoding UTF-8"
                )
            if b"\0" in piece:
                return UserError(f"{path}, line {number}: binary data, not text")
            if not piece:
                return UserError(f"{path}: changed while it was read; try again when nothing writes to it")
            number, before = (number + 1, 0) if piece.endswith(b"\n") else (number, before + len(piece))
