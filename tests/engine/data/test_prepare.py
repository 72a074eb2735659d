from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.data.prepare import prepare
from engine.data.prepared import PreparedData
from engine.data.tokenizer import ChatTokenizer
from engine.errors import CancelledError, UserError
from engine.recipe import Recipe
from engine.status import Progress


def prepared(recipe: Recipe, cache: Path, *, seen: list[Progress] | None = None) -> PreparedData:
    report = [].append if seen is None else seen.append  # type: ignore[var-annotated]
    return prepare(recipe, 300, cache, report, lambda: False)


def test_text_goes_to_texts_and_talk_to_talk(tmp_path, tiny):
    data = prepared(tiny(), tmp_path / "cache")
    assert data.mixes == {"foundation": {("data", "text"): 1.0}, "conversation": {("data", "conversation"): 1.0}}
    assert data.conversation_share("foundation") == 0.0 and data.conversation_share("conversation") == 1.0
    batch = data.batches("conversation", "train").next()
    assert batch.ids.shape == (4, 48)
    assert ChatTokenizer.assistant_id in batch.ids
    assert ChatTokenizer.assistant_id not in data.batches("foundation", "train").next().ids


def test_what_was_prepared_once_is_not_prepared_again(tmp_path, tiny):
    first = prepared(tiny(), tmp_path / "cache")
    seen: list[Progress] = []
    again = prepared(tiny(), tmp_path / "cache", seen=seen)
    assert first.tokenizer.fingerprint == again.tokenizer.fingerprint
    assert not any("tokenis" in progress.what or "tokenizer" in progress.what for progress in seen)
    one, other = (data.batches("foundation", "train").next() for data in (first, again))
    assert np.array_equal(one.ids, other.ids)


def test_the_time_left_is_known_for_files_as_for_the_corpus(tmp_path, tiny, monkeypatch):
    monkeypatch.setattr("engine.data.prepare.REPORT_SECONDS", -1.0)
    monkeypatch.setattr("engine.data.prepare.CHUNK_DOCUMENTS", 50)
    lines = "\n\n".join(f"The {number}th line of many has something to say. " * 40 for number in range(600))
    (tmp_path / "mine.txt").write_text(lines, "utf-8")
    phase = tiny().phases["foundation"].model_dump() | {"mix": {f"file:{tmp_path / 'mine.txt'}": 1.0}}
    seen: list[Progress] = []
    prepared(tiny(phases={"foundation": phase}, data={"megabytes": 50}), tmp_path / "cache", seen=seen)
    shown = [progress for progress in seen if "tokenising" in progress.what]
    train = shown[: next(n for n, one in enumerate(shown) if n and one.done < shown[n - 1].done)]
    assert len(train) > 5 and all(one.total is not None for one in train[1:])
    shares = [one.done / one.total for one in train[1:] if one.total]
    assert shares == sorted(shares) and 0.9 < shares[-1] <= 1
    assert all(one.eta_seconds is not None for one in train[1:])


def test_a_damaged_cache_is_made_anew(tmp_path, tiny):
    first = prepared(tiny(), tmp_path / "cache")
    for path in (tmp_path / "cache").rglob("*"):
        if path.is_file() and path.suffix != ".lock":
            path.write_bytes(path.read_bytes()[:-3])
    again = prepared(tiny(), tmp_path / "cache")
    assert any("damaged" in note for note in again.notes)
    assert np.array_equal(
        first.batches("foundation", "train").next().ids, again.batches("foundation", "train").next().ids
    )


def test_changed_data_is_read_again(tmp_path, tiny, data):
    before = prepared(tiny(), tmp_path / "cache")
    with data.open("a") as file:
        file.write('\n{"text": "A zebra is striped. A zebra zooms in the zoo."}' * 20)
    after = prepared(tiny(), tmp_path / "cache")
    assert before.tokenizer.fingerprint != after.tokenizer.fingerprint


def test_validation_is_held_out_and_the_same_every_time(tmp_path, tiny):
    data = prepared(tiny(), tmp_path / "cache")
    one, other = ([batch.ids.tolist() for batch in data.validation("conversation", 8)] for _ in range(2))
    assert one == other
    part = ("data", "conversation")
    documents = {
        split: {tuple(shard.ids[a:b].tolist()) for a, b in zip(shard.offsets[:-1], shard.offsets[1:], strict=True)}
        for split in ("train", "validation")
        for shard in (data.shards[part, split],)  # type: ignore[index]
    }
    assert documents["validation"] and not documents["train"] & documents["validation"]


def test_the_token_sample_has_document_ends_and_the_asked_size(tmp_path, tiny):
    data = prepared(tiny(), tmp_path / "cache")
    sample = data.token_sample(500)
    assert 400 < len(sample) <= 500 and sample.dtype == np.uint16
    assert (sample == ChatTokenizer.pad_id).sum() > 5


def test_preparing_can_be_stopped(tmp_path, tiny):
    with pytest.raises(CancelledError):
        prepare(tiny(), 300, tmp_path / "cache", [].append, lambda: True)
    assert prepared(tiny(), tmp_path / "cache").tokenizer.size > 200


@pytest.mark.parametrize("source", ["builtin:poems", "poems", "file:/no/such/place"])
def test_a_source_that_does_not_exist_is_named(tmp_path, tiny: Callable[..., Recipe], source):
    phase = tiny().phases["foundation"].model_dump() | {"mix": {source: 1.0}}
    with pytest.raises(UserError, match=source.split(":")[-1]):
        prepared(tiny(phases={"foundation": phase}), tmp_path / "cache")


def test_an_interrupted_shard_goes_on_and_comes_out_the_same(tmp_path, tiny, monkeypatch):
    whole = prepared(tiny(filters={"own": True}), tmp_path / "whole")
    monkeypatch.setattr("engine.data.prepare.CHUNK_DOCUMENTS", 4)
    monkeypatch.setattr("engine.data.prepare.REST_SECONDS", -1.0)
    left = 14

    def interrupt(progress: Progress) -> None:
        nonlocal left
        if "tokenising" in progress.what and (left := left - 1) < 0:
            raise CancelledError

    monkeypatch.setattr("engine.data.prepare.REPORT_SECONDS", -1.0)
    recipe = tiny(filters={"own": True})
    with pytest.raises(CancelledError):
        prepare(recipe, 300, tmp_path / "cut", interrupt, lambda: False)
    again = prepared(recipe, tmp_path / "cut")
    assert any("goes on after" in note for note in again.notes)
    for key, shard in whole.shards.items():
        assert np.array_equal(shard.ids, again.shards[key].ids)
        assert shard.report == again.shards[key].report


def test_filters_are_counted_and_said(tmp_path, tiny, data):
    with data.open("a") as file:
        file.write('\n{"text": "<div>THIS IS NOT A SENTENCE AT ALL</div>"}' * 40)
    plain, clean = (prepared(tiny(filters={"own": own}), tmp_path / "cache") for own in (False, True))
    assert plain.reports == {}
    assert clean.reports["data"].dropped > 0
    assert any(note.startswith("data: ") and "proper" in note for note in clean.notes)
    shard = clean.shards[("data", "text"), "train"]
    assert "div" not in clean.tokenizer.decode(shard.ids.tolist())
