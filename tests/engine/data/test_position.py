import gzip
import json
from itertools import pairwise
from pathlib import Path
from random import Random

import pyarrow
import pyarrow.parquet
import pytest

from engine.data import files
from engine.data.position import Position
from engine.data.spool import Spool
from engine.errors import UserError

DRAWN = Random(1)
TEXTS = [f"Text {number} says {DRAWN.randbytes(300).hex()}." for number in range(4000)]


def written(folder: Path, kind: str) -> Path:
    path = folder / f"a-train.{kind}"
    if kind == "parquet":
        pyarrow.parquet.write_table(pyarrow.table({"text": TEXTS}), path)
    elif kind == "csv":
        path.write_text("text\n" + "\n".join(TEXTS), "utf-8")
    elif kind == "txt":
        path.write_text("\n\n".join(TEXTS), "utf-8")
    elif kind == "jsonl.gz":
        path.write_bytes(gzip.compress("\n".join(json.dumps({"text": text}) for text in TEXTS).encode()))
    (folder / "b-validation.txt").write_text("Something else. " * 100, "utf-8")
    return folder


@pytest.mark.parametrize("kind", ["txt", "csv", "jsonl.gz", "parquet"])
def test_a_reader_says_how_far_it_is(tmp_path, kind):
    position = Position()
    assert position.share == 0
    documents = files.read([written(tmp_path, kind)], "train", position=position)
    shares = [position.share for _ in documents]
    assert all(before <= after for before, after in pairwise(shares))
    assert 0.2 < shares[len(shares) // 2] < 0.8, "half of the documents are about half of the bytes"
    assert shares[-1] > 0.7 and position.share == 1.0
    assert position.whole == next(tmp_path.glob("a-train*")).stat().st_size, "the other split's file does not count"


def test_a_set_of_the_hub_is_read_part_by_part(tmp_path):
    spool = Spool(tmp_path, {"set": "a"})
    for number in range(4):
        spool.add([{"text": f"{number} {word}"} for word in range(10)], number, 10, 10, number == 3)
    position = Position()
    shares = [position.share for _ in spool.lines(position)]
    assert shares[0] == 0 and 0.7 < shares[-1] < 0.8 and position.share == 1.0


def test_a_file_that_went_away_is_one_line(tmp_path, monkeypatch):
    folder = written(tmp_path, "txt")
    listed = files.list_files([folder])
    monkeypatch.setattr(files, "list_files", lambda _: listed)
    (folder / "a-train.txt").unlink()
    with pytest.raises(UserError, match=r"a-train\.txt: cannot be read"):
        list(files.read([folder], "train", position=Position()))
