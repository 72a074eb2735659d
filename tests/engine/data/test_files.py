from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from engine.conversation import Conversation, Text
from engine.data import files
from engine.errors import UserError


def everything(*paths: Path):
    return [document for split in files.SPLITS for document in files.read(list(paths), split)]


def jsonl(path: Path, *rows) -> Path:
    content = "\n".join(json.dumps(row) for row in rows).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def texts(path: Path, word: str, count: int = 60) -> Path:
    return jsonl(path, *[{"text": f"{word} {number}"} for number in range(count)])


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("a-train.jsonl", "train"),
        ("a_valid.txt", "validation"),
        ("a.DEV.parquet", "validation"),
        ("a-val.csv", "validation"),
        ("a-test.md", "test"),
        ("talk-train.jsonl.gz", "train"),
        ("train.txt", "train"),
        ("validation-00000-of-00002.parquet", "validation"),
        ("trains.txt", None),
        ("restrain.txt", None),
        ("a-train-set.txt", None),
    ],
)
def test_splits_are_told_by_the_name(name, split):
    assert files.split_of(Path(name)) == split


def test_named_splits_are_heeded_when_validation_is_among_them(tmp_path):
    train = texts(tmp_path / "a-train.jsonl.gz", "train")
    valid = texts(tmp_path / "a-validation.jsonl", "valid", 1)
    assert list(files.read([train, valid], "validation")) == [Text("valid 0")]
    assert len(list(files.read([tmp_path], "train"))) == 60


@pytest.mark.parametrize("name", ["train.jsonl", "validation.jsonl", "test.jsonl"])
def test_a_file_alone_is_dealt_out_whatever_its_name(tmp_path, name):
    path = texts(tmp_path / name, "text")
    dealt = [len(list(files.read([path], split))) for split in files.SPLITS]
    assert sum(dealt) == 60 and all(dealt) and dealt[0] > 45


def test_a_named_test_split_stays_one_when_train_has_to_give_validation(tmp_path):
    train, test = texts(tmp_path / "train.jsonl", "train"), texts(tmp_path / "test.jsonl", "test")
    words = {
        split: {one.content.split()[0] for one in files.read([train, test], split)} for split in ("train", "validation")
    }
    assert words == {"train": {"train"}, "validation": {"train"}}
    assert sum(one.content.startswith("test") for one in files.read([train, test], "test")) == 60


def test_documents_of_one_file_are_dealt_out_once_each(tmp_path):
    path = texts(tmp_path / "a.jsonl", "text", 400)
    parts = [{d.content for d in files.read([path], split)} for split in files.SPLITS]
    assert sum(map(len, parts)) == 400 == len(set.union(*parts))
    assert 5 < len(parts[1]) < 45


def test_columns_are_given_roles(tmp_path):
    path = jsonl(tmp_path / "a.jsonl", {"body": "Hi.", "text": "not this"})
    assert everything(path) == [Text("not this")]
    assert [d for split in files.SPLITS for d in files.read([path], split, {"text": "body"})] == [Text("Hi.")]
    with pytest.raises(UserError, match="no column has the role 'word'"):
        list(files.read([path], "train", {"text": "body", "word": "body"}))


# Folders


def test_a_folder_gives_its_files_in_order_and_passes_over_what_is_hidden_or_something_else(tmp_path):
    for name in ("b.txt", "a/z.csv.xz", "a/y.jsonl", "c.MD", ".git/d.txt", "a/._y.jsonl", "e.docx", "README"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.txt").mkdir()
    found = [path.relative_to(tmp_path).as_posix() for path in files.list_files([tmp_path])]
    assert found == ["a/y.jsonl", "a/z.csv.xz", "b.txt", "c.MD"]


def test_links_are_followed_once_and_loops_end(tmp_path):
    folder, elsewhere = tmp_path / "folder", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (elsewhere / "a.txt").touch()
    try:
        (folder / "linked").symlink_to(elsewhere)
        (folder / "again").symlink_to(elsewhere)
        (folder / "loop").symlink_to(folder)
        (elsewhere / "back").symlink_to(folder)
        (folder / "itself.txt").symlink_to(folder / "itself.txt")
        (folder / "nowhere.txt").symlink_to(folder / "missing.txt")
    except OSError:
        pytest.skip("this system makes no symbolic links")
    assert files.list_files([folder]) == [folder / "again" / "a.txt"]
    with pytest.raises(UserError, match="no such file or folder"):
        files.list_files([folder / "itself.txt"])


def test_empty_files_of_a_folder_are_passed_over_unless_all_are(tmp_path):
    (tmp_path / "a.txt").touch()
    (tmp_path / "b.jsonl").touch()
    with pytest.raises(UserError, match=r"a\.txt: holds no text"):
        everything(tmp_path)
    jsonl(tmp_path / "b.jsonl", {"text": "Hi."})
    assert everything(tmp_path) == [Text("Hi.")]
    with pytest.raises(UserError, match=r"a\.txt: holds no text"):
        everything(tmp_path / "b.jsonl", tmp_path / "a.txt")


def test_missing_and_empty_places(tmp_path):
    with pytest.raises(UserError, match="no such file or folder"):
        everything(tmp_path / "missing")
    with pytest.raises(UserError, match="no such file or folder"):
        everything(tmp_path / "nul\0.txt")
    with pytest.raises(UserError, match=r"holds none of \.txt, .* \(text also as \.gz"):
        everything(tmp_path)
    with pytest.raises(UserError, match=r"cannot be read \(File name too long\)"):
        everything(tmp_path / ("x" * 5000 + ".txt"))
    (tmp_path / "a.docx").touch()
    with pytest.raises(UserError, match=r"cannot be read; give \.txt, .*, or a folder of them"):
        everything(tmp_path / "a.docx")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.txt")
    with pytest.raises(UserError, match="not an ordinary file"):
        everything(tmp_path / "a.txt")


def test_a_file_that_vanishes_is_named(tmp_path):
    first, second = texts(tmp_path / "a.jsonl", "one"), texts(tmp_path / "b.jsonl", "two")
    documents = files.read([tmp_path], "train")
    next(documents)
    second.unlink()
    with pytest.raises(UserError, match=r"b\.jsonl: cannot be read \(No such file or directory\)"):
        list(documents)
    assert first.exists()


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl.zst", "a.csv", "a.parquet"])
def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch, name):
    (tmp_path / name).touch()

    def refuse(path: Path, *_how):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UserError, match=rf"{name}: cannot be read \(Permission denied\)"):
        everything(tmp_path / name)


def test_a_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(UserError, match=r"cannot be read \(Permission denied\)"):
        files.list_files([tmp_path])


# Real data


def test_real_dialogues(real_data):
    found = everything(real_data / "phase2" / "daily_dialog-validation.parquet")
    assert len(found) > 900 and all(isinstance(d, Conversation) for d in found)
    for document in found:
        roles = [message.role for message in document.messages]
        assert roles == ["user", "assistant"] * (len(roles) // 2)


def test_real_personas_are_the_system_message(real_data):
    found = everything(real_data / "phase2" / "persona_chat-validation.parquet")
    assert len(found) > 70 and {document.messages[0].role for document in found} == {"system"}


@pytest.mark.parametrize("phase", ["phase1", "phase2", "phase3"])
def test_every_real_file_is_read(real_data, phase):
    for path in files.list_files([real_data / phase]):
        assert next(files.read([path], "train"))
