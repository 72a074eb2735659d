"""A recipe says what a session does: the model, the data and the phases with their gates.

Recipes are TOML files (`engine/recipes/*.toml` ship with the program); unknown keys and values of the wrong
type are refused with the place named. Any value can be overridden by its dotted path:
`phases.foundation.steps=100`.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from engine.conversation import printable
from engine.errors import UserError

SIZES = ("tiny", "small", "base", "medium", "large")

# TOML has arrays where the recipe has tuples; all else must have its own type (no 1 for true, no "5" for 5).
Array = Field(strict=False)
Momentum = Annotated[float, Field(ge=0, lt=1)]
PhaseName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,31}$")]


SHAPE = {"layers", "width", "vocabulary"}
"""What a size of the network decides."""


class Settings(BaseModel):
    """Base of all recipe parts: immutable; unknown keys, other types and infinite values refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class ModelSettings(Settings):
    """Which network is trained."""

    size: Literal["tiny", "small", "base", "medium", "large"] = "tiny"
    vocabulary: Annotated[int, Field(ge=300, le=16384)] | None = None
    """Tokens of the tokenizer; None takes the size's. At most 16384: see docs/architecture.md on M1."""
    embedding: Literal["wide", "plain", "least"] = "wide"
    """How many turns a token has, and on which grids: see EMBEDDINGS (model/config.py)."""
    turns: Annotated[int, Field(ge=8, le=256)] | None = None
    """Turns a token; None takes the embedding's."""
    head: Literal["turns", "table"] | None = None
    """`turns` shares the generator with the input; `table` has a full table of its own."""
    layers: Annotated[int, Field(ge=1, le=64)] | None = None
    width: Annotated[int, Field(ge=16, le=4096)] | None = None
    start: Literal["statistics", "meaning", "random"] = "statistics"
    """How turn vectors start: from the corpus' co-occurrence statistics, from the lexicon and those, or at random."""
    lexicons: Annotated[tuple[str, ...], Array] = ()
    """Files that add words to the lexicon, single tokens as those are (`--lexicon`); their places with `meaning`."""
    held_out_words: bool = False
    """A fifth of the lexicon's words is not started from it, to see whether the axes mean what they say."""
    induction: bool = True
    """The first two layers start as a circuit that repeats what was read (model/induction.py)."""


class DataSettings(Settings):
    """Where text comes from besides what the phases' mixes name."""

    paths: Annotated[tuple[str, ...], Array] = ()
    """Files or folders that replace the built-in corpus (`--data`)."""
    named: dict[str, Annotated[tuple[str, ...], Array]] = {}
    """Set of the hub -> files or folders that stand for it (`--data simple_wikipedia=PATH`)."""
    megabytes: Annotated[float, Field(gt=0, le=2000)] = 4.0
    """Text taken from each source at most, in MB of UTF-8."""
    missing: Literal["fail", "share"] = "fail"
    """What becomes of a source that cannot be had: nothing is trained, or its share goes to the others of its phase."""
    repeats: Annotated[float, Field(gt=0)] | None = None
    """How often a source is gone through at most, before its share goes to the others; None for no bound."""


