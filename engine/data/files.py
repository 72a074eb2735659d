"""Documents from a person's own files: .txt .md .jsonl .parquet, or a folder of them.

A file whose name ends in `-train`, `-validation` or `-test` (or `_`, `.`; `valid`, `dev`) holds that split, if there is
one for validation among them. Documents of other files are dealt out by a hash of their text: 5 % validation, 5 % test,
the rest train.
"""

from __future__ import annotations

import json
import re
import unicodedata
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from engine.conversation import ROLES, Conversation, Document, Message, Role, Text, printable
from engine.errors import UserError

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

PARAGRAPH_CHARACTERS = 1500
"""Paragraphs of a text file are joined up to about this length."""
_NAMED_SPLIT = re.compile(r"[-_.](train|validation|valid|dev|test)$", re.IGNORECASE)
_SAID = ("turns", "dialog", "dialogue", "utterances")
_COLUMNS = ("text", "messages", *_SAID, "question and answer")


def list_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files that `paths` (files or folders) stand for; UserError for one that has none to read."""
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise UserError(f"{path}: no such file or folder")
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.suffix.lower() in _READERS and file.is_file())
            if not inside:
                raise UserError(f"{path}: holds none of {', '.join(_READERS)}")
            found += inside
        elif path.suffix.lower() in _READERS:
            found.append(path)
        else:
            raise UserError(f"{path}: cannot be read; give {', '.join(_READERS)}, or a folder of them")
    return found


def read(paths: Sequence[Path], split: Split) -> Iterator[Document]:
    """Yield the documents of one split of files and folders, in order; UserError that names what is wrong where."""
    listed = list_files(paths)
    named = {file: split_of(file) for file in listed}
    if "validation" not in named.values():
        # Nothing is set aside for validation, so a part of what is named train must be.
        named = {file: None if split_ == "train" else split_ for file, split_ in named.items()}
    for file in listed:
        if named[file] not in {None, split}:
            continue
        try:
            for document in _READERS[file.suffix.lower()](file):
                if named[file] or deal(document) == split:
                    yield document
        except OSError as error:
            raise UserError(f"{file}: cannot be read ({error.strerror})") from None


def split_of(file: Path) -> Split | None:
    """Return the split a file's name tells, or None."""
    match = _NAMED_SPLIT.search(file.stem)
    if not match:
        return None
    word = match[1].lower()
    return "validation" if word in {"valid", "dev"} else word  # type: ignore[return-value]


def deal(document: Document) -> Split:
    """Return the split that a document belongs to by its text."""
    text = document.content if isinstance(document, Text) else "\n".join(m.content for m in document.messages)
    share = zlib.crc32(text.encode("utf-8", "surrogatepass")) % 20
    return "validation" if share == 0 else "test" if share == 1 else "train"


def clean(text: str) -> str:
    """Return text in Unicode NFC, without control characters and outer spaces."""
    return printable(unicodedata.normalize("NFC", text)).strip()


def _read_text(path: Path) -> Iterator[Document]:
    paragraph: list[str] = []
    joined = ""
    empty = True
    for line in [*_lines(path), ""]:
        if line.strip():
            paragraph.append(line.strip())
            if sum(map(len, paragraph)) < PARAGRAPH_CHARACTERS:
                continue
        text = clean(" ".join(paragraph))
        paragraph.clear()
        if not text:
            continue
        empty = False
        if joined and len(joined) + len(text) > PARAGRAPH_CHARACTERS:
            yield Text(joined)
            joined = ""
        joined = f"{joined}\n{text}" if joined else text
    if joined:
        yield Text(joined)
    if empty:
        raise UserError(f"{path}: holds no text")


def _read_jsonl(path: Path) -> Iterator[Document]:
    empty = True
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        empty = False
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            where = f", column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
            reason = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
            raise UserError(f"{path}, line {number}{where}: not valid JSON ({reason})") from None
        if not isinstance(row, dict):
            raise UserError(f"{path}, line {number}: expected an object, found {type(row).__name__}")
        yield from _document(row, f"{path}, line {number}")
    if empty:
        raise UserError(f"{path}: is empty")


