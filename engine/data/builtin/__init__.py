"""The built-in corpus: simple English, written by us and varied by a grammar; endless, deterministic by seed.

Each part is a module with `DESCRIPTION` and `generate(writer) -> (keys, document)`. A key names a piece that may be
held out: a fact as it is asked, a story with its hero, something remembered as it is asked for. Each key belongs to one
split (5 % validation, 5 % test); a document goes where its most held-out key belongs, so none of it is trained on.
"""

from __future__ import annotations

import hashlib
import importlib
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from random import Random
from typing import Literal

from engine.conversation import Document
from engine.data.builtin.grammar import Writer

Split = Literal["train", "validation", "test"]
Generate = Callable[[Writer], tuple[tuple[str, ...], Document]]


@dataclass(frozen=True, slots=True)
class BuiltinSource:
    """One part of the corpus."""

    kind: Literal["text", "conversation"]
    module: str


SOURCES: Mapping[str, BuiltinSource] = {
    "stories": BuiltinSource("text", "stories"),
    "facts": BuiltinSource("text", "facts"),
    "headlines": BuiltinSource("text", "headlines"),
    "explanations": BuiltinSource("text", "explanations"),
    "smalltalk": BuiltinSource("conversation", "smalltalk"),
    "personas": BuiltinSource("conversation", "personas"),
    "characters": BuiltinSource("conversation", "characters"),
    "dialogues": BuiltinSource("conversation", "dialogues"),
    "games": BuiltinSource("conversation", "games"),
    "listening": BuiltinSource("conversation", "listening"),
    "questions": BuiltinSource("conversation", "questions"),
}


def documents(name: str, split: Split, seed: int, used: Counter[str] | None = None) -> Iterator[Document]:
    """Yield documents of one part and split without end, the same for the same seed.

    `used` counts the characters that each template gives, those of passed-over documents as well.
    """
    return (document for _, document in keyed_documents(name, split, seed, used))


def keyed_documents(
    name: str, split: Split, seed: int, used: Counter[str] | None = None
) -> Iterator[tuple[tuple[str, ...], Document]]:
    """Yield what `documents` does, each with the keys of what may be held out."""
    generate: Generate = importlib.import_module(f"engine.data.builtin.{SOURCES[name].module}").generate
    writer = Writer(Random(f"{name}/{split}/{seed}"), used)
    while True:
        keys, document = generate(writer)
        splits = {deal(f"{name}/{key}") for key in keys}
        if split == ("test" if "test" in splits else "validation" if "validation" in splits else "train"):
            yield keys, document


def description(name: str) -> str:
    """Return in a few words what a part holds."""
    text: str = importlib.import_module(f"engine.data.builtin.{SOURCES[name].module}").DESCRIPTION
    return text


@cache
def version() -> str:
    """Return a digest of all that makes the corpus, so that caches of an older one are not taken."""
    found = hashlib.sha256()
    folder = Path(str(resources.files(__name__)))
    for file in sorted(folder.rglob("*")):
        if file.suffix in {".py", ".toml", ".json"}:
            found.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes())
    return found.hexdigest()[:16]


def deal(key: str) -> Split:
    """Return the split that a key belongs to."""
    share = zlib.crc32(key.encode()) % 20
    return "validation" if share == 0 else "test" if share == 1 else "train"