class FilterSettings(Settings):
    """What is dropped from sets of the hub before they are mixed; docs/data.md says what each filter does."""

    own: bool = False
    """Files of one's own (`--data PATH`) are filtered as well."""
    structure: bool = True
    """Conversations alternate and end with a reply, and nothing is empty."""
    shortest: Annotated[int, Field(ge=0)] = 10
    """Least characters of a message or a text."""
    longest: Annotated[int, Field(ge=0)] = 500
    """Most characters of a message; 0 for no bound."""
    longest_text: Annotated[int, Field(ge=0)] = 0
    """Most characters of a text; 0 for no bound."""
    proper: bool = True
    """Sentences only: no markup, addresses, shouting, lists, rows of symbols or numbers."""
    language: Literal["en", ""] = "en"
    """English only; "" for any language."""
    friendly: bool = True
    """No words for swearing, sex, drugs and violence."""
    duplicates: Annotated[float, Field(ge=0, le=1)] = 0.8
    """Share of word pairs in common from which a document repeats an earlier one: 0.5 to 1; 0 is off."""
    balance: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Greatest share of documents that open in one way or are about one thing; 0 is off."""

    @model_validator(mode="after")
    def _sound(self) -> FilterSettings:
        if 0 < self.duplicates < 0.5:
            raise ValueError("duplicates: less than half in common is no repetition; give 0.5 to 1, or 0 for off")
        for name, longest in (("longest", self.longest), ("longest_text", self.longest_text)):
            if 0 < longest < self.shortest:
                raise ValueError(f"{name} is below shortest")
        return self


class OptimizerSettings(Settings):
    """The optimiser and its groups."""

    matrices: Literal["adamw", "muon"] = "adamw"
    """How the trunk's matrices learn; all else has AdamW. Muon needs fewer tokens, and longer for a step."""
    turns_rate: Annotated[float, Field(gt=0)] = 50.0
    """Learning rate of the turn vectors as a multiple of the rest's."""
    generator_rate: Annotated[float, Field(gt=0)] = 0.1
    """Learning rate of the generator as a multiple of the rest's."""
    anchor: Annotated[float, Field(ge=0, le=1)] = 1.0
    """With `model.start = "meaning"`: how much of the way back the lexicon's words are put on its axes after a step."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    betas: Annotated[tuple[Momentum, Momentum], Array] = (0.9, 0.98)
    clip: Annotated[float, Field(gt=0)] = 1.0
    """Greatest norm of the gradient."""


class GateSettings(Settings):
    """One condition that closes a phase, read on validation data."""

    measure: Literal["perplexity", "loss"]
    comparison: Literal["<", "<=", ">", ">="] = "<"
    threshold: float


class PhaseSettings(Settings):
    """One stage of the curriculum."""

    steps: Annotated[int, Field(ge=1)]
    batch: Annotated[int, Field(ge=1, le=4096)]
    """Rows in an optimisation step."""
    length: Annotated[int, Field(ge=16, le=8192)]
    """Tokens in a row."""
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Share of the phase's steps in which the rate rises."""
    final_rate: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Rate at the phase's end as a share of its peak, reached along a cosine."""
    mix: Annotated[dict[str, Annotated[float, Field(ge=0)]], Field(min_length=1)]
    """Source name -> weight; weights are normalised."""
    gate: Annotated[tuple[GateSettings, ...], Array] = ()
    gate_after: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the phase's steps that is taken even when its gate opens before."""
    evaluate_every: Annotated[int, Field(ge=1)] = 100
    sample_every: Annotated[int, Field(ge=1)] = 100

    @property
    def step_tokens(self) -> int:
        """Tokens of an optimisation step, padding included."""
        return self.batch * self.length

    @property
    def tokens(self) -> int:
        """Tokens of all steps, padding included."""
        return self.steps * self.step_tokens

    @model_validator(mode="after")
    def _some_weight(self) -> PhaseSettings:
        if not any(self.mix.values()):
            raise ValueError("all weights of the mix are zero")
        return self


class Recipe(Settings):
    """All a session is told to do."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
    description: str = ""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 1
    model: ModelSettings = ModelSettings()
    data: DataSettings = DataSettings()
    filters: FilterSettings = FilterSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    phases: Annotated[dict[PhaseName, PhaseSettings], Field(min_length=1)]
    checkpoint_every: Annotated[int, Field(ge=1)] = 200
    """Steps between checkpoints."""
    minutes: Annotated[float, Field(gt=0)] | None = None
    """Training takes so long at most: where all steps would take longer, phases have fewer. None: no bound."""

    @property
    def steps(self) -> int:
        """Optimisation steps of all phases together."""
        return sum(phase.steps for phase in self.phases.values())

    @property
    def tokens(self) -> int:
        """Tokens of all phases together, padding included."""
        return sum(phase.tokens for phase in self.phases.values())

    def with_steps(self, steps: Mapping[str, int]) -> Recipe:
        """Return the recipe with other numbers of steps for the phases named."""
        phases = {
            name: phase.model_copy(update={"steps": steps.get(name, phase.steps)})
            for name, phase in self.phases.items()
        }
        return self.model_copy(update={"phases": phases})


def shipped_recipes() -> dict[str, str]:
    """Return the names of the recipes that ship with the program and their descriptions."""
    found = {}
    for file in sorted(resources.files("engine.recipes").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".toml"):
            found[file.name.removesuffix(".toml")] = tomllib.loads(file.read_text("utf-8")).get("description", "")
    return found


def load_recipe(name_or_path: str, overrides: tuple[str, ...] = ()) -> Recipe:
    """Read a shipped recipe by name or a recipe file by path, and apply `key.path=value` overrides.

    Another `model.size` brings its own layers, width and vocabulary unless they are overridden as well.
    Raises UserError for an unknown name, a broken file, an unknown key or a value of the wrong type.
    """
    source, text = _read(name_or_path)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{source}: not valid TOML ({error})") from None
    resized = any(override.partition("=")[0].strip() == "model.size" for override in overrides)
    if resized and isinstance(model := table.get("model"), dict):
        table["model"] = {key: value for key, value in model.items() if key not in SHAPE}
    for override in overrides:
        _apply(table, override)
    return parse_recipe(table, source)


def parse_recipe(table: dict[str, Any], source: str) -> Recipe:
    """Check a recipe's table; raises UserError that names each wrong key and what was expected."""
    try:
        return Recipe.model_validate(table)
    except ValidationError as error:
        raise UserError(f"{source}: {_explain(error)}") from None


