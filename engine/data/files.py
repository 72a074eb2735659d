"""Documents from a person's own files: .txt .md .jsonl .csv .tsv .parquet, compressed text too, or a folder of them.

A file whose name is or ends in `train`, `validation` or `test` (`valid`, `val`, `dev`; after `-`, `_` or `.`; before
`-00000-of-00001`) holds that split, if there is something to train on and something for validation among them.
Documents of other files are dealt out by a hash of their text: 5 % validation, 5 % test, the rest train.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

from engine.conversation import Document, Text
from engine.data.lines import COMPRESSIONS
from engine.data.position import Position
from engine.data.readers import FORMATS, PARAGRAPH_CHARACTERS, EmptyError, documents_in, name_and_format
from engine.data.rows import check_roles, clean
from engine.errors import UserError

__all__ = ["PARAGRAPH_CHARACTERS", "SPLITS", "Split", "clean", "deal", "list_files", "read", "split_of"]

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

_NAMED_SPLIT = re.compile(r"(?:^|[-_.])(train|validation|valid|val|dev|test)(?:-\d+-of-\d+)?$", re.IGNORECASE)
_READABLE = f"{', '.join(FORMATS)} (text also as {', '.join(COMPRESSIONS)})"


def list_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files that `paths` (files or folders) stand for; UserError for one that has none to read."""
    found: list[Path] = []
    for path in paths:
        try:
            if path.is_dir():
                inside = sorted(file for file in _inside(path) if name_and_format(file)[1] and file.is_file())
                if not inside:
                    raise UserError(f"{path}: holds none of {_READABLE}")
                found += inside
            elif not path.exists():
                raise UserError(f"{path}: no such file or folder")
            elif not name_and_format(path)[1]:
                raise UserError(f"{path}: cannot be read; give {_READABLE}, or a folder of them")
            elif not path.is_file():
                raise UserError(f"{path}: not an ordinary file; save to one what it gives, which is read several times")
            else:
                found.append(path)
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    return found


def read(
    paths: Sequence[Path], split: Split, columns: Mapping[str, str] | None = None, position: Position | None = None
) -> Iterator[Document]:
    """Yield the documents of one split of files and folders, in order; UserError that names what is wrong where.

    `columns` says which column of rows has which role of `engine.data.rows.COLUMNS`, role -> column; without it columns
    are named after their roles. `position` learns how far all is read. Of a folder, files that hold nothing are passed
    over unless all do.
    """
    if columns is not None:
        check_roles(columns)
    listed = list_files(paths)
    named = _heeded({file: split_of(file) for file in listed})
    nothing: EmptyError | None = None
    found = False
    if position is not None:
        position.whole = sum(_size(file) for file in listed if named[file] in {None, split})
    for file in listed:
        if named[file] not in {None, split}:
            found = True
            continue
        try:
            for document in documents_in(file, columns, position):
                found = True
                if named[file] or deal(document) == split:
                    yield document
        except EmptyError as error:
            if file in paths:
                raise
            nothing = nothing or error
        except OSError as error:
            raise UserError(f"{file}: cannot be read ({error.strerror})") from None
        if position is not None:
            position.passed(_size(file))
    if nothing and not found:
        raise nothing


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0  # whoever reads it will say so


def split_of(file: Path) -> Split | None:
    """Return the split a file's name tells, or None."""
    match = _NAMED_SPLIT.search(name_and_format(file)[0])
    if not match:
        return None
    word = match[1].lower()
    return "validation" if word in {"valid", "val", "dev"} else word  # type: ignore[return-value]


def deal(document: Document) -> Split:
    """Return the split that a document belongs to by its text."""
    text = document.content if isinstance(document, Text) else "\n".join(m.content for m in document.messages)
    share = zlib.crc32(text.encode("utf-8", "surrogatepass")) % 20
    return "validation" if share == 0 else "test" if share == 1 else "train"


def _heeded(named: dict[Path, Split | None]) -> dict[Path, Split | None]:
    """Return the splits that names tell where heeding them leaves something for training and for validation."""
    told = set(named.values())
    if not told & {"train", None}:
        return dict.fromkeys(named)
    if "validation" not in told:
        return {file: None if split == "train" else split for file, split in named.items()}
    return named


def _inside(folder: Path) -> Iterator[Path]:
    """Yield what lies in a folder and those below it, linked ones too, each once; hidden names are passed over."""

    def refuse(error: OSError) -> None:
        raise error

    seen: set[tuple[int, int]] = set()
    for place, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        status = Path(place).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in names if not name.startswith("."))
