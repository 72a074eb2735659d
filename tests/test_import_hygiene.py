"""What starts the program must not wait for heavy libraries, and the layers below know no terminal."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest

import engine
import model

HEAVY = {"torch", "datasets", "huggingface_hub", "pyarrow", "numpy", "tokenizers", "transformers"}
TERMINAL = {"textual", "rich", "typer", "plotext", "turngpt_tui"}


def imported_by(*modules: str) -> set[str]:
    """Return the top-level packages that importing `modules` in a fresh interpreter brings in."""
    code = f"import {', '.join(modules)}, sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module", ["turngpt_tui.app", "turngpt_tui.cli", "turngpt_tui.headless", "engine.engine", "engine.data.hub"]
)
def test_starting_imports_nothing_heavy(module: str) -> None:
    assert not imported_by(module) & HEAVY


def test_help_imports_neither_recipes_nor_the_console() -> None:
    assert not imported_by("turngpt_tui.cli") & {"pydantic", "textual", "rich", "sqlite3"}


def test_the_engine_and_the_network_know_no_terminal() -> None:
    modules = [
        found.name
        for package in (engine, model)
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    assert len(modules) > 20
    assert not imported_by(*modules) & (TERMINAL - {"rich"})
