"""The shape of a network, and named sizes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

TURN_RANGE = 10
"""Turns lie in -TURN_RANGE..TURN_RANGE."""
FINE_LEVELS = 15
"""Values that a turn may take where that is worth its bytes: 15 fit into 4 bits."""


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Everything that decides the shape of a TurnGPT; checked on construction (ValueError)."""

    vocabulary: int
    width: int
    layers: int
    heads: int
    head_width: int
    mlp_width: int
    context: int
    """Positions of the longest input."""
    turns: int = 132
    """Turns a token, 8 to 256."""
    levels: int = 3
    """Values a turn may take; odd, so that 0 is among them."""
    fine_turns: int = 32
    """The first turns, which tell most, have FINE_LEVELS instead; so have those with names."""
    common_share: float = 0.125
    """Share of the vocabulary, its first tokens, which the tokenizer saw most, that has FINE_LEVELS throughout."""
    head: Literal["turns", "table"] = "turns"
    """`turns`: the generator's table again, with a bias a token; `table`: a full table of its own."""
    rope_base: float = 10_000.0
    norm_epsilon: float = 1e-6
    axes: tuple[str, ...] = ()
    """Names of the first turns, where they have a meaning; the others have none."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", tuple(self.axes))  # JSON has lists
        if not 8 <= self.turns <= 256:
            raise ValueError(f"turns must be 8 to 256, not {self.turns}")
        if not 3 <= self.levels <= 255 or self.levels % 2 == 0:
            raise ValueError(f"levels must be odd, 3 to 255, not {self.levels}")
        if not 0 <= self.common_share <= 1:
            raise ValueError(f"the share of common tokens must be 0 to 1, not {self.common_share}")
        if not 1 <= self.vocabulary <= 16384:
            # Matrix products with an inner dimension of 32,767 or more read the wrong memory on M1 (torch < 2.14).
            raise ValueError(f"the vocabulary must have 1 to 16384 tokens, not {self.vocabulary}")
        if self.head_width % 2:
            raise ValueError(f"the head width must be even for rotary positions, not {self.head_width}")
        if len(self.axes) > self.turns:
            raise ValueError(f"{len(self.axes)} named axes need as many turns, not {self.turns}")
        if self.head not in ("turns", "table"):
            raise ValueError(f"head must be 'turns' or 'table', not {self.head!r}")

    @property
    def fine(self) -> int:
        """How many turns have finer grids."""
        return min(self.turns, max(self.fine_turns, len(self.axes)))

    @property
    def common(self) -> int:
        """How many tokens have finer grids in all turns."""
        return round(self.vocabulary * self.common_share)

    @property
    def attention_width(self) -> int:
        """Width of queries, keys and values, all heads together."""
        return self.heads * self.head_width


EMBEDDINGS: dict[str, dict[str, Any]] = {
    "wide": {"turns": 132, "levels": 3, "fine_turns": 32, "common_share": 0.125},
    "plain": {"turns": 64, "levels": FINE_LEVELS, "fine_turns": 64, "common_share": 0.0},
    "least": {"turns": 31, "levels": 3, "fine_turns": 16, "common_share": 0.0},
}
"""Named shapes of a token: the best at a thirtieth of a full table's bytes; few turns, for small networks; and
a hundredth of the bytes (docs/experiments.md)."""

SIZES: dict[str, ModelConfig] = {
    "tiny": ModelConfig(4096, 256, 4, 4, 64, 704, 512),
    "small": ModelConfig(8192, 384, 8, 6, 64, 1024, 512),
    "base": ModelConfig(16384, 768, 12, 12, 64, 2048, 1024),
    "medium": ModelConfig(16384, 1024, 24, 16, 64, 2816, 1024),
    "large": ModelConfig(16384, 1280, 36, 20, 64, 3456, 2048),
}
"""Named sizes; `base` is the class of 100 million parameters."""


def named(size: str, **changes: Any) -> ModelConfig:
    """Return a named size with some fields changed; a change of None is no change.

    A changed width keeps heads of about 64 and the MLP at 8/3 of the width, unless those are given too.
    Raises ValueError for an unknown size or a shape that cannot be.
    """
    if size not in SIZES:
        raise ValueError(f"no size named {size!r}; there are {', '.join(SIZES)}")
    given = {key: value for key, value in changes.items() if value is not None}
    if "width" in given:
        width = given["width"]
        heads = max(1, round(width / 64))
        given = {"heads": heads, "head_width": 2 * max(1, width // heads // 2)} | given
        given = {"mlp_width": 32 * max(1, round(width * 8 / 3 / 32))} | given
    return replace(SIZES[size], **given)
