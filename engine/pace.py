"""Running averages of what training shows: its speed, and its loss over a few steps."""

from __future__ import annotations

import math

from engine.trainer import StepResult


class Pace:
    """A running average of step time and throughput."""

    def __init__(self) -> None:
        self.step_seconds = 0.0
        self.tokens_per_second = 0.0

    def add(self, seconds: float, tokens: int) -> None:
        """Count one step."""
        weight = 0.1 if self.step_seconds else 1.0
        self.step_seconds += weight * (seconds - self.step_seconds)
        self.tokens_per_second = tokens / self.step_seconds


class Window:
    """Averages of every `stride` steps, so that a session of any length stores a bounded number of rows."""

    def __init__(self, stride: int) -> None:
        self._stride = stride
        self._results: list[StepResult] = []

    def add(self, result: StepResult) -> StepResult | None:
        """Take a step; returns the average once `stride` have come."""
        self._results.append(result)
        if len(self._results) < self._stride:
            return None
        rows, self._results = self._results, []
        return StepResult(
            math.fsum(row.loss for row in rows) / len(rows),
            math.fsum(row.gradient_norm for row in rows) / len(rows),
            sum(row.tokens for row in rows),
        )
