"""What the hub refuses, or has changed: each one line that names the source and the remedy."""

from __future__ import annotations

from typing import Any

import pytest

from engine.data.files import SPLITS
from engine.data.hub import open_hub
from engine.errors import CancelledError, SourceUnavailable
from tests.engine.data.hub_sets import (
    ROWS,
    parquet,
    said,
    split_files,
    texts,
    wikipedia,
)

FAULTS = {
    "gone": (404, {"X-Error-Code": "EntryNotFound"}, "wikimedia/wikipedia cannot be read"),
    "gated": (
        403,
        {"X-Error-Code": "GatedRepo"},
        "accept the licence at https://huggingface.co/datasets/wikimedia/wiki",
    ),
    "unknown person": (401, {"X-Error-Code": "GatedRepo"}, "set HF_TOKEN"),
    "private": (401, {}, "there is no public data set wikimedia/wikipedia"),
    "forbidden": (403, {}, r"access is refused \(403\); see https://huggingface.co/datasets/wikimedia/wikipedia"),
    "bad token": (401, {"X-Error-Message": "Invalid credentials in Authorization header"}, "renew or unset HF_TOKEN"),
    "too many": (429, {"Retry-After": "7"}, r"too many requests from here \(429\); run the same command again"),
    "far too many": (429, {"Retry-After": "3600"}, "asks to wait 3600 seconds; run the same command again then"),
    "by policy": (429, {"RateLimit": '"resolvers";r=0;t=290'}, "asks to wait 290 seconds"),
    "out of order": (503, {}, r"the hub is out of order \(503\); run"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_refusal_is_one_line_that_names_the_source_and_the_remedy(hub, read, fault):
    status, headers, message = FAULTS[fault]
    hub.publish("wikimedia/wikipedia", wikipedia(["One."]))
    hub.answers = [(status, headers)]
    with pytest.raises(SourceUnavailable, match=f"^hub:simple_wikipedia: .*{message}") as caught:
        read()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300
    assert read.waited == pytest.approx({"too many": 21, "out of order": 3.6}.get(fault, 0))
    hub.answers.clear()
    assert sum(len(read(split=split)) for split in SPLITS) == 1


def test_a_short_wait_that_the_hub_asks_for_is_kept(hub, read):
    hub.publish("wikimedia/wikipedia", wikipedia([said("train", number) for number in range(ROWS)]))
    hub.answers = [(429, {"Retry-After": "30"}), (200, {})]
    assert read() and read.waited == pytest.approx(30)
    assert any("429" in what for what, *_ in read.reports)


def test_a_wait_can_be_broken_off(hub, read):
    hub.publish("wikimedia/wikipedia", wikipedia(["One."]))
    hub.answers = [(429, {"Retry-After": "30"})]

    def stop(what: str, *_: Any) -> None:
        if "waiting" in what:
            raise CancelledError

    with pytest.raises(CancelledError):
        open_hub("simple_wikipedia", "train", read.folder, stop, [], wait=read.wait)
    assert read.waited == 0


@pytest.mark.parametrize("terse", [False, True])
def test_a_set_that_is_gone(hub, read, terse):
    hub.terse = terse
    with pytest.raises(SourceUnavailable, match="there is no public data set wikimedia/wikipedia"):
        read()


def test_no_network_fails_fast_and_the_way_back_is_free(hub, read, monkeypatch):
    hub.publish("wikimedia/wikipedia", wikipedia([said("train", number) for number in range(ROWS)]))
    with monkeypatch.context() as patch:
        patch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
        with pytest.raises(SourceUnavailable, match=r"no connection to the hub \(.*\); check the network"):
            read()
        assert read.waited < 3
    assert read()


def test_a_hub_that_does_not_answer(hub, read, monkeypatch):
    monkeypatch.setattr("engine.data.hub_client.SILENT_SECONDS", 0.05)
    hub.publish("wikimedia/wikipedia", wikipedia(["One."]))
    hub.silent = True
    with pytest.raises(SourceUnavailable, match="the hub does not answer; run the same command again"):
        read()


def test_offline_is_respected_and_what_is_here_is_read(hub, read, monkeypatch):
    hub.publish("wikimedia/wikipedia", wikipedia([said("train", number) for number in range(ROWS)]))
    first = read(megabytes=0.001)
    asked = len(hub.asked)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    with pytest.raises(SourceUnavailable, match="HF_HUB_OFFLINE is set; unset it"):
        read()
    assert read(megabytes=0.001) == first and len(hub.asked) == asked


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": ["1"], "body": ["One."]}, "has changed: no column 'text'; it has body, id; leave the source out"),
        (
            {"text": [["One."]] * 50},
            r"has changed: rows of another form \(a row of wikimedia/wikipedia: 'text' must be",
        ),
    ],
)
def test_columns_that_changed_are_named(hub, read, columns, message):
    files = wikipedia(["One."])
    files["20231101.simple/train-00000-of-00001.parquet"] = parquet(columns)
    hub.publish("wikimedia/wikipedia", files)
    with pytest.raises(SourceUnavailable, match=message):
        read()


