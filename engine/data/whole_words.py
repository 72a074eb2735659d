"""Merges that make whole words single tokens of a trained byte-level BPE.

They are appended to the learned ones and so apply last: no split gets longer, and a word becomes one token only where
text is cut into that word, never inside a longer one (as an added token would). What the learned merges leave of a
word is joined from its end, because its forms share their endings ("H|ello", " h|ello"). Room for the new tokens is
made by leaving out the merges learned last. A thousand words take a tenth of a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

Merge = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A BPE: its tokens by id, its merges from the first to apply to the last."""

    tokens: list[str]
    merges: list[Merge]


def with_whole_words(trained: Vocabulary, words: Sequence[str], size: int, most: int) -> Vocabulary:
    """Return a vocabulary of at most `size` tokens in which `words` are tokens, the first of them if not all fit.

    `words` are written in byte-level characters. At most `most` learned tokens give way to them; room that is free
    anyway is theirs.
    """
    least = min(len(trained.tokens), size - most)
    kept = min(len(trained.tokens), size)
    while True:
        vocabulary = _Growing(*_first(trained, kept))
        added = vocabulary.add(words, room=size - kept if kept == least else None)
        if kept + added <= size:
            break
        # The fewer learned tokens are kept, the more must be added; from above this finds the most that can be kept.
        kept = max(least, size - added)
    vocabulary.learn(trained.merges, size)
    return Vocabulary(list(vocabulary.tokens), list(vocabulary.ranks))


def _first(trained: Vocabulary, count: int) -> tuple[list[str], list[Merge]]:
    """Return what had been learned when there were `count` tokens."""
    tokens = trained.tokens[:count]
    known, merges = set(tokens), []
    for left, right in trained.merges:
        if left + right not in known:
            break
        merges.append((left, right))
    return tokens, merges


class _Growing:
    """A vocabulary to which merges are appended."""

    def __init__(self, tokens: Iterable[str], merges: Iterable[Merge]) -> None:
        self.tokens = dict.fromkeys(tokens)
        self.ranks = {merge: rank for rank, merge in enumerate(merges)}

    def add(self, words: Iterable[str], room: int | None) -> int:
        """Make words single tokens, leaving out those for which there is no room; return the number of new tokens."""
        before = len(self.tokens)
        for word in words:
            pieces = self._split(word)
            if room is not None and len(self.tokens) - before + len(pieces) - 1 > room:
                continue
            while len(pieces) > 1:
                pairs = list(pairwise(pieces))
                self._append(next((pair for pair in reversed(pairs) if "".join(pair) in self.tokens), pairs[-1]))
                pieces = self._split(word)
        return len(self.tokens) - before

    def learn(self, merges: Iterable[Merge], size: int) -> None:
        """Append merges until there are `size` tokens, as far as their parts are known."""
        for left, right in merges:
            if len(self.tokens) >= size:
                return
            if left in self.tokens and right in self.tokens and left + right not in self.tokens:
                self._append((left, right))

    def _append(self, merge: Merge) -> None:
        self.ranks[merge] = len(self.ranks)
        self.tokens["".join(merge)] = None

    def _split(self, word: str) -> list[str]:
        """Return the pieces of a word as BPE finds them: the earliest merge first, the leftmost of equals."""
        pieces = list(word)
        while candidates := list(self._candidates(pieces)):
            _, at = min(candidates)
            pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]
        return pieces

    def _candidates(self, pieces: list[str]) -> Iterator[tuple[int, int]]:
        for at, pair in enumerate(pairwise(pieces)):
            if pair in self.ranks:
                yield self.ranks[pair], at
