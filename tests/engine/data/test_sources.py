from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from engine.conversation import Conversation, Text
from engine.data import builtin, hub
from engine.data.sources import Sources, kinds_in
from engine.errors import SourceUnavailable, UserError
from engine.recipe import DataSettings, Recipe

MIX = {"builtin:stories": 0.3, "hub:simple_wikipedia": 0.1, "builtin:questions": 0.6, "builtin:personas": 0.0}


@pytest.fixture
def talk(tmp_path: Path) -> str:
    path = tmp_path / "talk.jsonl"
    path.write_text('{"text": "A text."}\n{"turns": ["a", "b"]}\n')
    return str(path)


def sources(folder: Path, **settings) -> Sources:
    return Sources(DataSettings(**settings), 1, folder)


def no_network(name: str, *_: object, **__: object):
    raise SourceUnavailable(f"hub:{name}: no network")


def test_without_own_data_the_mix_stays_as_it_is(tmp_path):
    assert sources(tmp_path).mix(MIX) == {
        ("builtin:stories", None): 0.3, ("hub:simple_wikipedia", None): 0.1, ("builtin:questions", None): 0.6
    }  # fmt: skip


def test_own_data_takes_the_weight_of_its_kind(tmp_path, talk):
    resolved = sources(tmp_path, paths=(talk,)).mix(MIX)
    assert resolved == {("data", "text"): pytest.approx(0.4), ("data", "conversation"): 0.6}
    (tmp_path / "a.txt").write_text("Some text.")
    only_text = sources(tmp_path, paths=(str(tmp_path / "a.txt"),)).mix(MIX)
    assert only_text == {("data", "text"): pytest.approx(1.0)}


def test_files_can_stand_for_a_set_of_the_hub(tmp_path, talk):
    named = sources(tmp_path, named={"simple_wikipedia": (talk,)})
    assert named.mix(MIX) == sources(tmp_path).mix(MIX)
    assert set(named.open("hub:simple_wikipedia", "train")) | set(named.open("hub:simple_wikipedia", "validation"))
    both = sources(tmp_path, paths=(talk,), named={"simple_wikipedia": (talk,)}).mix(MIX)
    assert both == {("data", "text"): 0.3, ("hub:simple_wikipedia", None): 0.1, ("data", "conversation"): 0.6}


def test_files_stand_for_sets_that_exist(tmp_path, talk):
    with pytest.raises(UserError, match="no source named 'hub:poems'; there are hub:simple_wikipedia"):
        sources(tmp_path, named={"poems": (talk,)})


@pytest.mark.parametrize("name", ["builtin:nothing", "hub:x", "data", "file:", "x"])
def test_unknown_sources_list_the_known(name, tmp_path):
    known = "hub:simple_wikipedia" if name.startswith("hub:") else "builtin:stories"
    with pytest.raises(UserError, match=known):
        next(sources(tmp_path).open(name, "train"))
    if name.partition(":")[0] in {"builtin", "hub"}:
        with pytest.raises(UserError, match=known):
            sources(tmp_path).mix({name: 1.0})


def test_a_missing_source_fails_or_gives_its_share(tmp_path, monkeypatch, tiny: Callable[..., Recipe]):
    monkeypatch.setattr(hub, "open_hub", no_network)
    phase = tiny().phases["foundation"].model_dump() | {"mix": MIX}

    def mixes(missing: str, mix: dict[str, float], only=None):
        recipe = tiny(data={"missing": missing}, phases={"foundation": phase | {"mix": mix}})
        notes: list[str] = []
        return Sources(recipe.data, 1, tmp_path, notes=notes).mixes(recipe, only), notes

    with pytest.raises(SourceUnavailable, match="no network"):
        mixes("fail", MIX)
    left, notes = mixes("share", MIX)
    assert left == {"foundation": {("builtin:stories", None): 0.3, ("builtin:questions", None): 0.6}}
    assert notes == ["hub:simple_wikipedia: no network; their share goes to the other sources"]
    _, notes = mixes("share", MIX | {"hub:daily_dialog": 0.1})
    assert notes == ["hub:daily_dialog, hub:simple_wikipedia: no network; their share goes to the other sources"]
    with pytest.raises(SourceUnavailable, match="nothing to read"):
        mixes("share", {"hub:simple_wikipedia": 1.0})
    # A run that goes on reads what it read before: no less, and no more.
    with pytest.raises(SourceUnavailable, match="no network"):
        mixes("share", MIX, ["hub:simple_wikipedia", "builtin:stories", "builtin:questions"])
    assert mixes("fail", MIX, ["builtin:stories"])[0] == {"foundation": {("builtin:stories", None): 0.3}}


def test_what_is_written_by_us_passes_no_filter(tmp_path, tiny: Callable[..., Recipe]):
    recipe, found = tiny(), sources(tmp_path)
    assert found.filters("builtin:stories", recipe) is None and found.filters("data", recipe) is None
    assert found.filters("hub:simple_wikipedia", recipe) == recipe.filters
    asked = tiny(filters={"own": True})
    assert found.filters("data", asked) == found.filters("file:x", asked) == asked.filters


@pytest.mark.parametrize("name", builtin.SOURCES)
def test_every_part_of_the_corpus_gives_its_kind(name, tmp_path):
    kind = {"text": Text, "conversation": Conversation}[builtin.SOURCES[name].kind]
    documents = list(islice(sources(tmp_path).open(f"builtin:{name}", "train"), 20))
    assert all(isinstance(document, kind) for document in documents)
    assert documents == list(islice(sources(tmp_path).open(f"builtin:{name}", "train"), 20))


def test_kinds_are_looked_up_in_every_path(tmp_path):
    (tmp_path / "a.txt").write_text("Some text.")
    (tmp_path / "b.jsonl").write_text('{"turns": ["a", "b"]}')
    assert kinds_in([str(tmp_path / "a.txt")]) == {"text"}
    assert kinds_in([str(tmp_path)]) == {"text", "conversation"}
    (tmp_path / "c.jsonl").write_text('{"turns": ["a"]}')
    with pytest.raises(UserError, match=r"c\.jsonl: holds nothing to train on"):
        kinds_in([str(tmp_path / "a.txt"), str(tmp_path / "c.jsonl")])
