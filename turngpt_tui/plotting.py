"""Line plots as text: the one place that knows plotext.

plotext draws on a figure of its module, so everything here belongs to one thread. Its cost follows the number of
points (about 15 µs each), so a series is thinned to the plot's width before it is drawn.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import plotext
from rich.text import Text

Color = tuple[int, int, int]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Series:
    """Points from left to right and their colour, joined by a line unless they are `dots`."""

    points: Sequence[Point]
    color: Color
    dots: bool = False


class Trace:
    """A bounded history of readings with their running mean; every other one goes when it is full."""

    def __init__(self, capacity: int = 4000, memory: float = 0.9) -> None:
        """`memory` is the share of the running mean that one more reading keeps."""
        self._capacity = capacity
        self._memory = memory
        self._mean = self._weight = 0.0
        self.points: list[Point] = []
        self.smooth: list[Point] = []

    def add(self, x: float, y: float | None) -> None:
        """Append a reading; what is not finite is left out, what was read at `x` or later is forgotten."""
        if y is None or not math.isfinite(y) or not math.isfinite(x):
            return
        if self.points and self.points[-1][0] >= x:
            kept = bisect_left(self.points, (x, -math.inf))
            del self.points[kept:], self.smooth[kept:]
        self._mean = self._memory * self._mean + (1 - self._memory) * y
        self._weight = self._memory * self._weight + (1 - self._memory)
        self.points.append((x, y))
        self.smooth.append((x, self._mean / self._weight))
        if len(self.points) > self._capacity:
            del self.points[1::2], self.smooth[1::2]


@dataclass(frozen=True, slots=True)
class Axes:
    """What stands around the lines."""

    ink: Color
    """Colour of the axes and their numbers."""
    bounds: tuple[float, float] | None = None
    """Least and greatest y; None takes those of the points."""
    marks: tuple[float, ...] = field(default=())
    """Where a vertical line is drawn."""


def thin(points: Sequence[Point], most: int) -> list[Point]:
    """Return at most `most` points: of each run of neighbours the lowest and the highest, in order."""
    if len(points) <= most:
        return list(points)
    runs = max(1, most // 2)
    kept: list[Point] = []
    for run in range(runs):
        part = range(run * len(points) // runs, (run + 1) * len(points) // runs)
        low = min(part, key=lambda index: points[index][1])
        high = max(part, key=lambda index: points[index][1])
        kept += [points[index] for index in sorted({low, high})]
    return kept


def bounds_of(lines: Iterable[Sequence[Point]]) -> tuple[float, float] | None:
    """Return the least and greatest y of some lines with a little air; None when there is no point."""
    heights = [y for line in lines for _, y in line]
    if not heights:
        return None
    low, high = min(heights), max(heights)
    air = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return low - air, high + air


def draw(series: Sequence[Series], width: int, height: int, axes: Axes) -> Text:
    """Return a plot of exactly `height` lines of `width` cells; empty when there is nothing to draw."""
    # A point a cell: what more would add is hardly seen, and each costs time.
    lines = [(thin(one.points, width), one) for one in series if one.points]
    bounds = axes.bounds or bounds_of(points for points, _ in lines)
    if not lines or bounds is None or width < 12 or height < 4:
        return Text()
    plotext.clear_figure()
    plotext.limit_size(False, False)
    plotext.plotsize(width, height)
    plotext.theme("clear")
    plotext.canvas_color("default")
    plotext.axes_color("default")
    plotext.ticks_color(axes.ink)
    plotext.xaxes(False, False)
    plotext.yaxes(False, False)
    left = min(points[0][0] for points, _ in lines)
    right = max(points[-1][0] for points, _ in lines)
    right = right if right > left else left + 1
    for mark in axes.marks:
        if left < mark < right:
            plotext.vline(mark, axes.ink)
    for points, one in lines:
        inside = [(x, min(max(y, bounds[0]), bounds[1])) for x, y in points]
        put = plotext.scatter if one.dots else plotext.plot
        put([x for x, _ in inside], [y for _, y in inside], color=one.color, marker="braille")
    plotext.xlim(left, right)
    plotext.ylim(*bounds)
    _ticks(left, right, max(2, width // 16), plotext.xticks)
    _ticks(*bounds, max(2, height // 3), plotext.yticks)
    return Text.from_ansi(plotext.build().rstrip("\n"), no_wrap=True, end="")


def _ticks(low: float, high: float, most: int, put: object) -> None:
    """Put round numbers beside an axis."""
    assert callable(put)
    step = _round_step((high - low) / most)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    values = [step * index for index in range(math.ceil(low / step), math.floor(high / step) + 1)]
    put(values, [f"{value:,.{digits}f}" for value in values])


def _round_step(least: float) -> float:
    """Return the smallest of 1, 2, 5, 10, 20, ... times a power of ten that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))
