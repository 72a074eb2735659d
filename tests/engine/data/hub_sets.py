"""Small sets laid out as those of the hub are, and one who reads them."""

from __future__ import annotations

import base64
import io
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from engine.conversation import Conversation, Document, Message, Text
from engine.data.files import Split
from engine.data.hub import open_hub

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


def noise(characters: int, seed: int = 0) -> str:
    """Return text that cannot be packed to less than three quarters."""
    return base64.b64encode(random.Random(seed).randbytes(characters * 3 // 4)).decode()


def texts(documents: list[Document]) -> list[str]:
    return [document.content if isinstance(document, Text) else document.messages[-1].content for document in documents]
