import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from engine.conversation import Conversation, Message, Text
from engine.data import files
from engine.errors import UserError


def everything(*paths: Path):
    return [document for split in files.SPLITS for document in files.read(list(paths), split)]


def one(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def jsonl(path: Path, *rows) -> Path:
    return one(path, "\n".join(json.dumps(row) for row in rows))


def parquet(path: Path, columns: dict) -> Path:
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


def test_paragraphs_of_a_text_file_are_joined_to_documents(tmp_path):
    path = one(tmp_path / "a.txt", "One\nline.\n\nTwo.\n\n" + "Long word. " * 200)
    documents = everything(path)
    assert "One line.\nTwo." in [d.content for d in documents]
    assert all(len(d.content) <= 2 * files.PARAGRAPH_CHARACTERS for d in documents)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"text": "Hi."}, [Text("Hi.")]),
        ({"text": "  "}, []),
        (
            {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
            [Conversation((Message("user", "a"), Message("assistant", "b")))],
        ),
        ({"turns": ["a", "b", "c"]}, [Conversation((Message("user", "a"), Message("assistant", "b")))]),
        ({"turns": ["a"]}, []),
        (
            {"question": "Who?", "answer": "Me.", "context": "It was me."},
            [Conversation((Message("user", "It was me.\nWho?"), Message("assistant", "Me.")))],
        ),
        (
            {
                "messages": [
                    {"role": "assistant", "content": "dropped"},
                    {"role": "user", "content": "a"},
                    {"role": "user", "content": "a2"},
                    {"role": "assistant", "content": ""},
                    {"role": "assistant", "content": "b\x1b[31m\r"},
                ]
            },
            [Conversation((Message("user", "a a2"), Message("assistant", "b[31m")))],
        ),
    ],
)
def test_rows_become_documents(tmp_path, row, expected):
    assert everything(jsonl(tmp_path / "a.jsonl", row)) == expected


def test_parquet_columns(tmp_path):
    path = parquet(tmp_path / "a.parquet", {"turns": [["Hi", "Hello"], ["A", "B"]], "topic": ["x", "y"]})
    assert {d.messages[1].content for d in everything(path)} == {"Hello", "B"}


def test_named_splits_are_heeded_when_validation_is_among_them(tmp_path):
    train = jsonl(tmp_path / "a-train.jsonl", *[{"text": f"train {n}"} for n in range(60)])
    valid = jsonl(tmp_path / "a-validation.jsonl", {"text": "valid"})
    assert list(files.read([train, valid], "validation")) == [Text("valid")]
    assert len(list(files.read([tmp_path], "train"))) == 60
    dealt = [len(list(files.read([train], split))) for split in files.SPLITS]
    assert sum(dealt) == 60 and all(dealt) and dealt[0] > 45


def test_documents_of_one_file_are_dealt_out_once_each(tmp_path):
    path = jsonl(tmp_path / "a.jsonl", *[{"text": f"text {n}"} for n in range(400)])
    parts = [{d.content for d in files.read([path], split)} for split in files.SPLITS]
    assert sum(map(len, parts)) == 400 == len(set.union(*parts))
    assert 5 < len(parts[1]) < 45


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"", "holds no text"),
        ("a.txt", b"ab\0cd", "line 1: binary data"),
        ("a.txt", b"fine\ncaf\xe9", r"line 2: not UTF-8 \(byte 0xe9 at 4\)"),
        ("a.jsonl", b"\n\n", "is empty"),
        ("a.jsonl", b'{"text": "a"}\n{"text": \n', "line 2, column"),
        ("a.jsonl", b"[1]", "line 1: expected an object, found list"),
        ("a.jsonl", b'{"other": 1}', "line 1: none of the keys text, messages"),
        ("a.jsonl", b'{"text": 5}', "'text' must be a string, not int"),
        ("a.jsonl", b'{"messages": "x"}', "'messages' must be a list"),
        ("a.jsonl", b'{"messages": [null]}', "each message must be an object"),
        ("a.jsonl", b'{"messages": [{"role": "user", "content": null}]}', "each message must be an object"),
        ("a.jsonl", b'{"messages": [{"role": "bot", "content": "x"}]}', "unknown role 'bot'"),
        ("a.jsonl", b'{"turns": [1, 2]}', "'turns' must be a list of strings"),
        ("a.jsonl", b"[" * 100_000, "line 1: not valid JSON|expected an object"),
        ("a.parquet", b"PAR1 not really", "not a readable parquet file"),
        ("a.csv", b"a,b", "cannot be read; give .txt"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_the_place(tmp_path, name, content, message):
    with pytest.raises(UserError, match=message) as caught:
        everything(one(tmp_path / name, content))
    assert "\n" not in str(caught.value) and name in str(caught.value)


def test_a_parquet_without_usable_columns_lists_those_it_has(tmp_path):
    with pytest.raises(UserError, match=r"none of the columns text, .* it has length, title"):
        everything(parquet(tmp_path / "a.parquet", {"title": ["x"], "length": [1]}))


def test_missing_and_empty_places(tmp_path):
    with pytest.raises(UserError, match="no such file or folder"):
        everything(tmp_path / "missing")
    with pytest.raises(UserError, match=r"holds none of \.txt"):
        everything(tmp_path)


def test_real_dialogues(real_data):
    folder = real_data / "phase2"
    found = list(files.read([folder / "daily_dialog-validation.parquet"], "validation"))
    found = found or everything(folder / "daily_dialog-validation.parquet")
    assert len(found) > 900 and all(isinstance(d, Conversation) for d in found)
    for document in found:
        roles = [message.role for message in document.messages]
        assert roles == ["user", "assistant"] * (len(roles) // 2)
