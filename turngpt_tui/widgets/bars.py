"""Bars and sparklines of one line, as styled text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from textual.content import Content

LEVELS = "▁▂▃▄▅▆▇█"
REST = "$panel-lighten-2"


def bar(share: float, width: int, style: str = "$primary") -> Content:
    """Return a bar of `width` cells filled to `share`, 0 to 1."""
    filled = round(width * min(max(share if math.isfinite(share) else 0.0, 0.0), 1.0))
    return Content.assemble(("━" * filled, style), ("━" * (width - filled), REST))


def sparkline(values: Sequence[float], width: int) -> str:
    """Return the newest `width` values as blocks, lowest to highest of those shown."""
    shown = [value for value in values if math.isfinite(value)][-width:] if width > 0 else []
    if not shown:
        return ""
    low, high = min(shown), max(shown)
    span = high - low
    if span <= 0.02 * abs(high):  # a steady rate is a steady line
        return LEVELS[3] * len(shown)
    return "".join(LEVELS[min(len(LEVELS) - 1, int((value - low) / span * len(LEVELS)))] for value in shown)
