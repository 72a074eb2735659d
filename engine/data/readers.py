"""Documents of one file, by its format: text in paragraphs, or rows of named columns (engine/data/rows.py).

Text formats may be compressed. Every reader streams: what is held in memory does not grow with the file.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from engine.conversation import Document, Text, printable
from engine.data.lines import BLOCK, COMPRESSIONS, lines
from engine.data.position import Position
from engine.data.rows import COLUMNS, check_columns, clean, document_of, in_roles, shown
from engine.errors import UserError

PARAGRAPH_CHARACTERS = 1500
"""Paragraphs of a text file are joined up to about this length; none is longer than twice that."""
LINE_CHARACTERS = 16_000_000
"""The longest line of a .jsonl, and the longest line or field of a .csv."""
_PIECE = 65_536
_BATCH_BYTES = 4_000_000
_SENTENCE = re.compile(r".*(?:[.!?…][\"'”’»)\]]*(?=\s)|[。！？][\"'”’」』]*)", re.DOTALL)
_Rows = Iterator[tuple[str, Mapping[str, Any]]]
_Columns = Mapping[str, str] | None


class EmptyError(UserError):
    """A file that can be read and holds nothing."""


def name_and_format(path: Path) -> tuple[str, str]:
    """Return a file's name without its endings, and its format: one of FORMATS, or "" if it cannot be read."""
    stem, dot, ending = path.name.rpartition(".")
    packed = f"{dot}{ending}".lower() in COMPRESSIONS
    if packed:
        stem, dot, ending = stem.rpartition(".")
    kind = f"{dot}{ending}".lower()
    return stem, kind if kind in FORMATS and not (packed and kind == ".parquet") else ""


def documents_in(path: Path, columns: _Columns = None, position: Position | None = None) -> Iterator[Document]:
    """Yield the documents of a file; rows get their roles by `columns` (role -> column), or are named after them.

    `position` learns how far the file is read.
    Raises UserError that names what is wrong where, EmptyError if there is nothing; OSError if the system refuses.
    """
    kind = name_and_format(path)[1]
    if kind in {".txt", ".md"}:
        yield from _texts(path, position)
        return
    names: list[str] = []
    found = some = False
    for where, row in _ROWS[kind](path, columns, names, position):
        some = True
        document = document_of(row if columns is None else in_roles(row, columns), where)
        if document is not None:
            found = True
            yield document
    if not some:
        raise EmptyError(f"{path}: is empty")
    if not found:
        raise EmptyError(
            f"{path}: holds nothing to train on (no text, no conversation with a reply) in its columns {shown(names)}"
        )


def _texts(path: Path, position: Position | None) -> Iterator[Document]:
    joined = ""
    for paragraph in _paragraphs(path, position):
        if joined and len(joined) + len(paragraph) > PARAGRAPH_CHARACTERS:
            yield Text(joined)
            joined = ""
        joined = f"{joined}\n{paragraph}" if joined else paragraph
    if not joined:
        raise EmptyError(f"{path}: holds no text")
    yield Text(joined)


def _paragraphs(path: Path, position: Position | None) -> Iterator[str]:
    """Yield what stands between blank lines, each as one line; a very long one in parts that end where sentences do."""
    longest = 2 * PARAGRAPH_CHARACTERS
    parts: list[str] = []
    length = 0
    for line in chain(_pieces(path, position), [""]):
        part = clean(line.strip())
        if part:
            parts.append(part)
            length += len(part) + 1
            if length <= longest:
                continue
        elif not parts:
            continue
        text, start = " ".join(parts), 0
        while len(text) - start > longest:
            end = _sentence_end(text, start + PARAGRAPH_CHARACTERS, start + longest)
            yield text[start:end].strip()
            start = end
        rest = text[start:].strip()
        if part:
            parts, length = [rest], len(rest)
        else:
            parts, length = [], 0
            yield rest


def _pieces(path: Path, position: Position | None) -> Iterator[str]:
    """Yield lines; a very long one in pieces that end where sentences do."""
    held = ""
    for line in lines(path, _PIECE, position):
        whole = held + line if held else line
        end = len(whole)
        if len(line) == _PIECE and line[-1] != "\n":
            end = _sentence_end(whole, end - PARAGRAPH_CHARACTERS, end)
        yield whole[:end]
        held = whole[end:]
    if held:
        yield held


