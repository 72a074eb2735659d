"""What a network is in a file: its parts, their parameters, their grids and their bytes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from model.config import FINE_LEVELS, ModelConfig


class Region(NamedTuple):
    """A part of the turn table that is on one grid."""

    name: str
    rows: slice[int, int, None]
    columns: slice[int, int, None]
    levels: int


def regions(config: ModelConfig) -> Iterator[Region]:
    """Yield the parts of the turn table: the commonest tokens, the first turns of the others, and all else."""
    fine, common = config.fine, config.common
    finer = max(FINE_LEVELS, config.levels)
    if common:
        yield Region("common", slice(0, common), slice(0, config.turns), finer)
    if fine and common < config.vocabulary:
        yield Region("fine", slice(common, config.vocabulary), slice(0, fine), finer)
    if common < config.vocabulary and fine < config.turns:
        yield Region("coarse", slice(common, config.vocabulary), slice(fine, config.turns), config.levels)


def digits(levels: int) -> int:
    """Return how many positions on a grid fit into a byte."""
    return int(math.log(256) / math.log(levels))


def region_bytes(region: Region) -> int:
    """Return the bytes of a region: each token's turns begin with a byte of their own."""
    turns = region.columns.stop - region.columns.start
    tokens = region.rows.stop - region.rows.start
    return tokens * -(-turns // digits(region.levels))


@dataclass(frozen=True, slots=True)
class Part:
    """A row of the parameter table."""

    name: str
    parameters: int
    stored_bytes: int


def parameter_table(config: ModelConfig) -> list[Part]:
    """Count trunk, turns, generator and head, and their bytes as stored (model/stored.py).

    The last row is what input and head of the same trunk would take as one tied full table in bf16.
    """
    c = config
    attention = 4 * c.width * c.attention_width + 2 * c.head_width
    layer = attention + 3 * c.width * c.mlp_width + 2 * c.width
    trunk = c.layers * layer + c.width
    generator = (c.turns + 1) * c.width
    head = c.vocabulary if c.head == "turns" else c.vocabulary * c.width
    return [
        Part("trunk", trunk, 4 * trunk),
        Part("turns", c.vocabulary * c.turns, sum(map(region_bytes, regions(c)))),
        Part("generator", generator, c.turns * (c.width + 2) + 2 * c.width),
        Part("head", head, 2 * head),
        Part("full table instead", c.vocabulary * c.width, 2 * c.vocabulary * c.width),
    ]


def times_fewer(parts: Sequence[Part]) -> tuple[float, float]:
    """Return how many times fewer bytes, and numbers, turns, generator and head take than the full table instead."""
    _, *ours, full = parts
    fewer_bytes = full.stored_bytes / sum(part.stored_bytes for part in ours)
    return fewer_bytes, full.parameters / sum(part.parameters for part in ours)
