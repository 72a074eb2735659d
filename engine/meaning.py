"""A start from meaning: words of the lexicon lie on its axes, all other tokens where their company puts them.

A token that is a word of the lexicon, in any of its forms, begins at the word's values, rounded to the grid on which
turns are stored, and is kept there while the rest is trained (`optimizer.anchor`). Where the others lie on the same
axes is learned from those words: a ridge regression from a token's statistics (engine/statistics.py) to values.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.data.tokenizer import SPECIALS, ChatTokenizer
from engine.recipe import Recipe
from model.config import TURN_RANGE
from model.lexicon import Lexicon, forms, held_out

RIDGE = 1.0
"""Penalty on the weights, where tokens' statistics have unit length."""


@dataclass(frozen=True, slots=True)
class Started:
    """Tokens with a place of their own: their ids (started,), and where they lie on the named axes (started, axes)."""

    ids: Tensor
    values: Tensor


def started_words(recipe: Recipe, lexicon: Lexicon) -> list[str]:
    """Return the lexicon's words that a recipe starts from it."""
    if recipe.model.start != "meaning":
        return []
    return [word for word in lexicon.words if not (recipe.model.held_out_words and held_out(word))]


def started_tokens(lexicon: Lexicon, words: Collection[str], tokenizer: ChatTokenizer, step: float) -> Started:
    """Return the tokens of `words`, with values rounded to the grid whose levels are `step` apart.

    A form that two words share (may and May) is that of the word whose more usual form it is.
    """
    spelled = {word: forms(word) for word in words}
    single = tokenizer.single({form for several in spelled.values() for form in several})
    owners: dict[int, str] = {}
    for number in range(max(map(len, spelled.values()), default=0)):
        for word, several in spelled.items():
            if number < len(several) and several[number] in single:
                owners.setdefault(single[several[number]], word)
    ids = sorted(owners)
    values = torch.tensor([lexicon.words[owners[id_]] for id_ in ids]).view(len(ids), len(lexicon.axes))
    return Started(torch.tensor(ids, dtype=torch.long), torch.round(values / step) * step)


def on_axes(statistics_vk: Tensor, started: Started) -> Tensor:
    """Return where all tokens lie on the named axes, (vocabulary, axes) in -10..10; those never seen at 0."""
    features = torch.nn.functional.normalize(statistics_vk.double(), dim=1)
    known = features[started.ids]
    gram = known.T @ known + RIDGE * torch.eye(features.shape[1], dtype=torch.float64)
    weights: Tensor = torch.linalg.solve(gram, known.T @ started.values.double())
    placed: Tensor = (features @ weights).clamp(-TURN_RANGE, TURN_RANGE).float()
    placed[: len(SPECIALS)] = 0
    placed[started.ids] = started.values
    return placed
