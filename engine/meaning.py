"""A start from meaning: words of the lexicon lie on its axes, all other tokens where their company puts them.

A token that is a word of the lexicon, in any of its forms, begins at the word's values, rounded to the grid on which
turns are stored, and is kept there while the rest is trained (`optimizer.anchor`). Where the others lie on the same
axes is learned from those words: a ridge regression from a token's statistics (engine/statistics.py) to values.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from engine.data.tokenizer import SPECIALS, ChatTokenizer
from engine.recipe import Recipe
from model.config import FINE_LEVELS, TURN_RANGE
from model.grid import positions, step
from model.lexicon import Lexicon, forms, held_out

WATCHED = (
    "king", "queen", "man", "woman", "boy", "girl", "father", "mother", "good", "bad", "happy", "sad", "big", "small",
    "hot", "cold", "dog", "puppy", "go", "went",
)  # fmt: skip
MOST_WATCHED = 40
LEAST_LETTERS = 4
RIDGE = 1.0
"""Penalty on the weights, where tokens' statistics have unit length."""
SPREAD = 5.0
"""Standard deviation of each axis over all tokens; 5.8 is even over the range."""


@dataclass(frozen=True, slots=True)
class Started:
    """Tokens with a place of their own: their ids (started,), and where they lie on the named axes (started, axes)."""

    ids: Tensor
    values: Tensor


def watched_words(tokenizer: ChatTokenizer) -> dict[str, int]:
    """Return words whose way over the axes is recorded -> token: those of WATCHED, and as many others, of low ids."""
    words = tokenizer.words()
    known = [word for word in WATCHED if word in words]
    others = (
        word for word in sorted(words, key=words.__getitem__) if word not in WATCHED and len(word) >= LEAST_LETTERS
    )
    return {word: words[word] for word in (*known, *islice(others, MOST_WATCHED - len(known)))}


def started_words(recipe: Recipe, lexicon: Lexicon) -> list[str]:
    """Return the lexicon's words that a recipe starts from it."""
    if recipe.model.start != "meaning":
        return []
    return [word for word in lexicon.words if not (recipe.model.held_out_words and held_out(word))]


def tokens_of(words: Collection[str], tokenizer: ChatTokenizer) -> dict[int, str]:
    """Return the tokens that are one of `words` in some form, id -> word, more usual forms first.

    A form that two words share (may and May) is that of the word whose more usual form it is.
    """
    spelled = {word: forms(word) for word in words}
    single = tokenizer.single({form for several in spelled.values() for form in several})
    owners: dict[int, str] = {}
    for number in range(max(map(len, spelled.values()), default=0)):
        for word, several in spelled.items():
            if number < len(several) and several[number] in single:
                owners.setdefault(single[several[number]], word)
    return owners


def started_tokens(lexicon: Lexicon, words: Collection[str], tokenizer: ChatTokenizer) -> Started:
    """Return the tokens of `words`, with values rounded to the grid of named axes."""
    owners = sorted(tokens_of(words, tokenizer).items())
    values = torch.tensor([lexicon.words[word] for _, word in owners]).view(len(owners), len(lexicon.axes))
    ids = torch.tensor([id_ for id_, _ in owners], dtype=torch.long)
    return Started(ids, positions(values, FINE_LEVELS) * step(FINE_LEVELS))


def on_axes(statistics_vk: Tensor, started: Started) -> Tensor:
    """Return where all tokens lie on the named axes, (vocabulary, axes) in -10..10; those never seen at 0."""
    features = torch.nn.functional.normalize(statistics_vk.double(), dim=1)
    known = features[started.ids]
    gram = known.T @ known + RIDGE * torch.eye(features.shape[1], dtype=torch.float64)
    weights: Tensor = torch.linalg.solve(gram, known.T @ started.values.double())
    found = features @ weights
    # A regression's guesses keep near 0, where the grid hardly tells them apart.
    found *= SPREAD / found.std(0).clamp_min(1e-6)
    placed: Tensor = found.clamp(-TURN_RANGE, TURN_RANGE).float()
    placed[: len(SPECIALS)] = 0
    placed[started.ids] = started.values
    return placed
