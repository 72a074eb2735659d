"""Against a hub on loopback (conftest.py) that holds small sets laid out as the real ones are."""

from __future__ import annotations

import base64
import errno
import io
import random
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import filelock
import pyarrow
import pyarrow.parquet
import pytest

from engine.conversation import Conversation, Document, Message, Text
from engine.data.files import SPLITS, Split, deal
from engine.data.hub import HELD_OUT_SHARE, identity, open_hub
from engine.data.hub_catalogue import catalogue, hub_source
from engine.errors import CancelledError, EngineError, SourceUnavailable, UserError

CONVERTED = "refs/convert/parquet"
ROWS = 60


def parquet(columns: Mapping[str, list[Any]], rows: int = 20) -> bytes:
    """Return a parquet file with that many rows in a row group."""
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(dict(columns)), buffer, row_group_size=rows)
    return buffer.getvalue()


def wikipedia(texts: list[str], rows: int = 20) -> dict[str, bytes]:
    """Return the files of a simple Wikipedia with these texts."""
    card = "---\nconfigs:\n" + "".join(
        f"- config_name: 20231101.{code}\n  data_files:\n  - split: train\n    path: 20231101.{code}/train-*\n"
        for code in ("de", "simple")
    )
    numbers = [str(number) for number in range(len(texts))]
    columns = {"id": numbers, "url": numbers, "title": numbers, "text": texts}
    return {
        "README.md": f"{card}---\n# Wikipedia\n".encode(),
        "20231101.simple/train-00000-of-00001.parquet": parquet(columns, rows),
        "20231101.de/train-00000-of-00001.parquet": parquet({**columns, "text": ["Nein."] * len(texts)}, rows),
    }


def split_files(pattern: str, columns: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, bytes]:
    """Return one file for each split: `columns` hold lists, or functions of a split and a number."""
    return {
        pattern.format(name): parquet(
            {key: [value(split, number) for number in range(ROWS)] for key, value in columns.items()}
        )
        for split, name in names.items()
    }


def said(split: str, number: int) -> str:
    return f"This is {split} number {number}."


def listed(split: str, number: int) -> list[str]:
    return [said(split, number), "I see , and I don ’ t mind .", "Good !", "Bye ."]


THREE = {"train": "train", "validation": "validation", "test": "test"}
TURNS = ("This is train number 0.", "I see, and I don’t mind.", "Good!", "Bye.")

SETS: dict[str, tuple[str, dict[str, bytes], Document]] = {
    "simple_wikipedia": (
        "main",
        wikipedia([said("train", number) for number in range(ROWS)]),
        Text("This is train number 0."),
    ),
    "childrens_stories": (
        "main",
        {"README.md": b"---\nlicense: cdla-sharing-1.0\n---\n", "TinyStoriesV2-GPT4-valid.txt": b"Not read."}
        | split_files("data/{}-2d5a1467fff1081b.parquet", {"text": said}, {
            "train": "train-00000-of-00001", "validation": "validation-00000-of-00001"}),
        Text("This is train number 0."),
    ),
    "news_headlines": (
        CONVERTED,
        split_files("default/{}/0000.parquet", {
            "link": said, "headline": lambda _, number: f"Headline {number}", "category": said,
            "short_description": said, "authors": said, "date": said}, {"train": "train"}),
        Text("Headline 0\nThis is train number 0."),
    ),
    "persona_chat": (
        CONVERTED,
        split_files("default/{}/0000.parquet", {
            "user 1 personas": lambda *_: "I paint.",
            "user 2 personas": lambda *_: "I have two cats.\nI like tea.",
            "Best Generated Conversation": lambda split, n: f"User 1: Hi!\nIt is me.\nUser 2: {said(split, n)}",
        }, THREE),
        Conversation((Message("system", "I have two cats. I like tea."), Message("user", "Hi!\nIt is me."),
                      Message("assistant", "This is train number 0."))),
    ),
    "daily_dialog": (
        "main",
        split_files("data/{}-00000-of-00001.parquet", {
            "dialog": listed, "act": lambda *_: [1, 2, 3, 4], "emotion": lambda *_: [0, 0, 4, 0]}, THREE),
        Conversation(tuple(Message(("user", "assistant")[n % 2], turn) for n, turn in enumerate(TURNS))),
    ),
    "film_dialogue": (
        CONVERTED,
        split_files("default/{}/0000.parquet", {
            "movieID": said, "movieGenres": listed, "characterName2": said,
            "utterance": lambda split, number: {"LineID": ["L1", "L2"], "text": ["Who?", said(split, number)]},
        }, {"train": "train"}),
        Conversation((Message("user", "Who?"), Message("assistant", "This is train number 0."))),
    ),
    "casual_talk": (
        CONVERTED,
        split_files("default/{}/0000.parquet", {
            "head": said, "narrative": said, "dialogue": lambda split, number: ["Hi.", "Hello?", said(split, number)],
            "speakers": lambda *_: ["Ann", "Ann", "Bob"], "PersonX": said, "original_index": lambda _, n: n,
        }, THREE),
        Conversation((Message("user", "Hi. Hello?"), Message("assistant", "This is train number 0."))),
    ),
    "literature": (
        "main",
        split_files("data/{}-00000-of-00001.parquet", {
            "Paragraph Text": said, "cl100k_base": lambda *_: [1, 2, 3]}, THREE),
        Text("This is train number 0."),
    ),
    "educational_questions": (
        "main",
        split_files("data/{}-00000-of-00001.parquet", {
            "question": lambda *_: "What is it?", "distractor1": said, "distractor2": said, "distractor3": said,
            "correct_answer": lambda *_: "mosses", "support": said}, THREE),
        Conversation((Message("user", "What is it?"), Message("assistant", "Mosses. This is train number 0."))),
    ),
    "curated_conversations": (
        "main",
        split_files("data/{}-00000-of-00001.parquet", {
            "messages": lambda split, number: [
                {"content": "Hello.", "role": "user"}, {"content": said(split, number), "role": "assistant"}],
            "source": said}, {"train": "train", "test": "test"}),
        Conversation((Message("user", "Hello."), Message("assistant", "This is train number 0."))),
    ),
}  # fmt: skip


