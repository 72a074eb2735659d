"""Where documents come from, by name: `builtin:stories`, `hub:simple_wikipedia`, `file:/home/me/talk.jsonl`.

With a person's own data (`--data PATH`) each source of a mix gives its weight to theirs, the source named `data`:
weight of texts to their texts, of conversations to their conversations; if the data holds only one of the two,
everything goes there. With `--data simple_wikipedia=PATH` files of theirs stand for that set of the hub alone.

A source gives its documents in a fixed order, so how many were taken says where one stands in it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from engine.conversation import Document, Text, printable
from engine.data import builtin, files
from engine.data.files import Split
from engine.data.hub_catalogue import catalogue, hub_source
from engine.data.position import Position
from engine.errors import SourceUnavailable, UserError
from engine.recipe import DataSettings, FilterSettings, Recipe
from engine.status import Say

Kind = Literal["text", "conversation"]
Part = tuple[str, Kind | None]
"""A source, and the kind of its documents that is wanted; None for all."""
OWN = "data"
"""The name of the source that stands for the user's own files."""
LOOK_DOCUMENTS = 500
"""Documents of a split that are looked at to know what kinds there are."""


class Sources:
    """What the names in a recipe's mixes stand for."""

    def __init__(
        self, settings: DataSettings, seed: int, cache: Path, say: Say = lambda *_: None, notes: list[str] | None = None
    ) -> None:
        """`cache` keeps what is downloaded; `say` hears of downloads and `notes` what came of them.

        Raises UserError if files stand for a set that does not exist.
        """
        for name in settings.named:
            hub_source(name)
        self._settings, self._seed = settings, seed
        self._folder, self._say, self._notes = cache / "hub", say, [] if notes is None else notes
        self._kinds: set[Kind] | None = None

    def open(
        self, name: str, split: Split, kind: Kind | None = None, position: Position | None = None
    ) -> Iterator[Document]:
        """Give a source's documents, of one kind if given: without end for the corpus, to the end for others.

        A set of the hub is downloaded before this returns. `position` learns how far files or a set are read.
        Raises UserError for a source that does not exist, SourceUnavailable for one that cannot be had now.
        """
        scheme, _, rest = name.partition(":")
        if scheme == "builtin":
            check_builtin(rest)
            documents = builtin.documents(rest, split, self._seed)
        elif paths := self._paths(name):
            documents = files.read(paths, split, position=position)
        elif scheme == "hub":
            from engine.data.hub import open_hub

            documents = open_hub(
                rest,
                split,
                self._folder,
                self._say,
                self._notes,
                megabytes=self._settings.megabytes,
                position=position,
            )
        else:
            raise UserError(f"no source named {printable(name)!r}; use {', '.join(_known())}, or file:PATH")
        return documents if kind is None else (one for one in documents if kind_of(one) == kind)

    def mixes(self, recipe: Recipe, only: Collection[str] | None = None) -> dict[str, dict[Part, float]]:
        """Return what each phase reads, downloading what must be; `only` those sources, if given, and each of them.

        A source that cannot be had gives its share to the others where the recipe allows that; SourceUnavailable where
        it does not, or where nothing is left.
        """
        mixes = {phase: self.mix(settings.mix) for phase, settings in recipe.phases.items()}
        gone: set[str] = set()
        reasons: dict[str, list[str]] = {}
        for name in sorted({name for mix in mixes.values() for name, _ in mix}):
            if only is not None and name not in only:
                gone.add(name)
                continue
            try:
                if name.startswith("hub:"):
                    self.open(name, "train")
                    self.open(name, "validation")
            except SourceUnavailable as error:
                if recipe.data.missing == "fail" or only is not None:
                    raise
                gone.add(name)
                reasons.setdefault(str(error).removeprefix(f"{name}: "), []).append(name)
        self._notes += [
            f"{', '.join(names)}: {reason}; their share goes to the other sources" for reason, names in reasons.items()
        ]
        left = {phase: {part: w for part, w in mix.items() if part[0] not in gone} for phase, mix in mixes.items()}
        for phase, mix in left.items():
            if not mix:
                raise SourceUnavailable(f"{phase} has nothing to read: {', '.join(sorted(gone))} cannot be had")
        return left

    def filters(self, name: str, recipe: Recipe) -> FilterSettings | None:
        """Return the filters that a source passes; None if it is taken as it is."""
        own = name == OWN or name.startswith("file:")
        return None if name.startswith("builtin:") or (own and not recipe.filters.own) else recipe.filters

    def mix(self, weights: Mapping[str, float]) -> dict[Part, float]:
        """Return what a phase reads, and how much of each; UserError for a source that does not exist."""
        resolved: dict[Part, float] = {}
        for name, weight in weights.items():
            if weight <= 0:
                continue
            part: Part = (name, None)
            if (kind := _kind_of_source(name)) and self._settings.paths and not self._paths(name):
                part = (OWN, kind if kind in self.kinds else next(iter(self.kinds)))
            resolved[part] = resolved.get(part, 0.0) + weight
        return resolved

    @property
    def kinds(self) -> set[Kind]:
        """What the user's own files hold; UserError if a path holds nothing to train on."""
        if self._kinds is None:
            self._kinds = kinds_in(self._settings.paths)
        return self._kinds

    def identity(self, name: str) -> dict[str, Any]:
        """Return plain values that change when what the source holds changes."""
        if name.startswith("builtin:"):
            return {"name": name, "version": builtin.version()}
        if paths := self._paths(name):
            stats = [(str(file), file.stat()) for file in files.list_files(paths)]
            return {"name": name, "files": [[path, stat.st_size, stat.st_mtime_ns] for path, stat in stats]}
        from engine.data.hub import identity

        return identity(name.removeprefix("hub:"), self._folder)

    def describe(self, name: str) -> str:
        """Return in a few words what a source holds."""
        if paths := self._paths(name):
            return "your own files" if name == OWN else f"the files at {printable(', '.join(map(str, paths)))}"
        scheme, _, rest = name.partition(":")
        if scheme == "hub":
            found = hub_source(rest)
            return f"{found.about} ({found.repository}, {found.licence})"
        check_builtin(rest)
        return builtin.description(rest)

    def _paths(self, name: str) -> list[Path]:
        scheme, _, rest = name.partition(":")
        if scheme == "hub":
            return [Path(path) for path in self._settings.named.get(rest, ())]
        if name == OWN:
            return [Path(path) for path in self._settings.paths]
        return [Path(rest)] if scheme == "file" and rest else []


def check_builtin(name: str) -> None:
    """Raise UserError unless the built-in corpus has a part of that name."""
    if name not in builtin.SOURCES:
        known = ", ".join(f"builtin:{one}" for one in builtin.SOURCES)
        raise UserError(f"no source named 'builtin:{name}'; there are {known}")


def kind_of(document: Document) -> Kind:
    """Return whether a document is read or spoken."""
    return "text" if isinstance(document, Text) else "conversation"


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


def _kind_of_source(name: str) -> Kind | None:
    """Return what a named source gives; None for files."""
    scheme, _, rest = name.partition(":")
    if scheme == "builtin":
        check_builtin(rest)
        return builtin.SOURCES[rest].kind
    return hub_source(rest).kind if scheme == "hub" else None


def _known() -> list[str]:
    return [*(f"builtin:{name}" for name in builtin.SOURCES), *(f"hub:{name}" for name in catalogue())]
