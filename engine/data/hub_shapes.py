"""What is done to a row of a hub set, its columns already named by their roles, before it is read as a document.

What is not as expected is passed on as it is, so that `engine.data.rows.document_of` says what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Row = dict[str, Any]

_SPEAKER = re.compile(r"^\s*(User \d+)\s*:\s*", re.MULTILINE)
_BEFORE_MARK = re.compile(r"\s+(?=[.,!?;:)])")
_CUT_OFF = re.compile(r"(?<=\w)\s*([’'])\s+(s|t|m|d|re|ve|ll)\b")


def plain(row: Row) -> Row:
    """Leave a row as it is."""
    return row


def script(row: Row) -> Row:
    """Read a conversation in one string: lines that begin "User 1:" and "User 2:", and a persona a line a sentence."""
    turns, persona = row["turns"], row["persona"]
    if not isinstance(turns, str):
        return row
    _, *pieces = _SPEAKER.split(turns)
    sentences = persona.split("\n") if isinstance(persona, str) else persona
    return {"turns": pieces[1::2], "speakers": pieces[::2], "persona": sentences}


def spaced(row: Row) -> Row:
    """Close the spaces that a tokenised conversation has before its marks: "I ' m fine , thanks ."."""
    turns = row["turns"]
    if not isinstance(turns, list):
        return row
    return {**row, "turns": [_closed(turn) if isinstance(turn, str) else turn for turn in turns]}


def utterances(row: Row) -> Row:
    """Take what is said out of a record of lists, or a list of records, with a `text`."""
    turns = row["turns"]
    if isinstance(turns, Mapping):
        turns = turns.get("text")
    elif isinstance(turns, list):
        turns = [turn.get("text") if isinstance(turn, Mapping) else turn for turn in turns]
    return {**row, "turns": turns}


def explained(row: Row) -> Row:
    """Let the answer be followed by what explains it, instead of the question being preceded by it."""
    answer, support = row["answer"], row["context"]
    if not isinstance(answer, str) or not isinstance(support, str | None) or not answer.strip():
        return row
    sentence = answer.strip().rstrip(".")
    sentence = f"{sentence[0].upper()}{sentence[1:]}."
    return {"question": row["question"], "answer": f"{sentence} {support.strip()}" if support else sentence}


SHAPES: Mapping[str, Callable[[Row], Row]] = {
    shape.__name__: shape for shape in (plain, script, spaced, utterances, explained)
}


def _closed(turn: str) -> str:
    return _CUT_OFF.sub(r"\1\2", _BEFORE_MARK.sub("", turn)).strip()
