"""Words with their places on named axes, and analogies that hold among them exactly.

`lexicon.toml` says how a lexicon is written. Further files (`load_lexicon(paths)`) add words, categories, axes and
analogies to it, and may build on its words. Loading and checking take a few hundredths of a second.
"""

from __future__ import annotations

import re
import tomllib
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from model.config import TURN_RANGE

LEAST_DISTANCE = 2.0
"""Euclidean distance that any two words keep."""
MARGIN = 1.0
"""How much nearer an analogy's answer lies than any other word."""
LEAST_SPREAD = 10.0
"""From an axis' lowest word to its highest."""
T = TypeVar("T")

_ANALOGY = re.compile(r"\s*(\w+) - (\w+) \+ (\w+) = (\w+)\s*")
_TABLES = ("axes", "defaults", "words", "analogies")


@dataclass(frozen=True, slots=True)
class Axis:
    """A named direction: what -10 and 10 on it mean, and when a word has a value there."""

    name: str
    low: str
    high: str
    rule: str


@dataclass(frozen=True, slots=True)
class Analogy:
    """first - second + third = answer."""

    kind: str
    first: str
    second: str
    third: str
    answer: str

    def __str__(self) -> str:
        return f"{self.first} - {self.second} + {self.third} = {self.answer}"


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The words that have a meaning before any training."""

    axes: tuple[Axis, ...]
    words: Mapping[str, tuple[float, ...]]
    """By word, as text writes it: its values, one an axis, whole or half numbers in -10..10."""
    categories: Mapping[str, tuple[str, ...]]
    """By category: its words."""
    analogies: tuple[Analogy, ...]


def load_lexicon(paths: Sequence[Path] = ()) -> Lexicon:
    """Return the lexicon that ships, with what the files at `paths` add to it.

    Raises ValueError, one line naming the file and the place, for what cannot be read or makes no sense.
    """
    draft = _Draft()
    for source in (resources.files("model") / "lexicon.toml", *paths):
        draft.add(source)
    return draft.finish()


def forms(word: str) -> tuple[str, ...]:
    """Return how text writes a word, the usual form first: within a sentence, at its start, at a text's start."""
    capital = word[:1].upper() + word[1:]
    return tuple(dict.fromkeys((f" {word}", capital, f" {capital}", word)))


def held_out(word: str) -> bool:
    """Return whether a word is of the fifth that a session may leave out, to see whether axes mean what they say."""
    return zlib.crc32(word.encode()) % 5 == 0


def check(lexicon: Lexicon) -> list[str]:
    """Return what is wrong with a lexicon's values, one line each: words too near, axes without spread, analogies."""
    words, values = list(lexicon.words), np.array(list(lexicon.words.values()))
    return [*_near(words, values), *_flat(lexicon.axes, values), *_broken(lexicon.analogies, words, values)]


def _near(words: list[str], values: np.ndarray) -> Iterator[str]:
    squares = (values**2).sum(1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * values @ values.T, 0))
    np.fill_diagonal(distances, np.inf)
    nearest = distances.argmin(1)
    for one, other in enumerate(nearest):
        if distances[one, other] < LEAST_DISTANCE and (one < other or nearest[other] != one):
            yield (
                f"{words[one]} and {words[other]} lie {distances[one, other]:.1f} apart, "
                f"at least {LEAST_DISTANCE:.0f} is wanted"
            )


def _flat(axes: Iterable[Axis], values: np.ndarray) -> Iterator[str]:
    for axis, spread in zip(axes, np.ptp(values, axis=0), strict=True):
        if spread < LEAST_SPREAD:
            yield f"axis {axis.name} tells nothing apart: its values spread over {spread:g}, not {LEAST_SPREAD:.0f}"


def _broken(analogies: Iterable[Analogy], words: list[str], values: np.ndarray) -> Iterator[str]:
    rows = {word: row for row, word in enumerate(words)}
    for analogy in analogies:
        given = [rows[word] for word in (analogy.first, analogy.second, analogy.third)]
        distances = np.linalg.norm(values[given].T @ (1, -1, 1) - values, axis=1)
        distances[given] = np.inf
        answer, distances[rows[analogy.answer]] = distances[rows[analogy.answer]], np.inf
        other = int(distances.argmin())
        if not answer + MARGIN <= distances[other]:
            yield f"{analogy}: it lies {answer:.1f} away, {words[other]} {distances[other]:.1f}"


@dataclass
class _Entry:
    """A word's line before it is worked out."""

    place: str
    category: str
    like: str | None
    values: dict[str, float]


