from __future__ import annotations

import bz2
import gzip
import json
import lzma
import tracemalloc
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from engine.conversation import Conversation, Message, Text
from engine.data import readers
from engine.data.readers import PARAGRAPH_CHARACTERS, documents_in, name_and_format
from engine.errors import UserError


def zstd(content: bytes) -> bytes:
    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, "zstd") as packed:
        packed.write(content)
    return sink.getvalue().to_pybytes()


PACKED = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstd}


def one(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def parquet(path: Path, columns: dict, **how) -> Path:
    pyarrow.parquet.write_table(pyarrow.table(columns), path, **how)
    return path


def contents(path: Path, columns: dict[str, str] | None = None) -> list[str]:
    return [document.content for document in documents_in(path, columns)]


def talk(user: str, assistant: str) -> Conversation:
    return Conversation((Message("user", user), Message("assistant", assistant)))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.txt", ("a", ".txt")),
        ("a-train.JSONL.Gz", ("a-train", ".jsonl")),
        ("a.b.tsv.zst", ("a.b", ".tsv")),
        ("a.parquet", ("a", ".parquet")),
        ("a.parquet.gz", ("a", "")),
        ("a.gz", ("", "")),
        ("a.docx", ("a", "")),
        ("txt", ("", "")),
    ],
)
def test_formats_are_told_by_the_name(name, found):
    assert name_and_format(Path(name)) == found


@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize(
    ("ending", "content"),
    [
        (".txt", "Grüße.\n\n" + "Hi. " * 400),
        (".md", "Grüße.\n\n" + "Hi. " * 400),
        (".jsonl", '{"text": "Grüße."}\n\n{"text": "' + "Hi. " * 400 + '"}\n'),
        (".csv", "n,text\r\n1,Grüße.\r\n\r\n2," + "Hi. " * 400 + "\r\n"),
        (".tsv", "n\ttext\n1\tGrüße.\n2\t" + "Hi. " * 400 + "\n"),
    ],
)
def test_every_text_format_is_read_packed_too_and_with_a_byte_order_mark(tmp_path, ending, content, packing):
    path = one(tmp_path / f"a{ending}{packing}", PACKED[packing](b"\xef\xbb\xbf" + content.encode()))
    assert contents(path) == ["Grüße.", ("Hi. " * 400).strip()]


# Text


def test_paragraphs_are_joined_to_documents(tmp_path):
    long = "Long word. " * 200
    found = contents(one(tmp_path / "a.txt", f"One\n line.\n\n \t\nTwo.\n\n{long}\n\nThree."))
    assert found == ["One line.\nTwo.", long.strip(), "Three."]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_they_do_on_any_system(tmp_path, end):
    assert contents(one(tmp_path / "a.txt", f"One{end}line.{end}{end}Two.{end}")) == ["One line.\nTwo."]


@pytest.mark.parametrize("wrapped", [" ", "\n"])
def test_a_long_paragraph_is_cut_at_the_ends_of_sentences(tmp_path, wrapped):
    sentence = f'He{wrapped}said: "It is 3.5 metres long and no more." '
    found = contents(one(tmp_path / "a.txt", sentence * 5000))
    assert " ".join(found) == (sentence * 5000).replace("\n", " ").strip()
    assert all(PARAGRAPH_CHARACTERS < len(text) <= 2 * PARAGRAPH_CHARACTERS for text in found[:-1])
    assert all(text.startswith("He said") and text.endswith('more."') for text in found)


@pytest.mark.parametrize(
    ("unit", "between"), [("sevenths ", " "), ("x", ""), ("é", ""), ("句。", ""), ("zero\u200bwidth ", " ")]
)
def test_a_line_without_an_end_is_documents_of_bounded_length(tmp_path, unit, between):
    content = unit * 100_000
    found = contents(one(tmp_path / "a.txt", content))
    assert "".join(found).replace(" ", "") == content.replace(" ", "").replace("\u200b", "")
    assert max(map(len, found)) <= 2 * PARAGRAPH_CHARACTERS
    assert all(unit != "句。" or text.endswith("。") for text in found)
    assert not between or all(text.split(between)[-1] == found[0].split(between)[0] for text in found)


def test_a_million_lines_of_one_character_are_read(tmp_path):
    """With work that grows by the square of the lines this would not end."""
    path = one(tmp_path / "a.txt", "a\n" * 1_000_000)
    assert sum(text.count("a") for text in contents(path)) == 1_000_000


