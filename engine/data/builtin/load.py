"""The authored material: TOML files in `authored/`, read once."""

from __future__ import annotations

import json
import tomllib
from functools import cache
from importlib import resources
from typing import Any

FOLDER = "engine.data.builtin.authored"


@cache
def authored(name: str) -> dict[str, Any]:
    """Return the table of `authored/<name>.toml`."""
    return tomllib.loads((resources.files(FOLDER) / f"{name}.toml").read_text("utf-8"))


@cache
def collected(folder: str, key: str) -> tuple[dict[str, Any], ...]:
    """Return all entries `[[key]]` of the files in `authored/<folder>`, in the files' order of names."""
    files = sorted((resources.files(FOLDER) / folder).iterdir(), key=lambda file: file.name)
    tables = [tomllib.loads(file.read_text("utf-8")) for file in files if file.name.endswith(".toml")]
    return tuple(entry for table in tables for entry in table.get(key, ()))


@cache
def collected_by(folder: str, key: str, field: str) -> tuple[tuple[dict[str, Any], ...], ...]:
    """Return what `collected` does, those with the same `field` together; a large group comes as often as its size."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for entry in collected(folder, key):
        groups.setdefault(entry[field], []).append(entry)
    return tuple(tuple(groups[entry[field]]) for entry in collected(folder, key))


@cache
def forms() -> dict[str, dict[str, str]]:
    """Return form -> word -> inflected word, as `make forms` wrote them."""
    table: dict[str, dict[str, str]] = json.loads((resources.files(FOLDER) / "forms.json").read_text("utf-8"))
    return table
