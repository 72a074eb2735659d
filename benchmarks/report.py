"""Running rivals in turn and printing medians and ratios."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping

RUNS = 5


def compare(title: str, unit: str, rivals: Mapping[str, Callable[[], float]], runs: int = RUNS) -> dict[str, float]:
    """Run each rival once to warm up, then all in turn `runs` times; print every run, the median and the ratio
    of the first to each other; returns the medians."""
    print(f"\n{title} ({unit}, {runs} runs in turn, median, ratio of the first to each)")
    for rival in rivals.values():
        rival()
    results: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(runs):
        for name, rival in rivals.items():
            results[name].append(rival())
    medians = {name: statistics.median(values) for name, values in results.items()}
    first = next(iter(medians.values()))
    for name, values in results.items():
        listed = " ".join(f"{value:8,.1f}" for value in values)
        print(f"  {name:44} {listed}   median {medians[name]:9,.1f}   x{first / medians[name]:.2f}")
    return medians