@dataclass
class _Draft:
    """A lexicon in the making: read file by file, worked out at the end, so that words may build on later ones."""

    axes: dict[str, Axis] = field(default_factory=dict)
    defaults: dict[str, dict[str, float]] = field(default_factory=dict)
    entries: dict[str, _Entry] = field(default_factory=dict)
    analogies: list[tuple[str, Analogy]] = field(default_factory=list)
    """Each with its place."""

    def add(self, source: Traversable | Path) -> None:
        table = _read(source)
        for name, axis, place in _rows(table, "axes", source, dict):
            self._add_axis(name, axis, place)
        for category, values, place in _rows(table, "defaults", source, dict):
            if category in self.defaults:
                raise ValueError(f"{place}: this category has its defaults already")
            self.defaults[category] = self._values(values, place)
        for category, words, place in _rows(table, "words", source, dict):
            for word, line in words.items():
                self._add_word(word, category, line, place)
        for kind, lines, place in _rows(table, "analogies", source, list):
            self.analogies += [(place, _parse(line, kind, place)) for line in lines]

    def finish(self) -> Lexicon:
        worked_out: dict[str, dict[str, float]] = {}
        for word in self.entries:
            self._work_out(word, worked_out)
        for place, analogy in self.analogies:
            for word in (analogy.first, analogy.second, analogy.third, analogy.answer):
                if word not in self.entries:
                    raise ValueError(f"{place}: {analogy}: there is no word {word!r}")
        categories: dict[str, list[str]] = {}
        for word, entry in self.entries.items():
            categories.setdefault(entry.category, []).append(word)
        return Lexicon(
            axes=tuple(self.axes.values()),
            words={word: tuple(worked_out[word].get(axis, 0.0) for axis in self.axes) for word in self.entries},
            categories={category: tuple(words) for category, words in categories.items()},
            analogies=tuple(analogy for _, analogy in self.analogies),
        )

    def _add_axis(self, name: str, axis: dict[str, Any], place: str) -> None:
        if name in self.axes:
            raise ValueError(f"{place}: there is an axis of that name already")
        if set(axis) != {"low", "high", "rule"} or not all(isinstance(text, str) for text in axis.values()):
            raise ValueError(f"{place}: low, high and rule are wanted, each a text")
        self.axes[name] = Axis(name, **axis)

    def _add_word(self, word: str, category: str, line: object, place: str) -> None:
        place = f"{place} {word!r}"
        if not word.isalpha():
            raise ValueError(f"{place}: a word has letters alone")
        if word in self.entries:
            raise ValueError(f"{place}: the word is given twice, first at {self.entries[word].place}")
        if not isinstance(line, dict):
            raise ValueError(f"{place}: values by axis are wanted, as {{ size = 3 }}")
        values = dict(line)
        like = values.pop("like", None)
        if like is not None and not isinstance(like, str):
            raise ValueError(f"{place}: like is another word, not {like!r}")
        self.entries[word] = _Entry(place, category, like, self._values(values, place))

    def _values(self, values: dict[str, Any], place: str) -> dict[str, float]:
        for axis, value in values.items():
            if axis not in self.axes:
                raise ValueError(f"{place}: there is no axis {axis!r}; there are {', '.join(self.axes)}")
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not -TURN_RANGE <= value <= TURN_RANGE or value * 2 % 1:
                raise ValueError(
                    f"{place}: {axis} = {value!r}, but values are whole or half numbers in -{TURN_RANGE}..{TURN_RANGE}"
                )
        return {axis: float(value) for axis, value in values.items()}

    def _work_out(self, word: str, worked_out: dict[str, dict[str, float]]) -> None:
        chain = [word]
        while (like := self.entries[chain[-1]].like) is not None and like not in worked_out:
            place = self.entries[chain[-1]].place
            if like not in self.entries:
                raise ValueError(f"{place}: there is no word {like!r} to be like")
            if like in chain:
                raise ValueError(f"{place}: goes round in a circle ({' like '.join((*chain, like))})")
            chain.append(like)
        for one in reversed(chain):
            entry = self.entries[one]
            base = self.defaults.get(entry.category, {}) if entry.like is None else worked_out[entry.like]
            worked_out[one] = base | entry.values


def _read(source: Traversable | Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(source.read_text("utf-8"))
    except OSError as error:
        raise ValueError(f"{source}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ValueError(f"{source}: is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{source}: is not TOML ({error})") from None
    if unknown := sorted(set(table) - set(_TABLES)):
        raise ValueError(f"{source}: table {unknown[0]!r} is unknown; there are {', '.join(_TABLES)}")
    return table


def _rows(table: dict[str, Any], name: str, source: Traversable | Path, kind: type[T]) -> Iterator[tuple[str, T, str]]:
    """Yield name, content and place of what a table of the file holds."""
    rows = table.get(name, {})
    if not isinstance(rows, dict):
        raise ValueError(f"{source}: [{name}]: must be a table")
    for key, content in rows.items():
        if not key.isidentifier():
            raise ValueError(f"{source}: [{name}] {key!r}: a name has letters, digits and _ alone")
        place = f"{source}: [{name}.{key}]"
        if not isinstance(content, kind):
            raise ValueError(f"{place}: must be a {'table' if kind is dict else 'list'}")
        yield key, content, place


def _parse(line: object, kind: str, place: str) -> Analogy:
    found = _ANALOGY.fullmatch(line) if isinstance(line, str) else None
    if found is None:
        raise ValueError(f"{place}: {line!r} does not read as 'king - man + woman = queen'")
    return Analogy(kind, *found.groups())
