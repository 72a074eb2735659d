"""Analogies among words that no table was given: what a table learned of them from text alone.

The words lie where the expanded table has them, at unit length, so the nearest has the greatest cosine: the
same measure for turns and for full tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch

from benchmarks.table_text import Text
from model.lexicon import Analogy
from model.semantics import Space
from model.turngpt import TurnGPT


@torch.no_grad()
def analogy_scores(model: TurnGPT, text: Text, analogies: Sequence[Analogy]) -> dict[str, Any]:
    """Return how many analogies are among the vocabulary's words, how often the right word is nearest, and chance."""
    words = text.data.tokenizer.words()
    table = torch.nn.functional.normalize(model.embedding.table()[list(words.values())].float().cpu(), dim=1)
    report = Space(tuple(words), table.numpy(), ()).report(analogies, named=False)
    if report is None:
        return {"analogies": 0}
    total = asdict(report.total)
    return {
        "analogies": total["count"],
        "analogies_right": total["first"],
        "analogies_nearest_to_third": total["nearest_to_third"],
        "analogies_chance": 1 / (len(words) - 3),
    }
