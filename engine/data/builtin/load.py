"""The authored material: TOML files beside this module, read once."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any


@cache
def authored(name: str) -> dict[str, Any]:
    """Return the table of `<name>.toml`."""
    return tomllib.loads((resources.files("engine.data.builtin") / f"{name}.toml").read_text("utf-8"))