def test_a_few_rows_of_another_form_are_passed_over_with_a_note(hub, read):
    talk = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}]
    odd = [{"role": "tool", "content": "ls"}]
    files = {"data/train-00000-of-00001.parquet": parquet({"messages": [talk, odd, talk, talk]})}
    hub.publish("HuggingFaceTB/smol-smoltalk", files)
    assert sum(len(read("curated_conversations", split)) for split in ("train", "validation")) == 3
    assert read.notes[0].endswith("downloaded for it, 1 rows of another form passed over")


def test_splits_configs_and_branches_that_changed_are_named(hub, read):
    hub.publish("allenai/sciq", split_files("data/{}-00000-of-00001.parquet", {
        "question": said, "correct_answer": said, "support": said}, {"train": "train"}))  # fmt: skip
    with pytest.raises(SourceUnavailable, match="has changed: no split 'validation'; it has train"):
        read("educational_questions", "validation")
    files = wikipedia(["One."])
    files["README.md"] = files["README.md"].replace(b"20231101.simple\n", b"20990101.simple\n")
    hub.publish("wikimedia/wikipedia", files)
    with pytest.raises(SourceUnavailable, match=r"cannot be read \(BuilderConfig '20231101.simple' not found"):
        read()
    hub.publish("heegyu/news-category-dataset", files)
    with pytest.raises(SourceUnavailable, match="has changed: no branch 'refs/convert/parquet'; leave the source out"):
        read("news_headlines")


def test_no_code_of_a_set_is_run(hub, read, tmp_path):
    files = wikipedia(["One."])
    files["wikipedia.py"] = f"open({str(tmp_path / 'ran')!r}, 'w')".encode()
    hub.publish("wikimedia/wikipedia", files)
    with pytest.raises(SourceUnavailable, match="Dataset scripts are no longer supported"):
        read()
    assert not (tmp_path / "ran").exists()


def test_a_folder_of_the_same_name_is_not_taken_for_the_set(hub, read, tmp_path, monkeypatch):
    (tmp_path / "wikimedia" / "wikipedia").mkdir(parents=True)
    (tmp_path / "wikimedia" / "wikipedia" / "train.jsonl").write_text('{"text": "Not this."}')
    monkeypatch.chdir(tmp_path)
    hub.publish("wikimedia/wikipedia", wikipedia(["This."]))
    assert texts([one for split in SPLITS for one in read(split=split)]) == ["This."]


def test_what_is_no_parquet_file(hub, read):
    files = wikipedia(["One."])
    files["20231101.simple/train-00000-of-00001.parquet"] = b"PAR1 not really a file of that kind PAR1"
    hub.publish("wikimedia/wikipedia", files)
    with pytest.raises(SourceUnavailable, match="wikimedia/wikipedia cannot be read"):
        read()