def _sentence_end(text: str, low: int, high: int) -> int:
    """Return where the last sentence ends between `low` and `high`, else the last word, else `high`."""
    match = _SENTENCE.match(text, low, high)
    return match.end() if match else text.rfind(" ", low, high) + 1 or high


# Readers of rows leave the names of the columns in `names`.


def _jsonl(path: Path, columns: _Columns, names: list[str], position: Position | None) -> _Rows:
    for number, line in _whole_lines(path, position):
        if line.isspace():
            continue
        where = f"{path}, line {number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(f"{where}, column {error.colno}: not valid JSON ({error.msg}); one object a line") from None
        except (ValueError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else "a number of too many digits"
            raise UserError(f"{where}: not valid JSON ({reason})") from None
        if not isinstance(row, dict):
            raise UserError(f"{where}: expected an object, found {type(row).__name__}")
        names[:] = names or row
        yield where, row


def _csv(path: Path, columns: _Columns, names: list[str], position: Position | None) -> _Rows:
    source = (line for _, line in _whole_lines(path, position))
    first = next(source, "")
    # A limit of the whole module, and there is no other way to allow what text needs.
    csv.field_size_limit(LINE_CHARACTERS)
    # Spreadsheets of many countries put semicolons, and a .tsv has tabs.
    table = csv.reader(chain([first], source), delimiter=max(",;\t", key=first.count), strict=True)
    number = 1
    try:
        names += (name.strip() for name in next(filter(None, table), []))
        if names:
            _check(names, path, columns)
        number = table.line_num + 1
        for fields in table:
            where, number = f"{path}, line {number}", table.line_num + 1
            if not fields:
                continue
            if len(fields) != len(names):
                raise UserError(
                    f"{where}: {len(fields)} fields, {len(names)} in the header; quote those that hold commas"
                )
            yield where, {name: field or None for name, field in zip(names, fields, strict=True)}
    except csv.Error as error:
        place = f"line {number}" if number >= table.line_num else f"lines {number} to {table.line_num}"
        raise UserError(
            f"{path}, {place}: not valid CSV ({error}); is a quote left open, or not doubled inside quotes?"
        ) from None


def _parquet(path: Path, columns: _Columns, names: list[str], position: Position | None) -> _Rows:
    import pyarrow
    import pyarrow.parquet

    try:
        # With these two a column of a row group, which may be the whole file, is never in memory as a whole.
        streamed = {"pre_buffer": False, "buffer_size": BLOCK}
        with path.open("rb") as raw, pyarrow.parquet.ParquetFile(raw, **streamed) as file:
            names += file.schema_arrow.names
            _check(names, path, columns)
            wanted = set(COLUMNS if columns is None else columns.values())
            weight = sum(file.metadata.row_group(i).total_byte_size for i in range(file.num_row_groups))
            rows = max(1, min(1024, _BATCH_BYTES * file.metadata.num_rows // max(weight, 1)))
            number, size = 0, path.stat().st_size
            for batch in file.iter_batches(batch_size=rows, columns=[name for name in names if name in wanted]):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{path}, row {number}", row
                if position is not None:
                    position.here = size * number // max(1, file.metadata.num_rows)
    except UserError:
        raise
    except (pyarrow.ArrowException, ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        reason = " ".join(printable(str(error)).split())[:120]
        raise UserError(f"{path}: not a readable parquet file ({reason})") from None


def _check(names: Sequence[str], path: Path, columns: _Columns) -> None:
    if columns is None:
        check_columns(names, str(path))
    elif missing := [column for column in columns.values() if column not in names]:
        raise UserError(f"{path}: no column {clean(missing[0])!r}; it has {shown(names)}")


def _whole_lines(path: Path, position: Position | None) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines(path, LINE_CHARACTERS + 1, position), 1):
        if len(line) > LINE_CHARACTERS:
            raise UserError(
                f"{path}, line {number}: longer than {LINE_CHARACTERS:,} characters; put one document on a line, "
                "or give plain text as .txt"
            )
        yield number, line


_ROWS: dict[str, Callable[[Path, _Columns, list[str], Position | None], _Rows]] = {
    ".jsonl": _jsonl,
    ".csv": _csv,
    ".tsv": _csv,
    ".parquet": _parquet,
}
FORMATS = (".txt", ".md", *_ROWS)