def _read_parquet(path: Path) -> Iterator[Document]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            names = set(file.schema_arrow.names)
            used = [name for name in ("text", "messages", *_SAID, "question", "answer", "context") if name in names]
            if not names & {"text", "messages", *_SAID} and not {"question", "answer"} <= names:
                raise UserError(
                    f"{path}: none of the columns {', '.join(_COLUMNS)}; it has {', '.join(sorted(names)) or 'none'}"
                )
            if file.metadata.num_rows == 0:
                raise UserError(f"{path}: is empty")
            number = 0
            for batch in file.iter_batches(batch_size=1024, columns=used):
                for row in batch.to_pylist():
                    number += 1
                    yield from _document(row, f"{path}, row {number}")
    except (pyarrow.ArrowException, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path}: not a readable parquet file ({' '.join(str(error).split())[:120]})") from None


def _document(row: dict[str, Any], where: str) -> Iterator[Document]:
    """Yield the document of a row, or nothing if what it says is empty."""
    said = next((name for name in _SAID if row.get(name) is not None), None)
    if row.get("messages") is not None:
        found: Document | None = _conversation(_messages(row["messages"], where))
    elif said is not None:
        contents = row[said]
        if not isinstance(contents, list) or not all(isinstance(one, str) for one in contents):
            raise UserError(f"{where}: {said!r} must be a list of strings")
        roles: tuple[Role, Role] = ("user", "assistant")
        found = _conversation([(roles[i % 2], clean(content)) for i, content in enumerate(contents)])
    elif row.get("question") is not None and row.get("answer") is not None:
        context = clean(_string(row.get("context") or "", "context", where))
        question = clean(_string(row["question"], "question", where))
        asked = f"{context}\n{question}" if context else question
        answer = clean(_string(row["answer"], "answer", where))
        found = _conversation([("user", asked), ("assistant", answer)])
    elif "text" in row:
        text = clean(_string(row["text"], "text", where))
        found = Text(text) if text else None
    else:
        raise UserError(f"{where}: none of the keys {', '.join(_COLUMNS)}")
    if found is not None:
        yield found


def _messages(value: Any, where: str) -> list[tuple[Role, str]]:
    if not isinstance(value, list):
        raise UserError(f"{where}: 'messages' must be a list")
    found: list[tuple[Role, str]] = []
    for message in value:
        if not isinstance(message, dict) or not isinstance(message.get("content"), str):
            raise UserError(f"{where}: each message must be an object with 'role' and a string 'content'")
        if message.get("role") not in ROLES:
            role = clean(str(message.get("role")))[:20]
            raise UserError(f"{where}: unknown role {role!r}; use {', '.join(ROLES)}")
        found.append((message["role"], clean(message["content"])))
    return found


def _conversation(said: list[tuple[Role, str]]) -> Conversation | None:
    """Return a conversation that alternates and ends with a reply; None if nothing is left of it."""
    messages: list[Message] = []
    for role, content in said:
        if not content or (role == "system" and messages):
            continue
        if messages and messages[-1].role == role:
            messages[-1] = Message(role, f"{messages[-1].content} {content}")
        elif role != "assistant" or (messages and messages[-1].role == "user"):
            messages.append(Message(role, content))
    if messages and messages[-1].role == "user":
        messages.pop()
    return Conversation(tuple(messages)) if any(m.role == "assistant" for m in messages) else None


def _string(value: Any, name: str, where: str) -> str:
    if not isinstance(value, str):
        raise UserError(f"{where}: {name!r} must be a string, not {type(value).__name__}")
    return value


def _lines(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if b"\0" in line:
                raise UserError(f"{path}, line {number}: binary data, not text")
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                byte = line[error.start]
                raise UserError(f"{path}, line {number}: not UTF-8 (byte 0x{byte:02x} at {error.start + 1})") from None


_READERS: dict[str, Callable[[Path], Iterator[Document]]] = {
    ".txt": _read_text,
    ".md": _read_text,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}
