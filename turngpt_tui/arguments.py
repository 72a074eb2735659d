"""What options mean: times, devices, data paths, and which recipe and session a run is about."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from engine.conversation import printable
from engine.errors import UserError
from engine.recipe import Recipe, load_recipe
from engine.session import check_name, exists, sessions_root

DEFAULT_RECIPE = "quick"


def parse_time(text: str) -> float:
    """Return the seconds in `90`, `90s`, `5m` or `1h30m`; UserError for anything else."""
    match = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?", text.strip(), re.ASCII)
    seconds = 0.0
    if match:
        hours, minutes, rest = (float(part or 0) for part in match.groups())
        seconds = 3600 * hours + 60 * minutes + rest
    if not 0 < seconds <= 1e9:
        raise UserError(f"--max-time {text!r}: give seconds, or a time such as 90s, 5m or 1h30m")
    return seconds


def check_device(name: str) -> None:
    """Raise UserError unless `name` is a kind of device."""
    kind, colon, number = name.partition(":")
    if kind not in {"auto", "cpu", "cuda", "mps"} or (colon and not (kind == "cuda" and number.isdecimal())):
        raise UserError(f"--device {name!r}: give auto, cpu, cuda, cuda:N or mps")


def overrides_of(
    given: list[str], data: list[str], size: str | None, seed: int | None, lexicons: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return every change to the recipe as `key=value`; the options of their own win over --set."""
    changes = list(given)
    if lexicons:
        changes.insert(0, 'model.start="meaning"')
        changes.append(f"model.lexicons={_toml_strings([_path('--lexicon', one) for one in lexicons])}")
    paths, named = _data(data)
    if paths:
        changes.append(f"data.paths={_toml_strings(paths)}")
    changes += [f"data.named.{name}={_toml_strings(files)}" for name, files in named.items()]
    if size is not None:
        changes.append(f"model.size={_toml_strings([size])[1:-1]}")
    if seed is not None:
        changes.append(f"seed={seed}")
    return tuple(changes)


def _toml_strings(texts: list[str]) -> str:
    return json.dumps(texts, ensure_ascii=False).replace("\x7f", "\\u007f")


def _data(given: list[str]) -> tuple[list[str], dict[str, list[str]]]:
    """Return the paths of --data, and those that stand for a named set of the hub, as `simple_wikipedia=PATH`."""
    if not given:
        return [], {}
    from engine.data.hub_catalogue import catalogue

    paths: list[str] = []
    named: dict[str, list[str]] = {}
    for one in given:
        name, equals, path = one.partition("=")
        if equals and name.removeprefix("hub:") in catalogue():
            named.setdefault(name.removeprefix("hub:"), []).append(_path("--data", path))
        elif equals and not _exists(one):
            known = ", ".join(catalogue())
            raise UserError(f"--data {one}: there is no such file or folder, and no set {name!r}; there are {known}")
        else:
            paths.append(_path("--data", one))
    return paths, named


def _path(option: str, given: str) -> str:
    """Return the absolute path, so that the session can be resumed from anywhere."""
    if not _exists(given):
        raise UserError(f"{option} {given}: there is no such file or folder")
    return str(Path(given).expanduser().absolute())


def _exists(given: str) -> bool:
    try:
        return Path(given).expanduser().exists()
    except (OSError, ValueError):
        return False


def command_line(session: Path, *words: str) -> str:
    """Return what to type to come back to a session: `turngpt-tui chat --session demo`, fit for a shell."""
    place = [] if session.parent == sessions_root(None) else ["--sessions-dir", printable(str(session.parent))]
    return shlex.join(["turngpt-tui", *words, "--session", session.name, *place])


def recipe_of(root: Path, recipe: str | None, session: str | None, overrides: tuple[str, ...]) -> tuple[Recipe, str]:
    """Return the recipe to follow and the session's name: a session begun before brings its own recipe."""
    if recipe is not None:
        plan = load_recipe(recipe, overrides)
        name = plan.name if session is None else session
        check_name(name)
        return plan, name
    name = DEFAULT_RECIPE if session is None else session
    base = str(root / name / "recipe.toml") if exists(root, name) else DEFAULT_RECIPE
    return load_recipe(base, overrides), name