class Reader:
    """Opens sources of a hub in a folder of its own, and remembers what was said and waited."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes: list[str] = []
        self.reports: list[tuple[str, int, int | None, str]] = []
        self.waited = 0.0

    def __call__(self, name: str = "simple_wikipedia", split: Split = "train", **options: Any) -> list[Document]:
        return list(open_hub(name, split, self.folder, self.say, self.notes, wait=self.wait, **options))

    def say(self, *report: Any) -> None:
        self.reports.append(report)

    def wait(self, seconds: float) -> None:
        self.waited += seconds


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path / "spools")


def noise(characters: int, seed: int = 0) -> str:
    """Return text that cannot be packed to less than three quarters."""
    return base64.b64encode(random.Random(seed).randbytes(characters * 3 // 4)).decode()


def texts(documents: list[Document]) -> list[str]:
    return [document.content if isinstance(document, Text) else document.messages[-1].content for document in documents]


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


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.data.hub_download.PART_BYTES", 100_000)


@pytest.fixture
def whole(hub, tmp_path) -> Iterator[list[Document]]:
    """What a download of a megabyte in 50 row groups gives when nothing goes wrong; the hub as before it."""
    hub.publish("wikimedia/wikipedia", wikipedia([noise(5000, number) for number in range(200)], 4))
    documents = Reader(tmp_path / "undisturbed")()
    hub.sent = 0
    hub.asked.clear()
    yield documents


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("at", [5_000, 333_333, 900_000])
def test_what_was_stopped_goes_on_where_it_was(hub, read, whole, at):
    def stop(what: str, done: int, total: int | None, unit: str) -> None:
        if done >= at:
            raise CancelledError

    with pytest.raises(CancelledError):
        open_hub("simple_wikipedia", "train", read.folder, stop, [])
    before = hub.sent
    assert before < at + 100_000
    assert read() == whole
    # A row group of 20,000 again, the end of the file again, and descriptions: no more.
    assert hub.sent < 1_000_000 + 200_000


@pytest.mark.usefixtures("small_parts")
def test_what_was_killed_goes_on_after_the_last_whole_part(hub, read, whole):
    """A kill leaves the parts, perhaps one that is not in the state yet, and a file in the making."""
    read(megabytes=0.5)
    spool = read.folder / "simple_wikipedia" / "train"
    (spool / "part-00005.jsonl.gz").write_bytes(b"not in the state")
    (spool / ".writing-part-00006.jsonl.gz").write_bytes(b"half of it")
    assert len(list(spool.glob("part-*"))) == 6
    assert read() == whole


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_damaged_parts_are_downloaded_again_with_a_note(hub, read, whole, harm):
    read()
    part = read.folder / "simple_wikipedia" / "train" / "part-00007.jsonl.gz"
    content = part.read_bytes()
    if harm == "remove":
        part.unlink()
    else:
        part.write_bytes(content[:-9] if harm == "cut" else content[:500] + b"\0" + content[501:])
    read.notes.clear()
    hub.sent = 0
    assert read() == whole
    assert "4 of 11 parts damaged or missing, downloaded again" in read.notes[0]
    assert hub.sent < 300_000 + 100_000


def test_a_damaged_state_is_made_anew(hub, read):
    hub.publish("wikimedia/wikipedia", wikipedia([said("train", number) for number in range(ROWS)]))
    first = read()
    (read.folder / "simple_wikipedia" / "train" / "state.json").write_text('{"format": 1, "parts": 5}')
    read.notes.clear()
    assert read() == first and "state.json was damaged" in read.notes[0]


def test_a_connection_that_is_cut_goes_on_by_itself(hub, read, whole):
    hub.cuts = [20_000, 10**9, 5_000, 0, 7_000, 10**9]
    assert read() == whole
    assert hub.sent < 1_000_000 + 100_000 and 0 < read.waited < 10
    assert any("cut" in what for what, *_ in read.reports)


@pytest.mark.usefixtures("small_parts")
def test_a_connection_that_is_always_cut_fails_and_the_next_run_goes_on(hub, read, whole):
    hub.cuts = [10**9] * 30 + [0]
    with pytest.raises(
        SourceUnavailable, match=r"^hub:simple_wikipedia: .* cut .* run the same command again"
    ) as caught:
        read()
    assert "\n" not in str(caught.value) and read.waited < 10
    hub.cuts, before = [], hub.sent
    assert 300_000 < before < 800_000
    assert read() == whole and hub.sent < 1_000_000 + 200_000


@pytest.mark.parametrize(("answer", "message"), [(0, "the server sends no parts of files"), (2, "the file changed")])
def test_a_server_that_sends_whole_files_only(hub, read, whole, answer, message):
    hub.whole_from, hub.cuts = answer, [10**9, 5_000, 10**9]
    with pytest.raises(SourceUnavailable, match=message):
        read()


def test_a_body_that_comes_in_drops_is_given_up(hub, read, whole):
    hub.cuts = [1000]
    with pytest.raises(SourceUnavailable, match="cut"):
        read()
    assert hub.sent < 40_000


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
        began = time.monotonic()
        with pytest.raises(SourceUnavailable, match=r"no connection to the hub \(.*\); check the network"):
            read()
        assert time.monotonic() - began < 2 and read.waited < 3
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


@pytest.mark.usefixtures("small_parts")
def test_a_download_keeps_to_the_version_it_began_with(hub, read, whole):
    read(megabytes=0.3)
    begun = identity("simple_wikipedia", read.folder)
    hub.publish("wikimedia/wikipedia", wikipedia(["Another."] * 100))
    assert read() == whole
    assert identity("simple_wikipedia", read.folder) == begun


@pytest.mark.usefixtures("small_parts")
def test_a_version_that_is_gone_is_replaced_as_a_whole(hub, read, whole):
    read(megabytes=0.3)
    begun = identity("simple_wikipedia", read.folder)
    hub.commits.clear()
    hub.publish("wikimedia/wikipedia", wikipedia([f"Another {number}." for number in range(50)]))
    found = read()
    assert texts(found)[0].startswith("Another") and len(found) < 50
    assert identity("simple_wikipedia", read.folder) != begun


def test_a_full_disk_is_one_line(hub, read, whole, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("engine.data.spool.os.fsync", full)
        with pytest.raises(
            EngineError, match=r"train: cannot be written \(No space left on device\); make room"
        ) as caught:
            read()
    assert not isinstance(caught.value, SourceUnavailable)
    assert read() == whole


def test_one_process_downloads_at_a_time(hub, read, whole):
    place = read.folder / "simple_wikipedia" / "train"
    place.mkdir(parents=True)
    lock = filelock.FileLock(place / "lock", thread_local=False)
    lock.acquire()
    waited = threading.Event()

    def say(what: str, *_: Any) -> None:
        if "another session" in what:
            lock.release()
            waited.set()

    assert list(open_hub("simple_wikipedia", "train", read.folder, say, [])) == whole and waited.is_set()


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
