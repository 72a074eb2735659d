from itertools import islice

import pytest

from engine.conversation import Conversation, Text
from engine.data import builtin
from engine.data.sources import kinds_in, open_source, resolve_mix
from engine.errors import UserError

MIX = {"builtin:stories": 0.3, "builtin:facts": 0.1, "builtin:questions": 0.6, "builtin:personas": 0.0}


def test_without_own_data_the_mix_stays_as_it_is():
    assert resolve_mix(MIX, set()) == {
        ("builtin:stories", None): 0.3, ("builtin:facts", None): 0.1, ("builtin:questions", None): 0.6
    }  # fmt: skip


def test_own_data_takes_the_weight_of_its_kind():
    resolved = resolve_mix(MIX, {"text", "conversation"})
    assert resolved == {("data", "text"): pytest.approx(0.4), ("data", "conversation"): 0.6}
    assert resolve_mix(MIX, {"text"}) == {("data", "text"): pytest.approx(1.0)}


@pytest.mark.parametrize("name", ["builtin:nothing", "hub:x", "data", "file:"])
def test_unknown_sources_list_the_known(name):
    with pytest.raises(UserError, match="builtin:stories"):
        next(open_source(name, "train", 1))
    if name.startswith("builtin:"):
        with pytest.raises(UserError, match="builtin:stories"):
            resolve_mix({name: 1.0}, set())


@pytest.mark.parametrize("name", builtin.SOURCES)
def test_every_part_of_the_corpus_gives_its_kind(name):
    kind = {"text": Text, "conversation": Conversation}[builtin.SOURCES[name].kind]
    documents = list(islice(open_source(f"builtin:{name}", "train", 1), 20))
    assert all(isinstance(document, kind) for document in documents)
    assert documents == list(islice(open_source(f"builtin:{name}", "train", 1), 20))


def test_kinds_are_looked_up_in_every_path(tmp_path):
    (tmp_path / "a.txt").write_text("Some text.")
    (tmp_path / "b.jsonl").write_text('{"turns": ["a", "b"]}')
    assert kinds_in([str(tmp_path / "a.txt")]) == {"text"}
    assert kinds_in([str(tmp_path)]) == {"text", "conversation"}
    (tmp_path / "c.jsonl").write_text('{"turns": ["a"]}')
    with pytest.raises(UserError, match=r"c\.jsonl: holds nothing to train on"):
        kinds_in([str(tmp_path / "a.txt"), str(tmp_path / "c.jsonl")])
