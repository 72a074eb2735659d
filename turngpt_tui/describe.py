"""What the commands that only look print: tables for people, one JSON object for programs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.describe import parameters
from engine.recipe import PhaseSettings, Recipe
from engine.session import SessionInfo
from model.layout import Part, times_fewer
from turngpt_tui.output import Row, megabytes, one_line, table


def description(recipe: Recipe, session: str) -> str:
    """Return what a run of the recipe would train: its phases and its network's parameters and bytes."""
    phases: list[Row] = [("phase", "steps", "batch", "length", "rate", "gate", "mix")]
    phases += [_phase_row(name, phase) for name, phase in recipe.phases.items()]
    parts = parameters(recipe)
    rows: list[Row] = [("part", "parameters", "stored")]
    rows += [(part.name, f"{part.parameters:,}", megabytes(part.stored_bytes)) for part in parts]
    data = ", ".join(map(one_line, recipe.data.paths)) or "the built-in corpus"
    return "\n".join(
        (
            f"recipe {recipe.name}, session {session}, seed {recipe.seed}: "
            f"{recipe.steps:,} steps, {recipe.tokens:,} tokens",
            f"data: {data}, at most {recipe.data.megabytes:g} MB of each source",
            "",
            table(phases, frozenset({1, 2, 3, 4})),
            "",
            table(rows, frozenset({1, 2})),
            "",
            _compression(parts),
        )
    )


def _compression(parts: Sequence[Part]) -> str:
    """Say how much smaller input and head are than with a full table."""
    bytes_, numbers = times_fewer(parts)
    return (
        f"turns, generator and head together take {bytes_:.1f}x fewer bytes than a full table in bf16, "
        f"in {numbers:.1f}x fewer numbers"
    )


def _phase_row(name: str, phase: PhaseSettings) -> Row:
    total = sum(phase.mix.values())
    mix = ", ".join(f"{weight / total:.0%} {one_line(source)}" for source, weight in phase.mix.items())
    gate = " and ".join(f"{one.measure} {one.comparison} {one.threshold:g}" for one in phase.gate) or "-"
    return name, str(phase.steps), str(phase.batch), str(phase.length), f"{phase.learning_rate:g}", gate, mix


def sessions_table(root: Path, found: Sequence[SessionInfo]) -> str:
    """Return the sessions for people, one a line."""
    if not found:
        return f"no sessions in {one_line(str(root))}"
    rows: list[Row] = [("session", "recipe", "step", "of", "state", "changed")]
    for one in found:
        changed = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.modified))
        rows.append((one_line(one.name), one.recipe, str(one.step), str(one.steps), one.state, changed))
    return table(rows, frozenset({2, 3}))


def sessions_json(root: Path, found: Sequence[SessionInfo]) -> str:
    """Return the sessions as one JSON object."""
    return json.dumps({"folder": str(root), "sessions": [asdict(one) for one in found]})


def recipes_json(found: Mapping[str, str]) -> str:
    """Return the shipped recipes as one JSON object."""
    return json.dumps({"recipes": [{"name": name, "description": text} for name, text in found.items()]})


def machine_table(found: Mapping[str, Any]) -> str:
    """Return what this machine can do for people; what holds several lines is indented below its name."""
    width = max(map(len, found))
    return "\n".join(line for name, value in found.items() for line in _fact(name, value, width))


def _fact(name: str, value: Any, width: int) -> Iterator[str]:
    label = name.removesuffix("_bytes").replace("_", " ")
    if isinstance(value, Mapping):
        yield f"{label.ljust(width)}  {'' if value else 'nothing yet'}".rstrip()
        for key, inner in value.items():
            yield f"  {one_line(str(key))}"
            yield from (f"    {one_line(str(one))}" for one in (inner if isinstance(inner, list) else [inner]))
        return
    if name.endswith("_bytes"):
        shown = megabytes(value)
    elif isinstance(value, bool):
        shown = "yes" if value else "no"
    else:
        shown = one_line(str(value))
    yield f"{label.ljust(width)}  {shown}"


def machine_json(found: Mapping[str, Any]) -> str:
    """Return what this machine can do as one JSON object."""
    return json.dumps(dict(found), default=str)