def dump_recipe(recipe: Recipe) -> str:
    """Return the recipe as TOML with every value written out; `load_recipe` of it gives an equal one."""
    return "\n".join(_tables(recipe.model_dump(exclude_none=True), ())) + "\n"


def differences(one: Recipe, other: Recipe) -> dict[str, tuple[Any, Any]]:
    """Return the dotted path of every value in which two recipes differ -> (value in one, value in other)."""
    first, second = (dict(_leaves(recipe.model_dump(), "")) for recipe in (one, other))
    return {path: (first.get(path), second.get(path)) for path in first | second if first.get(path) != second.get(path)}


def _read(name_or_path: str) -> tuple[str, str]:
    """Return what to call the recipe in messages, and its text."""
    known = shipped_recipes()
    if name_or_path in known:
        file = resources.files("engine.recipes") / f"{name_or_path}.toml"
        return f"recipe {name_or_path}", file.read_text("utf-8")
    shown = printable(name_or_path)
    if not name_or_path.endswith(".toml"):
        names = ", ".join(known)
        raise UserError(f"no recipe named {shown!r}; there are {names}, or give the path of a .toml file")
    try:
        return shown, Path(name_or_path).read_text("utf-8")
    except FileNotFoundError:
        raise UserError(f"no recipe file {shown}; check the path, or see `turngpt-tui recipes`") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise UserError(f"{shown}: cannot be read as a recipe ({reason})") from None


def _explain(error: ValidationError) -> str:
    """Say in one line what is wrong where, at most three things."""
    problems = error.errors()
    lines = []
    for problem in problems[:3]:
        place = ".".join(str(part) for part in problem["loc"]) or "recipe"
        if problem["type"] == "extra_forbidden":
            lines.append(f"unknown key {place!r}")
        elif problem["type"] == "missing":
            lines.append(f"{place} is missing")
        else:
            expected = problem["msg"].removeprefix("Value error, ")
            given = json.dumps(problem["input"], default=str)
            lines.append(f"{place}: {expected[:1].lower()}{expected[1:]} (given {_short(given)})")
    if len(problems) > len(lines):
        lines.append(f"and {len(problems) - len(lines)} more")
    return printable("; ".join(lines)).replace("\n", " ")


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def _apply(table: dict[str, Any], override: str) -> None:
    """Set one dotted key of `table` in place."""
    key, equals, raw = override.partition("=")
    parts = [part.strip() for part in key.split(".")]
    shown = f"--set {printable(override)!r}"
    if not equals or not all(parts):
        raise UserError(f"{shown}: expected key.path=value, as in phases.foundation.steps=100")
    node = table
    for depth, part in enumerate(parts[:-1]):
        if depth == 1 and parts[0] == "phases" and part not in node:
            raise UserError(f"{shown}: the recipe has no phase {part!r}; there are {', '.join(node)}")
        child = node.setdefault(part, {})
        if not isinstance(child, dict):
            raise UserError(f"{shown}: {part!r} is a value, not a table")
        node = child
    node[parts[-1]] = _value(raw)


def _value(raw: str) -> Any:
    """Read what follows `=` as TOML where it is that, else as a plain string."""
    try:
        table = tomllib.loads(f"value = {raw}")
    except tomllib.TOMLDecodeError:
        return raw.strip()
    return table["value"] if len(table) == 1 else raw.strip()


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    else:
        yield path, value


def _tables(table: dict[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """Yield the lines of a TOML table: its own values, then the tables inside it."""
    if path:
        yield f"\n[{'.'.join(map(_key, path))}]"
    inner = {key: value for key, value in table.items() if isinstance(value, dict)}
    yield from (f"{_key(key)} = {_toml(value)}" for key, value in table.items() if key not in inner)
    for key, value in inner.items():
        yield from _tables(value, (*path, key))


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _toml(key)


def _toml(value: Any) -> str:
    """Write one value; a JSON string is a TOML string but for the delete character."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"no recipe holds {value}")
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)} = {_toml(inner)}" for key, inner in value.items()) + "}"
    return repr(value)
