"""The built-in corpus: simple English, written by us and varied by a grammar; endless, deterministic by seed.

Each part is a module with `DESCRIPTION` and `generate(random) -> (key, document)`. The key names the authored
pieces that were combined; it alone decides the split (5 % validation, 5 % test), so no combination appears in two.
"""

from __future__ import annotations

import hashlib
import importlib
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from random import Random
from typing import Literal

from engine.conversation import Document

Generate = Callable[[Random], tuple[str, Document]]


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
    "dialogues": BuiltinSource("conversation", "dialogues"),
    "questions": BuiltinSource("conversation", "questions"),
}


def documents(name: str, split: Literal["train", "validation", "test"], seed: int) -> Iterator[Document]:
    """Yield documents of one part and split without end, the same for the same seed."""
    generate: Generate = importlib.import_module(f"engine.data.builtin.{SOURCES[name].module}").generate
    random = Random(f"{name}/{split}/{seed}")
    while True:
        key, document = generate(random)
        if deal(f"{name}/{key}") == split:
            yield document


@cache
def version() -> str:
    """Return a digest of all that makes the corpus, so that caches of an older one are not taken."""
    found = hashlib.sha256()
    for file in sorted(resources.files(__name__).iterdir(), key=lambda file: file.name):
        if file.name.endswith((".py", ".toml")):
            found.update(file.name.encode() + b"\0" + file.read_bytes())
    return found.hexdigest()[:16]


def deal(key: str) -> Literal["train", "validation", "test"]:
    """Return the split that a combination belongs to."""
    share = zlib.crc32(key.encode()) % 20
    return "validation" if share == 0 else "test" if share == 1 else "train"