MEGABYTES = 20
SENTENCE = "The cat sat on the mat and looked at the moon, which was round. "


@pytest.mark.parametrize(
    ("name", "head", "row"),
    [
        ("a.txt", "", f"{SENTENCE}\n" * 20 + "\n"),
        ("line.txt", "", SENTENCE * 20),
        ("a.jsonl", "", json.dumps({"text": SENTENCE * 20}) + "\n"),
        ("a.csv", "text,n\n", f'"{SENTENCE * 20}",1\n'),
        ("a.txt.gz", "", f"{SENTENCE}\n" * 20 + "\n"),
    ],
    ids=["lines", "one line", "jsonl", "csv", "gzip"],
)
def test_memory_does_not_grow_with_the_file(tmp_path, name, head, row):
    packing = PACKED.get(Path(name).suffix, bytes)
    path = one(tmp_path / name, packing((head + row * (MEGABYTES * 1_000_000 // len(row))).encode()))
    tracemalloc.start()
    try:
        read = sum(len(document.content) for document in documents_in(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert read > 0.9 * MEGABYTES * 1e6
    assert peak < 1_500_000


def test_memory_of_a_parquet_file_of_one_row_group_does_not_grow_with_it(tmp_path):
    texts = [f"{number} {SENTENCE * 20}" for number in range(15_000)]
    path = parquet(tmp_path / "a.parquet", {"text": texts}, compression="none", use_dictionary=False)
    before = pyarrow.total_allocated_bytes()
    held = 0
    tracemalloc.start()
    try:
        for document in documents_in(path):
            assert document.content.endswith("round.")
            held = max(held, pyarrow.total_allocated_bytes() - before)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 0 < held + peak < 10_000_000 < path.stat().st_size


# Tables


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_csv_has_the_columns_of_any_rows(tmp_path, separator):
    def row(*fields: str) -> str:
        return separator.join('"' + field.replace('"', '""') + '"' for field in fields) + "\r\n"

    said = json.dumps([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}])
    path = one(
        tmp_path / "a.csv",
        f"question{separator} answer{separator}turns{separator}messages{separator}text\r\n"
        + row("Who\nis it?", 'He said: "me".', "", "", "")
        + row("", "", '["c", "d"]', "", "")
        + row("", "", "", said, "")
        + row("", "", "", "", "A text,\r\n\r\nover lines.")
        + row("", "", "", "", ""),
    )
    assert list(documents_in(path)) == [
        talk("Who\nis it?", 'He said: "me".'),
        talk("c", "d"),
        talk("a", "b"),
        Text("A text,\n\nover lines."),
    ]


def test_a_field_of_a_csv_may_be_large(tmp_path):
    path = one(tmp_path / "a.csv", 'text\n"' + "word\n" * 100_000 + '"\n')
    assert [len(text) for text in contents(path)] == [499_999]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet"])
def test_columns_take_the_roles_they_are_given(tmp_path, name):
    rows = {"prompt": ["Who?", "What?"], "reply": ["Me.", "That."], "text": ["no", "no"]}
    if name == "a.parquet":
        path = parquet(tmp_path / name, rows)
    elif name == "a.csv":
        path = one(tmp_path / name, "prompt,reply,text\nWho?,Me.,no\nWhat?,That.,no\n")
    else:
        each = [dict(zip(rows, values, strict=True)) for values in zip(*rows.values(), strict=True)]
        path = one(tmp_path / name, "\n".join(map(json.dumps, each)))
    columns = {"question": "prompt", "answer": "reply"}
    assert list(documents_in(path, columns)) == [talk("Who?", "Me."), talk("What?", "That.")]
    with pytest.raises(UserError, match=r"(no column 'asked'|holds nothing to train on).* prompt, reply, text"):
        list(documents_in(path, {"question": "asked", "answer": "reply"}))


def test_parquet_reads_lists_structures_dictionaries_and_nulls(tmp_path):
    said = [[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], None, None, None]
    columns = {
        "messages": said,
        "turns": pyarrow.array([None, ["c", None, "d"], None, None], pyarrow.large_list(pyarrow.large_string())),
        "text": pyarrow.array([None, None, "A text.", None]).dictionary_encode(),
        "other": [1.5, None, 2.5, 3.5],
    }
    found = list(documents_in(parquet(tmp_path / "a.parquet", columns)))
    assert found == [talk("a", "b"), Text("A text.")]
    columns["turns"] = pyarrow.array([None, ["c", "d"], None, None])
    assert list(documents_in(parquet(tmp_path / "a.parquet", columns)))[1] == talk("c", "d")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", '{"text": null, "body": "x"}\n{"text": " ", "body": "x"}'),
        ("a.csv", "text,body\n,x\n ,x\n"),
        ("a.parquet", {"text": pyarrow.array([None, " "], pyarrow.string()), "body": ["x", "x"]}),
    ],
)
def test_rows_that_say_nothing_are_passed_over_unless_all_do(tmp_path, name, content):
    path = parquet(tmp_path / name, content) if isinstance(content, dict) else one(tmp_path / name, content)
    with pytest.raises(UserError, match=r"holds nothing to train on .* in its columns body, text"):
        list(documents_in(path))


# What is wrong


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"", "holds no text"),
        ("a.txt", b" \n\x07\n", "holds no text"),
        ("a.txt.gz", b"", "holds no text"),
        ("a.txt.xz", b"", "damaged or cut off"),
        ("a.txt", b"ab\0cd", "line 1: binary data"),
        ("a.txt", b"ab\n" * 100_000 + b"a\0b", "line 100001: binary data"),
        ("a.txt", b"fine\ncaf\xe9", r"line 2: not UTF-8 \(byte 0xe9 at 4\); save the file in the encoding UTF-8"),
        ("a.txt", b"fine\n\ncaf\xe9 au lait\n", r"line 3: not UTF-8 \(byte 0xe9 at 4\)"),
        ("a.txt", "é".encode() * 1_000_000 + b"\xe9 ", r"line 1: not UTF-8 \(byte 0xe9 at 2000001\)"),
        ("a.txt.bz2", bz2.compress(b"fine\ncaf\xe9"), r"line 2: not UTF-8 \(byte 0xe9 at 4\)"),
        ("a.txt", "Grüße".encode("utf-16"), r"line 1: not UTF-8 \(byte 0xff at 1\)"),
        ("a.jsonl", b'{"text": "a"}\n{"text": "caf\xe9"}', r"line 2: not UTF-8 \(byte 0xe9 at 14\)"),
        ("a.jsonl", b"", "is empty"),
        ("a.jsonl", b"\n\n", "is empty"),
        ("a.jsonl", b'{"text": "a"}\n{"text": \n', r"line 2, column \d+: not valid JSON"),
        ("a.jsonl", b"[1]", "line 1: expected an object, found list"),
        ("a.jsonl", b'{"other": 1}', "line 1: none of the columns text, messages"),
        ("a.jsonl", b'{"text": "a"}\n\n{"text": 5}', "line 3: 'text' must be a string, not int"),
        ("a.jsonl", b'{"a":' * 100_000, r"line 1: not valid JSON \(nested too deeply\)"),
        ("a.jsonl", b'{"text": ' + b"9" * 10_000 + b"}", "line 1: not valid JSON .a number of too many digits"),
        ("a.csv", b"", "is empty"),
        ("a.csv", b"\n\n", "is empty"),
        ("a.csv", b"text\n", "is empty"),
        ("a.csv", b"a,b\n1,2", "none of the columns text, .* it has a, b"),
        ("a.csv", b"text,n\nx,1\n\nx,1,2\n", "line 4: 3 fields, 2 in the header"),
        ("a.csv", b'text,n\n"x\ny",1\nx\n', "line 4: 1 fields, 2 in the header"),
        ("a.csv", b'text,n\nx,1\n"x" y,1\n', "line 3: not valid CSV .* is a quote left open"),
        ("a.csv", b'text,n\nx,1\n"x,1\nx,1\n', "lines 3 to 4: not valid CSV .* is a quote left open"),
        ("a.csv", b'turns\n"[""a"", ""b""]"\n"a, b"\n', "line 3: 'turns' must be a list; as a string, one of JSON"),
        ("a.csv", b"text\nab\0cd\n", "line 2: binary data"),
        ("a.parquet", b"", "not a readable parquet file"),
        ("a.parquet", b"PAR1 not really", "not a readable parquet file"),
        ("a.parquet", {"title": ["x"], "length": [1]}, "none of the columns text, .* it has length, title"),
        ("a.parquet", {"text": pyarrow.array([], pyarrow.string())}, "is empty"),
        ("a.parquet", {"text": [1]}, "row 1: 'text' must be a string, not int"),
        ("a.parquet", {"text": [b"x"]}, "row 1: 'text' must be a string, not bytes"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_wrong_is_one_line_that_names_the_place(tmp_path, name, content, message):
    path = parquet(tmp_path / name, content) if isinstance(content, dict) else one(tmp_path / name, content)
    with pytest.raises(UserError, match=message) as caught:
        list(documents_in(path))
    assert "\n" not in str(caught.value) and str(path) in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize(("name", "row"), [("a.jsonl", '{"text": "%s"}'), ("a.csv", 'text\n"%s"')])
def test_a_line_has_a_greatest_length(tmp_path, monkeypatch, name, row):
    monkeypatch.setattr(readers, "LINE_CHARACTERS", 5000)
    assert contents(one(tmp_path / name, row % ("x" * 4900))) == ["x" * 4900]
    with pytest.raises(UserError, match=r"line \d: longer than 5,000 characters"):
        contents(one(tmp_path / name, row % ("x" * 5000)))


def test_a_quote_that_is_never_closed_does_not_read_on_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "LINE_CHARACTERS", 5000)
    path = one(tmp_path / "a.csv", 'text,n\nx,1\n"x,1\n' + "x,1\n" * 100_000)
    with pytest.raises(UserError, match=r"lines 3 to 12\d\d: not valid CSV .*limit.* is a quote left open"):
        contents(path)


@pytest.mark.parametrize("packing", [".gz", ".bz2", ".xz", ".zst"])
@pytest.mark.parametrize("damage", ["cut", "overwritten", "another"])
def test_a_damaged_packed_file_is_said_to_be_damaged(tmp_path, packing, damage):
    whole = PACKED[packing](b"".join(b'{"text": "%x"}\n' % 3**number for number in range(500)))
    middle = len(whole) // 2
    broken = {
        "cut": whole[:middle],
        "overwritten": whole[:middle] + bytes(64) + whole[middle + 64 :],
        "another": b"no such format",
    }
    with pytest.raises(UserError, match=r"damaged or cut off|binary data|not valid JSON") as caught:
        list(documents_in(one(tmp_path / f"a.jsonl{packing}", broken[damage])))
    assert "\n" not in str(caught.value)
    assert damage == "overwritten" or "damaged or cut off" in str(caught.value)


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv"])
def test_a_file_that_shrinks_while_it_is_read_is_noticed(tmp_path, name):
    row = json.dumps({"text": SENTENCE}) + "\n" if name == "a.jsonl" else f"{SENTENCE}\n\n"
    path = one(tmp_path / name, ("text,\n" if name == "a.csv" else "") + row.replace("moon,", "moon") * 10_000)
    if name == "a.csv":
        one(path, "text,n\n" + "word,1\n" * 100_000)
    documents = documents_in(path)
    next(documents)
    with path.open("r+b") as file:
        file.truncate(100)
    with pytest.raises(UserError, match="became shorter while it was read"):
        list(documents)


@pytest.mark.parametrize(("damage", "compression"), [("cut while read", "none"), ("overwritten", "zstd")])
def test_a_damaged_parquet_file_is_said_to_be_damaged(tmp_path, damage, compression):
    texts = [f"{number} {3 ** (2000 + number):x}" for number in range(4000)]
    path = parquet(tmp_path / "a.parquet", {"text": texts}, compression=compression, use_dictionary=False)
    if damage == "overwritten":
        whole = path.read_bytes()
        one(path, whole[: len(whole) // 2] + bytes(64) + whole[len(whole) // 2 + 64 :])
    documents = documents_in(path)
    next(documents)
    if damage == "cut while read":
        with path.open("r+b") as file:
            file.truncate(1000)
    with pytest.raises(UserError, match="not a readable parquet file") as caught:
        list(documents)
    assert "\n" not in str(caught.value)


def test_a_parquet_column_that_is_no_utf8_is_said_so(tmp_path):
    path = parquet(tmp_path / "a.parquet", {"text": ["caf#"] * 10}, compression="none", use_dictionary=False)
    one(path, path.read_bytes().replace(b"caf#", b"caf\xe9"))
    with pytest.raises(UserError, match="not a readable parquet file"):
        list(documents_in(path))
