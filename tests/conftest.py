"""What the tests share: a cache of their own, one thread of arithmetic, and a session small enough for a second."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.recipe import Recipe, parse_recipe

ANIMALS = ("cat", "dog", "cow", "bird", "fish", "horse", "sheep", "goat")
COLOURS = ("red", "blue", "green", "black", "white")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNGPT_CACHE", str(tmp_path / "user-cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def real_data() -> Path:
    """The folder of real text, where there is one."""
    if "TURNGPT_DATA" not in os.environ:
        pytest.skip("needs TURNGPT_DATA")
    return Path(os.environ["TURNGPT_DATA"])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A file of 40 texts and 40 conversations."""
    path = tmp_path / "talk.jsonl"
    rows: list[dict[str, Any]] = []
    for animal in ANIMALS:
        for colour in COLOURS:
            rows.append({"text": f"The {animal} is {colour}. A {colour} {animal} is here."})
            rows.append({"turns": [f"What colour is the {animal}?", f"The {animal} is {colour}."]})
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture
def tiny(data: Path) -> Callable[..., Recipe]:
    """Make a two-phase recipe on that file; keyword arguments replace top-level keys."""

    def make(**changes: Any) -> Recipe:
        phase = {"batch": 4, "length": 32, "learning_rate": 0.01, "evaluate_every": 5, "sample_every": 10}
        table: dict[str, Any] = {
            "name": "tiny",
            "model": {"size": "tiny", "vocabulary": 300, "turns": 40, "layers": 2, "width": 32},
            "data": {"paths": [str(data)]},
            "checkpoint_every": 4,
            "phases": {
                "foundation": phase | {"steps": 12, "mix": {"builtin:stories": 1}},
                "conversation": phase | {"steps": 18, "mix": {"builtin:questions": 1}, "length": 48},
            },
        }
        return parse_recipe(table | changes, "test")

    return make
