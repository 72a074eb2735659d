"""Arithmetic with words on their turns: expressions, the nearest words, and how well analogies hold.

Distances are Euclidean, in turns (-10..10), over the named axes or over all turns, from the values as they are stored.
Figures of analogies come with what they would be worth without any meaning: how far random words lie apart, and how
often the word nearest to the third one is the answer. In a space that collapsed, words tie; ties fail.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from model.lexicon import Analogy

MOST_MEAN, MOST_EACH, LEAST_FIRST = 1.0, 1.5, 0.95
"""What analogies among started words keep: mean and greatest distance in turns, share with the right word first."""
LEAST_RANDOM = 6.0
"""How far random words lie apart at least, for those distances to mean something."""
RANDOM_PAIRS = 20_000
_PART = re.compile(r"\s*(?:(?P<word>[^\W\d_]+(?:['’][^\W\d_]+)*)|(?P<sign>[-+−–])|(?P<other>\S))")


class ExpressionError(ValueError):
    """An expression that does not parse; the message names the column."""


@dataclass(frozen=True, slots=True)
class Term:
    """A word of an expression, 1 or -1 times."""

    sign: int
    word: str


@dataclass(frozen=True, slots=True)
class Near:
    """A word and how far it is, in turns."""

    word: str
    distance: float


@dataclass(frozen=True, slots=True)
class Score:
    """How well some analogies hold."""

    count: int
    mean: float
    """Distance from where an analogy points to its answer, in turns."""
    largest: float
    first: float
    """Share in which the answer is nearer than every other word, the three given ones aside."""
    nearest_to_third: float
    """Share in which the word nearest to the third one, the given ones aside, is the answer."""


@dataclass(frozen=True, slots=True)
class Report:
    """How well analogies hold, all and by kind, beside how far random words lie apart."""

    total: Score
    kinds: dict[str, Score]
    random: float

    @property
    def holds(self) -> bool:
        """Whether they hold as those among started words must."""
        t = self.total
        close = t.mean < MOST_MEAN and t.largest < MOST_EACH
        return close and t.first >= LEAST_FIRST and self.random >= LEAST_RANDOM


def parse(expression: str) -> tuple[Term, ...]:
    """Return the terms of `king - man + woman`; ExpressionError that names the place where it makes no sense."""
    terms: list[Term] = []
    sign: int | None = 1
    at = 0
    while found := _PART.match(expression, at):
        kind = str(found.lastgroup)
        column, text = found.start(kind) + 1, found[kind]
        if kind == "other":
            raise ExpressionError(f"{text!r} at column {column} is neither a word nor + nor -")
        if kind == "word":
            if sign is None:
                raise ExpressionError(f"+ or - is wanted before {text!r} at column {column}")
            terms.append(Term(sign, text))
            sign = None
        elif sign is not None and (terms or at):
            raise ExpressionError(f"a word is wanted at column {column}, not {text!r}")
        else:
            sign = 1 if text == "+" else -1
        at = found.end()
    if sign is not None:
        raise ExpressionError(f"a word is wanted at the end, column {len(expression) + 1}")
    return tuple(terms)


class Space:
    """Whole words and their turns, the first of which are the named axes."""

    def __init__(self, words: Sequence[str], values: np.ndarray, axes: Sequence[str]) -> None:
        """`values` is (words, turns), in -10..10."""
        self.words, self.axes = tuple(words), tuple(axes)
        self.values = values.astype(np.float32)
        self._rows = {word: row for row, word in enumerate(self.words)}

    def find(self, word: str) -> str | None:
        """Return a word as the vocabulary writes it: as given, small, or with a capital; None if it is not there."""
        spelled = (word, word.lower(), word[:1].upper() + word[1:])
        return next((one for one in spelled if one in self._rows), None)

    def suggest(self, word: str) -> str | None:
        """Return the known word that is spelled most like one that is not known."""
        small = {known.lower(): known for known in self.words}
        return next((small[one] for one in difflib.get_close_matches(word.lower(), small, n=1)), None)

    def vector(self, word: str) -> np.ndarray:
        """Return the turns of a known word, (turns,)."""
        vector: np.ndarray = self.values[self._rows[word]]
        return vector

    def point(self, terms: Iterable[Term]) -> np.ndarray:
        """Return where an expression of known words points, (turns,)."""
        point: np.ndarray = np.stack([term.sign * self.vector(term.word) for term in terms]).sum(0)
        return point

    def nearest(
        self, point: np.ndarray, count: int, *, without: Collection[str] = (), named: bool = True
    ) -> list[Near]:
        """Return the words nearest to a point, over the named axes or over all turns, some words left out."""
        distances = self._distances(point, named)
        distances[[self._rows[word] for word in without]] = np.inf
        order = np.argsort(distances, kind="stable")[:count]
        return [Near(self.words[row], float(distances[row])) for row in order if np.isfinite(distances[row])]

    def ends(self, axis: str, count: int) -> tuple[list[str], list[str]]:
        """Return the words lowest and highest on an axis, of equal ones those that lie least off it."""
        along = self.values[:, self.axes.index(axis)]
        off = np.square(self.values[:, : len(self.axes)]).sum(1) - along**2
        low, high = np.lexsort((off, along))[:count], np.lexsort((off, -along))[:count]
        return [self.words[row] for row in low], [self.words[row] for row in high]

    def random_distance(self, *, named: bool = True) -> float:
        """Return the mean distance of two random words; 0 where there are not two."""
        if len(self.words) < 2:
            return 0.0
        draw = np.random.default_rng(1)
        one = draw.integers(0, len(self.words), RANDOM_PAIRS)
        other = (one + draw.integers(1, len(self.words), RANDOM_PAIRS)) % len(self.words)
        values = self._compared(named)
        return float(np.linalg.norm(values[one] - values[other], axis=1).mean())

    def report(self, analogies: Iterable[Analogy], *, named: bool = True) -> Report | None:
        """Score the analogies whose four words are known; None if there are none."""
        rows: dict[str, list[tuple[float, bool, bool]]] = {}
        for analogy in analogies:
            words = [self.find(word) for word in (analogy.first, analogy.second, analogy.third, analogy.answer)]
            known = [self._rows[word] for word in words if word is not None]
            if len(known) == len(words) and known[3] not in known[:3]:
                rows.setdefault(analogy.kind, []).append(self._judge(known[:3], known[3], named))
        if not rows:
            return None
        kinds = {kind: _score(found) for kind, found in rows.items()}
        return Report(
            _score([one for found in rows.values() for one in found]), kinds, self.random_distance(named=named)
        )

    def correlations(self, stated: Mapping[str, Sequence[float]]) -> list[float]:
        """Return for each axis Pearson's r of words' values and the stated ones; NaN where one side is constant."""
        known = [(self.vector(word), values) for word, values in stated.items() if word in self._rows]
        found = []
        for axis in range(len(self.axes)):
            ours, theirs = (
                ([float(side[axis]) for side in pair] for pair in zip(*known, strict=True)) if known else ((), ())
            )
            varied = len(set(ours)) > 1 and len(set(theirs)) > 1
            found.append(float(np.corrcoef(ours, theirs)[0, 1]) if varied else float("nan"))
        return found

    def _judge(self, given: list[int], answer: int, named: bool) -> tuple[float, bool, bool]:
        """Return an analogy's distance, whether its answer comes first, and whether it is nearest to the third word."""
        first, second, third = self.values[given]
        distances = self._distances(first - second + third, named)
        beside_third = self._distances(third, named)
        reached = float(distances[answer])
        for ranking in (distances, beside_third):
            ranking[given] = np.inf
        return reached, _alone_first(distances, answer), _alone_first(beside_third, answer)

    def _distances(self, point: np.ndarray, named: bool) -> np.ndarray:
        values = self._compared(named)
        distances: np.ndarray = np.linalg.norm(values - point[: values.shape[1]], axis=1)
        return distances

    def _compared(self, named: bool) -> np.ndarray:
        return self.values[:, : len(self.axes)] if named else self.values


def _alone_first(distances: np.ndarray, answer: int) -> bool:
    others = np.delete(distances, answer)
    # On a grid, sums in another order may differ in the last digit and still be a tie.
    return bool(distances[answer] + 1e-3 < others.min(initial=np.inf))


def _score(judged: Sequence[tuple[float, bool, bool]]) -> Score:
    distances, firsts, thirds = np.array(judged, dtype=float).T
    return Score(
        len(judged), float(distances.mean()), float(distances.max()), float(firsts.mean()), float(thirds.mean())
    )
