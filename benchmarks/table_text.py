"""The text of the comparison of tables: prepared as the engine prepares it, once, and the same for all arms."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import tokenizers
from torch import Tensor

from engine.data.packing import IGNORED, Batch, PackedBatches
from engine.data.prepare import prepare
from engine.data.prepared import PreparedData
from engine.data.tokenizer import SPECIALS
from engine.recipe import parse_recipe
from engine.setup import STATISTICS_TOKENS
from engine.statistics import turn_vectors
from model.config import ModelConfig

SETS = ("simple_wikipedia", "children_books", "wikipedia_passages", "onestop_english")
"""Of the folder: 28 MB of English with validation files of their own."""
STEP_TOKENS = 2048
VALIDATION_TOKENS = 114_688
PHASE = "text"


@dataclass(frozen=True)
class Text:
    """Batches to train on, a fixed set to validate on, and statistics to start from."""

    data: PreparedData
    shape: ModelConfig
    """The trunk, its vocabulary that of the tokenizer."""
    bytes_v: np.ndarray
    """UTF-8 bytes of each token, 0 for special ones."""
    validation_tokens: int
    """Positions of the validation set, padding included."""

    def batches(self, seed: int) -> PackedBatches:
        """Return the endless batches of a seed: the same documents in the same order for every arm."""
        recipe = self.data.recipe.model_copy(update={"seed": seed})
        return replace(self.data, recipe=recipe).batches(PHASE, "train")

    @cached_property
    def validation(self) -> list[Batch]:
        """The batches to validate on, which no seed changes."""
        return list(self.data.validation(PHASE, self.validation_tokens // self.shape.context))

    @cached_property
    def validation_size(self) -> tuple[int, int]:
        """Tokens that are predicted in validation, and their bytes."""
        targets = np.concatenate([batch.targets.ravel() for batch in self.validation])
        targets = targets[targets != IGNORED]
        return len(targets), int(self.bytes_v[targets].sum())

    @cached_property
    def identity(self) -> str:
        """A few letters that change with the training text, its tokenizer or the validation set."""
        s = self.shape
        trunk = (s.vocabulary, s.width, s.layers, s.heads, s.head_width, s.mlp_width, s.context)
        parts = [self.data.tokenizer.fingerprint, *map(str, (*self.validation_size, *trunk))]
        parts += [str(shard.tokens) for shard in self.data.shards.values()]
        return hashlib.sha256("|".join(parts).encode()).hexdigest()[:8]

    def statistics(self, turns: int, seed: int) -> Tensor:
        """Return turn vectors made of the training text as the engine makes them."""
        return _turn_vectors(self, turns, seed)

    def __hash__(self) -> int:
        return id(self)


@cache
def _turn_vectors(text: Text, turns: int, seed: int) -> Tensor:
    tokenizer = text.data.tokenizer
    sample = text.data.token_sample(STATISTICS_TOKENS)
    same_word = tokenizer.same_word()
    return turn_vectors(sample, tokenizer.size, turns, pad=tokenizer.pad_id, seed=seed, same_word=same_word)


def load_text(folder: Path, kept: Path, shape: ModelConfig, validation_tokens: int = VALIDATION_TOKENS) -> Text:
    """Prepare the text of `folder`, or take it from `kept`: SETS if any of them is there, else all that is in it.

    Raises UserError for a folder that holds nothing to read.
    """
    weights = {f"file:{place}": weight for place, weight in _sources(folder.resolve(), kept)}
    phase = {"steps": 1000, "batch": STEP_TOKENS // shape.context, "length": shape.context, "learning_rate": 1e-3}
    table = {"name": "tables", "data": {"megabytes": 1000.0}, "phases": {PHASE: phase | {"mix": weights}}}
    recipe = parse_recipe(table, "benchmarks.tables")
    data = prepare(recipe, shape.vocabulary, kept, lambda _: None, lambda: False)
    shape = replace(shape, vocabulary=data.tokenizer.size)
    return Text(data, shape, _token_bytes(data), validation_tokens)


def _sources(folder: Path, kept: Path) -> Iterator[tuple[Path, float]]:
    """Yield a folder for each set, and its weight; a source is one path, so a set's files are linked together."""
    found = {name: sorted(folder.glob(f"{name}-*")) for name in SETS}
    if not any(found.values()):
        yield folder, 1.0
    for name, files in found.items():
        if files:
            place = kept / "sets" / name
            place.mkdir(parents=True, exist_ok=True)
            for file in files:
                if not (place / file.name).exists():
                    (place / file.name).symlink_to(file)
            yield place, float(sum(file.stat().st_size for file in files if "-train." in file.name))


def _token_bytes(data: PreparedData) -> np.ndarray:
    """Count the bytes of each token; in a byte-level vocabulary every letter of a token's name stands for one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tokenizer.json"
        data.tokenizer.save(path)
        vocabulary = tokenizers.Tokenizer.from_file(str(path)).get_vocab()
    counts = np.zeros(len(vocabulary), dtype=np.int64)
    for token, id_ in vocabulary.items():
        counts[id_] = 0 if token in SPECIALS else len(token)
    return counts
