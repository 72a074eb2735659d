"""Against a hub on loopback (conftest.py) that holds small sets laid out as the real ones are (hub_sets.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.conversation import Conversation, Text
from engine.data.files import SPLITS, deal
from engine.data.hub import HELD_OUT_SHARE
from engine.data.hub_catalogue import catalogue, hub_source
from engine.errors import SourceUnavailable, UserError
from tests.engine.data.hub_sets import (
    CONVERTED,
    ROWS,
    SETS,
    Reader,
    noise,
    parquet,
    said,
    split_files,
    texts,
    wikipedia,
)


@pytest.mark.parametrize("name", catalogue())
def test_every_set_of_the_catalogue_is_read(hub, read, name):
    revision, files, first = SETS[name]
    source = hub_source(name)
    hub.publish(source.repository, files, revision)
    found = {split: read(name, split) for split in SPLITS}
    assert first in found["train"] + found["validation"] + found["test"]
    kind = Text if source.kind == "text" else Conversation
    assert all(isinstance(one, kind) for documents in found.values() for one in documents)
    for split in SPLITS:
        assert found[split], f"{split} is empty"
        if split in source.splits and split != "train":
            assert all(f"{split} number" in str(one) for one in found[split])
        else:
            assert all("train number" in str(one) for one in found[split])
    assert source.licence and source.about.endswith(".")


def test_what_a_set_does_not_hold_out_is_dealt_and_nothing_is_lost(hub, read):
    written = [f"Article {number}." for number in range(300)]
    hub.publish("wikimedia/wikipedia", wikipedia(written))
    found = {split: read(split=split) for split in SPLITS}
    assert sorted(text for documents in found.values() for text in texts(documents)) == sorted(written)
    assert all(deal(one) == split for split, documents in found.items() for one in documents)
    assert len(found["train"]) > 240
    downloads = sum("GET /stored" in path for path in hub.asked)
    assert read() and sum("GET /stored" in path for path in hub.asked) == downloads


def test_a_set_with_validation_but_no_test_keeps_its_validation(hub, read):
    hub.publish("roneneldan/TinyStories", SETS["childrens_stories"][1])
    train, validation, test = (read("childrens_stories", split) for split in SPLITS)
    assert len(validation) == ROWS and len(train) + len(test) == ROWS and test
    assert not {*texts(train)} & {*texts(test)}


@pytest.mark.parametrize("rows", [5, 40])
def test_the_cap_bounds_what_the_server_sends_to_within_a_row_group(hub, read, rows):
    hub.publish("wikimedia/wikipedia", wikipedia([noise(20_000, number) for number in range(200)], rows))
    documents = [one for split in SPLITS for one in read(split=split, megabytes=2)]
    size = sum(map(len, texts(documents)))
    assert 2_000_000 <= size < 2_000_000 + 20_000
    assert 2_000_000 < hub.sent < 2_000_000 + rows * 20_000 + 100_000
    what, done, total, unit = read.reports[-1]
    assert what == "downloading simple_wikipedia" and 1_900_000 < done < 2_000_000 == total and unit == "bytes"


def test_the_cap_holds_for_rows_that_say_nothing(hub, read, monkeypatch):
    monkeypatch.setattr("engine.data.hub_download.EXCESS_BYTES", 500_000)
    columns = {"headline": [noise(20_000, number) for number in range(200)], "short_description": [""] * 200}
    hub.publish("heegyu/news-category-dataset", {"default/train/0000.parquet": parquet(columns)}, CONVERTED)
    assert read("news_headlines", megabytes=1) == []
    assert 1_500_000 < hub.sent < 1_500_000 + 20 * 20_000 + 100_000
    before = hub.sent
    assert read("news_headlines", megabytes=1) == [] and hub.sent == before


def test_the_table_of_contents_of_a_file_is_sent_once(hub, read):
    """Texts of less than 4 KB stand in it twice for each row group: here it is a fifth of the file."""
    files = wikipedia([noise(1000, number) for number in range(400)], 4)
    hub.publish("wikimedia/wikipedia", files)
    assert read()
    assert hub.sent < 1.2 * len(files["20231101.simple/train-00000-of-00001.parquet"])


def test_a_smaller_cap_reads_the_same_from_a_larger_spool(hub, read, tmp_path):
    hub.publish("wikimedia/wikipedia", wikipedia([noise(5000, number) for number in range(100)]))
    small = read(megabytes=0.1)
    large = read(megabytes=0.3)
    assert large[: len(small)] == small and len(large) > len(small) > 15
    assert read(megabytes=0.1) == small
    assert Reader(tmp_path / "other")(megabytes=0.3) == large


def test_a_split_of_their_own_has_a_share_of_the_cap(hub, read):
    files = split_files("data/{}-00000-of-00001.parquet", {"text": lambda _, n: noise(1000, n)}, {
        "train": "train", "validation": "validation"})  # fmt: skip
    hub.publish("roneneldan/TinyStories", files)
    assert len(read("childrens_stories", "validation", megabytes=0.1)) == round(100 * HELD_OUT_SHARE)


def test_what_is_complete_is_never_downloaded_again(hub, read):
    hub.publish("wikimedia/wikipedia", wikipedia([said("train", number) for number in range(ROWS)]))
    first = read()
    assert "MB of text are here" in read.notes[0]
    hub.commits.clear()
    asked = len(hub.asked)
    read.notes.clear()
    assert read() == first and len(hub.asked) == asked and read.notes == []


def test_nothing_reaches_the_terminal(hub, read, whole, capfd):
    hub.answers = [(429, {"Retry-After": "1"}), (503, {}), (200, {})]
    hub.cuts = [100, 10**9]
    read()
    hub.answers = [(404, {"X-Error-Code": "EntryNotFound"})]
    with pytest.raises(SourceUnavailable):
        Reader(read.folder / "other")()
    assert capfd.readouterr() == ("", "")


def test_an_unknown_name_lists_those_there_are(read):
    with pytest.raises(UserError, match="no source named 'hub:poems'; there are hub:simple_wikipedia, hub:"):
        read("poems")


def test_the_documentation_lists_the_catalogue():
    """docs/data.md has a row for each set, as the catalogue has it."""
    page = (Path(__file__).parents[3] / "docs" / "data.md").read_text("utf-8")
    for name, source in catalogue().items():
        link = f"[{source.repository}](https://huggingface.co/datasets/{source.repository})"
        assert f"| `hub:{name}` | {link} | {source.licence} | {source.megabytes} | {source.about} |" in page, name


def test_the_catalogue_is_what_was_decided():
    assert list(catalogue()) == list(SETS)
    caps = {name: source.megabytes for name, source in catalogue().items()}
    assert caps["film_dialogue"] + caps["casual_talk"] == 80 and sum(caps.values()) == 380
