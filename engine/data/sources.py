"""Where documents come from, by name: `builtin:stories`, `file:/home/me/talk.jsonl`.

With a person's own data (`--data`) each built-in source of a mix gives its weight to theirs: weight of texts to their
texts, of conversations to their conversations; if the data holds only one of the two, everything goes there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from engine.conversation import Conversation, Document, Text
from engine.data import builtin, files
from engine.data.files import Split
from engine.errors import UserError

Kind = Literal["text", "conversation"]
LOOK_DOCUMENTS = 2000
"""Documents of a file that are looked at to know what kinds it holds."""


def open_source(name: str, split: Split, seed: int, kind: Kind | None = None) -> Iterator[Document]:
    """Yield a source's documents, of one kind if given: without end for the corpus, to the end for files."""
    scheme, _, rest = name.partition(":")
    if scheme == "builtin":
        check_builtin(rest)
        documents = builtin.documents(rest, split, seed)
    elif scheme == "file" and rest:
        documents = files.read(Path(rest), split)
    else:
        raise UserError(f"no source named {name!r}; use {', '.join(_all_builtin())}, or file:PATH")
    return documents if kind is None else (one for one in documents if kind_of(one) == kind)


def check_builtin(name: str) -> None:
    """Raise UserError unless the built-in corpus has a part of that name."""
    if name not in builtin.SOURCES:
        raise UserError(f"no source named 'builtin:{name}'; there are {', '.join(_all_builtin())}")


def kind_of(document: Document) -> Kind:
    """Return whether a document is read or spoken."""
    return "text" if isinstance(document, Text) else "conversation"


def identity(name: str) -> dict[str, Any]:
    """Return plain values that change when what the source holds changes."""
    scheme, _, rest = name.partition(":")
    if scheme == "builtin":
        return {"name": name, "version": builtin.VERSION}
    stats = [(str(file), file.stat()) for file in files.list_files(Path(rest))]
    return {"name": name, "files": [[path, stat.st_size, stat.st_mtime_ns] for path, stat in stats]}


def kinds_in(path: str) -> dict[Kind, int]:
    """Return how many characters of each kind the first documents of a file or folder hold."""
    found: dict[Kind, int] = {}
    for number, document in enumerate(files.read(Path(path), "train")):
        found[kind_of(document)] = found.get(kind_of(document), 0) + characters(document)
        if number >= LOOK_DOCUMENTS:
            break
    return found


def characters(document: Document) -> int:
    """Return the length of what a document says."""
    if isinstance(document, Conversation):
        return sum(len(message.content) for message in document.messages)
    return len(document.content)


def resolve_mix(
    mix: Mapping[str, float], own: Mapping[str, Mapping[Kind, int]]
) -> dict[tuple[str, Kind | None], float]:
    """Return what a phase reads: (source, kind or None for all) -> weight.

    `own` maps each path of the user's data to its characters by kind; if empty the mix stays as it is. Raises
    UserError for a source that does not exist.
    """
    resolved: dict[tuple[str, Kind | None], float] = {}
    for name, weight in mix.items():
        if weight <= 0:
            continue
        scheme, _, rest = name.partition(":")
        if scheme == "builtin":
            check_builtin(rest)
        if not own or scheme != "builtin":
            resolved[name, None] = resolved.get((name, None), 0.0) + weight
            continue
        kind: Kind = builtin.SOURCES[rest].kind
        if not any(kinds.get(kind) for kinds in own.values()):
            kind = "conversation" if kind == "text" else "text"
        total = sum(kinds.get(kind, 0) for kinds in own.values())
        for path, kinds in own.items():
            if share := kinds.get(kind, 0) / total:
                key = (f"file:{path}", kind)
                resolved[key] = resolved.get(key, 0.0) + weight * share
    return resolved


def _all_builtin() -> list[str]:
    return [f"builtin:{name}" for name in builtin.SOURCES]
