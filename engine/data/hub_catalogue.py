"""Which data sets of the hub are known, by name: `hub.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

from engine.data.files import Split
from engine.errors import UserError


@dataclass(frozen=True, slots=True)
class HubSource:
    """A data set of the catalogue."""

    repository: str
    splits: Mapping[Split, str]
    """Our splits -> theirs; `train` is always there."""
    columns: Mapping[str, str]
    """Roles of engine/data/rows.py -> their columns."""
    licence: str
    megabytes: float
    kind: Literal["text", "conversation"]
    about: str
    revision: str = "main"
    config: str | None = None
    folder: str | None = None
    """Where in the repository its files are, if it has no config to say so."""
    shape: str = "plain"
    """Name of a function of engine/data/hub_shapes.py."""

    @property
    def origin(self) -> dict[str, Any]:
        """What decides what is read of the set, as plain values."""
        return {
            "repository": self.repository,
            "revision": self.revision,
            "config": self.config,
            "folder": self.folder,
            "columns": dict(self.columns),
            "shape": self.shape,
        }


@cache
def catalogue() -> Mapping[str, HubSource]:
    """Return the known data sets by name."""
    tables = tomllib.loads((resources.files("engine.data") / "hub.toml").read_text("utf-8"))
    return {name: HubSource(**table) for name, table in tables.items()}


def hub_source(name: str) -> HubSource:
    """Return a data set of the catalogue; UserError that lists those there are."""
    if name not in catalogue():
        raise UserError(f"no source named 'hub:{name}'; there are {', '.join(f'hub:{one}' for one in catalogue())}")
    return catalogue()[name]
