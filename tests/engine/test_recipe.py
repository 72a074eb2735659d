from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.errors import UserError
from engine.recipe import FilterSettings, Recipe, differences, dump_recipe, load_recipe, parse_recipe, shipped_recipes

SMALL = """
name = "small"
[phases.one]
steps = 10
batch = 2
length = 32
learning_rate = 1e-3
mix = {"builtin:stories" = 1}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


def test_three_recipes_ship_and_describe_themselves() -> None:
    found = shipped_recipes()
    assert set(found) == {"quick", "simple", "curriculum"}
    assert all(found.values())


@pytest.mark.parametrize("name", ["quick", "simple", "curriculum"])
def test_a_shipped_recipe_is_valid_and_survives_being_written(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert parse_recipe(tomllib.loads(dump_recipe(recipe)), "dumped") == recipe


def test_the_full_plan_is_as_designed() -> None:
    plan = {
        name: (phase.steps, phase.batch, phase.length, phase.learning_rate, phase.gate[0].threshold)
        for name, phase in load_recipe("curriculum").phases.items()
    }
    assert plan == {
        "foundation": (3000, 6, 64, 3e-4, 50),
        "conversation": (5000, 4, 128, 2e-4, 25),
        "refinement": (4000, 3, 256, 1e-4, 20),
    }


def test_phases_keep_their_order() -> None:
    assert list(load_recipe("quick").phases) == ["foundation", "conversation", "refinement"]


def test_a_file_is_read_with_defaults(file: Path) -> None:
    recipe = load_recipe(str(file))
    assert recipe.steps == 10
    assert recipe.model.size == "tiny"


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("phases.one.steps=7", ("phases", "one", "steps"), 7),
        ("phases.one.learning_rate = 2e-3", ("phases", "one", "learning_rate"), 2e-3),
        ("model.size=base", ("model", "size"), "base"),
        ('model.size="base"', ("model", "size"), "base"),
        ("description=a = b", ("description",), "a = b"),
        ("data.paths=['/a', '/b']", ("data", "paths"), ("/a", "/b")),
        ("optimizer.betas=[0.8, 0.9]", ("optimizer", "betas"), (0.8, 0.9)),
        ('phases.one.mix={"builtin:facts" = 2}', ("phases", "one", "mix"), {"builtin:facts": 2.0}),
        ("phases.one.mix.builtin:facts=3", ("phases", "one", "mix", "builtin:facts"), 3.0),
    ],
)
def test_any_value_can_be_overridden(file: Path, override: str, path: tuple[str, ...], value: object) -> None:
    found: object = load_recipe(str(file), (override,))
    for part in path:
        found = found[part] if isinstance(found, dict) else getattr(found, part)
    assert found == value


def test_later_overrides_win(file: Path) -> None:
    assert load_recipe(str(file), ("seed=3", "seed=4")).seed == 4


@pytest.mark.parametrize(
    ("override", "names"),
    [
        ("phases.one.stepz=1", "unknown key 'phases.one.stepz'"),
        ("stepz=1", "unknown key 'stepz'"),
        ("phases.one.steps=ten", 'phases.one.steps: input should be a valid integer (given "ten")'),
        ("phases.one.steps=1.5", "phases.one.steps"),
        ("phases.one.steps=true", "phases.one.steps"),
        ("phases.one.steps=0", "phases.one.steps: input should be greater than or equal to 1"),
        ("phases.one.learning_rate=inf", "phases.one.learning_rate"),
        ("optimizer.clip=nan", "optimizer.clip"),
        ("optimizer.betas=[0.9]", "optimizer.betas"),
        ("optimizer.betas=[0.9, 1.0]", "optimizer.betas"),
        ("model.vocabulary=16385", "model.vocabulary"),
        ("model.turns=257", "model.turns"),
        ('model.embedding="huge"', "model.embedding"),
        ("phases.one.mix={}", "phases.one.mix"),
        ('phases.one.mix={"builtin:facts" = 0}', "all weights of the mix are zero"),
        ('phases.one.gate=[{measure = "beauty", threshold = 1}]', "phases.one.gate.0.measure"),
        ("phases={}", "phases"),
        ("phases.two.steps=1", "no phase 'two'; there are one"),
        ("phases.two.mix.x=1", "no phase 'two'"),
        ("name.x=1", "'name' is a value, not a table"),
        ("seed", "expected key.path=value"),
        ("=1", "expected key.path=value"),
        ("a..b=1", "expected key.path=value"),
        ("name=a/b", "name"),
        ("seed=1\nmodel = 3", "seed"),
    ],
)
def test_what_cannot_be_is_one_line_that_names_the_place(file: Path, override: str, names: str) -> None:
    with pytest.raises(UserError) as caught:
        load_recipe(str(file), (override,))
    assert names in str(caught.value)
    assert "\n" not in str(caught.value)


def test_many_faults_stay_one_short_line(file: Path) -> None:
    with pytest.raises(UserError) as caught:
        load_recipe(str(file), tuple(f"unknown_{n}=1" for n in range(40)))
    assert str(caught.value).endswith("and 37 more")


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"name = ", "not valid TOML"),
        (b"\xff\xfe", "not text in UTF-8"),
        (b"", "name is missing; phases is missing"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, content: bytes, names: str) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=names) as caught:
        load_recipe(str(path))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["nope", "../quick", "", "nope.toml", "x\0.toml", "a" * 5000 + ".toml", "\x1b[31m"])
def test_an_unknown_recipe_is_refused_in_print(name: str) -> None:
    with pytest.raises(UserError) as caught:
        load_recipe(name)
    assert str(caught.value).isprintable()


def test_a_folder_is_no_recipe(tmp_path: Path) -> None:
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(UserError, match="cannot be read as a recipe"):
        load_recipe(str(tmp_path / "folder.toml"))


def test_differences_name_every_value() -> None:
    one = load_recipe("quick")
    other = load_recipe("quick", ("seed=5", "phases.foundation.mix.builtin:extra=1", "model.turns=16"))
    assert differences(one, other) == {
        "seed": (1, 5),
        "phases.foundation.mix.builtin:extra": (None, 1.0),
        "model.turns": (None, 16),
    }
    assert differences(one, one) == {}


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(
    description=text,
    source=text.filter(bool),
    paths=st.lists(text),
    rate=st.floats(1e-12, 1),
    threshold=st.floats(allow_nan=False, allow_infinity=False),
)
def test_any_recipe_survives_being_written(
    description: str, source: str, paths: list[str], rate: float, threshold: float
) -> None:
    table = tomllib.loads(SMALL)
    table |= {"description": description, "data": {"paths": paths}}
    table["phases"]["one"] |= {
        "learning_rate": rate,
        "mix": {source: 1.0},
        "gate": [{"measure": "loss", "threshold": threshold}],
    }
    recipe = Recipe.model_validate(table)
    assert parse_recipe(tomllib.loads(dump_recipe(recipe)), "dumped") == recipe


def test_filters_can_be_switched_off_and_senseless_settings_are_refused() -> None:
    off = FilterSettings(language="", friendly=False, shortest=0, longest=0, duplicates=0.0, balance=0.0)
    assert off.proper and off.longest_text == 0
    for wrong in ({"duplicates": 0.3}, {"longest": 5}, {"longest_text": 9}, {"language": "de"}, {"balance": 1.5}):
        with pytest.raises(ValidationError):
            FilterSettings(**wrong)
