"""Which phase a session is in, how far, and whether its gate is open.

A gate's conditions are read on validation data; it opens when all are met on two readings in a row, and once
`gate_after` of the phase's steps are taken the next phase begins. If the steps run out before the gate opened,
the next phase begins all the same, with a warning.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from engine.recipe import GateSettings, PhaseSettings, Recipe
from engine.status import Criterion, PhaseStatus

READINGS = 2
"""Readings in a row on which a gate's conditions must hold."""

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Curriculum:
    """The position in a recipe's phases; plain numbers, saved with each checkpoint."""

    def __init__(self, recipe: Recipe) -> None:
        self._whole = recipe
        self.recipe = recipe
        """The recipe as this machine follows it."""
        self.names = list(recipe.phases)
        self.index = 0
        self.phase_step = 0
        self.step = 0
        self.seconds = 0.0
        """How long training took so far."""
        self._taken: list[int] = []
        self._readings: dict[str, dict[str, float]] = {}
        self._met = 0

    @property
    def finished(self) -> bool:
        """True when all phases are done."""
        return self.index >= len(self.names)

    @property
    def name(self) -> str:
        """The present phase's name, the last one's when finished."""
        return self.names[min(self.index, len(self.names) - 1)]

    @property
    def phase(self) -> PhaseSettings:
        """The present phase's settings, the last one's when finished."""
        return self.recipe.phases[self.name]

    @property
    def steps_ahead(self) -> int:
        """Steps to the end if no gate opens early."""
        if self.finished:
            return 0
        return sum(self.recipe.phases[name].steps for name in self.names[self.index :]) - self.phase_step

    @property
    def tokens_ahead(self) -> int:
        """Tokens, padding included, to the end if no gate opens early."""
        if self.finished:
            return 0
        phases = [self.recipe.phases[name] for name in self.names[self.index :]]
        return sum(phase.tokens for phase in phases) - self.phase_step * phases[0].step_tokens

    @property
    def seconds_left(self) -> float:
        """What the recipe's `minutes` leave for training; infinite without such."""
        return math.inf if self._whole.minutes is None else max(0.0, self._whole.minutes * 60 - self.seconds)

    def fit(self, tokens_per_second: float) -> bool:
        """At the start of a phase, give those to come the steps that the recipe's `minutes` leaves time for.

        Returns whether that is fewer than the recipe has.
        """
        ahead = {name: self._whole.phases[name] for name in self.names[self.index :]}
        if self._whole.minutes is None or not ahead:
            return False
        share = min(1.0, self.seconds_left * tokens_per_second / sum(phase.tokens for phase in ahead.values()))
        steps = {name: max(1, round(phase.steps * share)) for name, phase in ahead.items()}
        self.recipe = self.recipe.with_steps(steps)
        return share < 1

    @property
    def phase_ends(self) -> set[int]:
        """Steps at which phases ended."""
        return set(itertools.accumulate(self._taken))

    @property
    def gate_open(self) -> bool:
        """True if the present phase has a gate and it held on enough readings in a row."""
        return bool(self.phase.gate) and self._met >= READINGS

    @property
    def phase_over(self) -> bool:
        """True when the present phase's steps are taken or its gate is open."""
        early = self.phase_step >= self.phase.gate_after * self.phase.steps and self.gate_open
        return early or self.phase_step >= self.phase.steps

    def advance(self) -> None:
        """Count one optimisation step."""
        self.step += 1
        self.phase_step += 1

    def read(self, measures: Mapping[str, float]) -> bool:
        """Take a reading of the present phase's gate; returns whether its conditions hold now."""
        self._readings[self.name] = dict(measures)
        holds = bool(self.phase.gate) and all(_holds(gate, measures) for gate in self.phase.gate)
        self._met = self._met + 1 if holds else 0
        return holds

    def next_phase(self) -> None:
        """Leave the present phase."""
        self._taken.append(self.phase_step)
        self.index, self.phase_step, self._met = self.index + 1, 0, 0

    def status(self) -> tuple[PhaseStatus, ...]:
        """Return each phase as a front end shows it."""
        shown = []
        for index, (name, phase) in enumerate(self.recipe.phases.items()):
            state = "done" if index < self.index else "running" if index == self.index and self.step else "waiting"
            step = self._taken[index] if index < self.index else self.phase_step if index == self.index else 0
            readings = self._readings.get(name, {})
            gate = tuple(
                Criterion(g.measure, g.comparison, g.threshold, readings.get(g.measure), _holds(g, readings))
                for g in phase.gate
            )
            opened = all(criterion.met for criterion in gate) if readings and gate else None
            shown.append(PhaseStatus(name, state, step, phase.steps, gate, opened))  # type: ignore[arg-type]
        return tuple(shown)

    def state(self) -> dict[str, Any]:
        """Return everything that `restore` needs, as plain values."""
        return {
            "steps": {name: phase.steps for name, phase in self.recipe.phases.items()},
            "seconds": self.seconds,
            "index": self.index,
            "phase_step": self.phase_step,
            "step": self.step,
            "taken": list(self._taken),
            "readings": self._readings,
            "met": self._met,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to a saved position."""
        self.recipe, self.seconds = self._whole.with_steps(state["steps"]), state["seconds"]
        self.index, self.phase_step, self.step = state["index"], state["phase_step"], state["step"]
        self._taken, self._met = list(state["taken"]), state["met"]
        self._readings = {name: dict(measures) for name, measures in state["readings"].items()}


def measures_of(validation_loss: float) -> dict[str, float]:
    """Return the measures a gate can name, from the validation loss in nats a token."""
    return {"loss": validation_loss, "perplexity": math.exp(min(validation_loss, 50.0))}


def _holds(gate: GateSettings, measures: Mapping[str, float]) -> bool:
    value = measures.get(gate.measure, math.nan)
    return math.isfinite(value) and _COMPARE[gate.comparison](value, gate.threshold)
