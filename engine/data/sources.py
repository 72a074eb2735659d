"""Where documents come from, by name: `builtin:stories`, `file:/home/me/talk.jsonl`.

With a person's own data (`--data`) each built-in source of a mix gives its weight to theirs, the source named `data`:
weight of texts to their texts, of conversations to their conversations; if the data holds only one of the two,
everything goes there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from engine.conversation import Conversation, Document, Text, printable
from engine.data import builtin, files
from engine.data.files import Split
from engine.errors import UserError

Kind = Literal["text", "conversation"]
OWN = "data"
"""The name of the source that stands for the user's own files."""
LOOK_DOCUMENTS = 500
"""Documents of a split that are looked at to know what kinds there are."""


def open_source(
    name: str, split: Split, seed: int, kind: Kind | None = None, own: Sequence[str] = ()
) -> Iterator[Document]:
    """Yield a source's documents, of one kind if given: without end for the corpus, to the end for files.

    `own` are the paths behind the name `data`. Raises UserError for a source that does not exist.
    """
    scheme, _, rest = name.partition(":")
    if scheme == "builtin":
        check_builtin(rest)
        documents = builtin.documents(rest, split, seed)
    elif paths := _paths(name, own):
        documents = files.read(paths, split)
    else:
        raise UserError(f"no source named {name!r}; use {', '.join(_all_builtin())}, or file:PATH")
    return documents if kind is None else (one for one in documents if kind_of(one) == kind)


def check_builtin(name: str) -> None:
    """Raise UserError unless the built-in corpus has a part of that name."""
    if name not in builtin.SOURCES:
        raise UserError(f"no source named 'builtin:{name}'; there are {', '.join(_all_builtin())}")


def describe_source(name: str) -> str:
    """Return in a few words what a source holds."""
    scheme, _, rest = name.partition(":")
    if scheme != "builtin":
        return "your own files" if name == OWN else f"the files at {printable(rest)}"
    check_builtin(rest)
    return builtin.description(rest)


def kind_of(document: Document) -> Kind:
    """Return whether a document is read or spoken."""
    return "text" if isinstance(document, Text) else "conversation"


def identity(name: str, own: Sequence[str] = ()) -> dict[str, Any]:
    """Return plain values that change when what the source holds changes."""
    if name.startswith("builtin:"):
        return {"name": name, "version": builtin.version()}
    stats = [(str(file), file.stat()) for file in files.list_files(_paths(name, own))]
    return {"name": name, "files": [[path, stat.st_size, stat.st_mtime_ns] for path, stat in stats]}


def kinds_in(own: Sequence[str]) -> set[Kind]:
    """Return the kinds that the first documents of each path hold; UserError if one holds nothing to train on."""
    found: set[Kind] = set()
    for path in own:
        here: set[Kind] = set()
        for split in files.SPLITS:
            here |= {kind_of(one) for one in islice(files.read([Path(path)], split), LOOK_DOCUMENTS)}
        if not here:
            raise UserError(f"{path}: holds nothing to train on (no text, no conversation with a reply)")
        found |= here
    return found


def characters(document: Document) -> int:
    """Return the length of what a document says."""
    if isinstance(document, Conversation):
        return sum(len(message.content) for message in document.messages)
    return len(document.content)


def resolve_mix(mix: Mapping[str, float], own: Collection[Kind]) -> dict[tuple[str, Kind | None], float]:
    """Return what a phase reads: (source, kind or None for all) -> weight.

    `own` are the kinds that the user's data holds; if it is empty the mix stays as it is. Raises UserError for a
    source that does not exist.
    """
    resolved: dict[tuple[str, Kind | None], float] = {}
    for name, weight in mix.items():
        if weight <= 0:
            continue
        scheme, _, rest = name.partition(":")
        part: tuple[str, Kind | None] = (name, None)
        if scheme == "builtin":
            check_builtin(rest)
            if own:
                kind = builtin.SOURCES[rest].kind
                part = (OWN, kind if kind in own else next(iter(own)))
        resolved[part] = resolved.get(part, 0.0) + weight
    return resolved


def _paths(name: str, own: Sequence[str]) -> list[Path]:
    scheme, _, rest = name.partition(":")
    return [Path(path) for path in own] if name == OWN else [Path(rest)] if scheme == "file" and rest else []


def _all_builtin() -> list[str]:
    return [f"builtin:{name}" for name in builtin.SOURCES]
