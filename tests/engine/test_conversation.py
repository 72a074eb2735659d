from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.conversation import Conversation, Message, printable
from engine.errors import EngineError, UserError
from engine.transcript import save_transcript, to_json_line, to_markdown

TALK = Conversation((Message("system", "Be kind."), Message("user", "Hi"), Message("assistant", "Hello\nyou")))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x1b]0;title\x07", "]0;title"),
        ("one\r\ntwo\rthree\n", "one\ntwothree\n"),
        ("a\tb", "a    b"),
        ("\u202eevil\u2066", "evil"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("\u2028\u2029", ""),
        ("\ud800\ue000\x7f\x9b", ""),
        ("[b]not markup[/b]", "[b]not markup[/b]"),
        ("Grüße, 你好 ☃ 😀 e\u0301", "Grüße, 你好 ☃ 😀 e\u0301"),
    ],
)
def test_text_is_made_fit_for_a_terminal(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters()))
def test_no_control_character_survives_and_a_second_pass_changes_nothing(text: str) -> None:
    shown = printable(text)
    assert all(unicodedata.category(one) not in {"Cc", "Cf", "Cs", "Co"} for one in shown.replace("\n", ""))
    assert printable(shown) == shown


def test_a_conversation_as_markdown_and_as_a_line_of_json() -> None:
    assert to_markdown(TALK) == "**System:** Be kind.\n\n**You:** Hi\n\n**Model:** Hello\nyou\n"
    line = to_json_line(TALK)
    assert line.count("\n") == 1
    assert [Message(**message) for message in json.loads(line)["messages"]] == list(TALK.messages)


def test_a_transcript_replaces_a_file_only_when_told(tmp_path: Path) -> None:
    path = tmp_path / "talk.md"
    save_transcript(TALK, path)
    with pytest.raises(UserError, match="there is a file of this name"):
        save_transcript(TALK, path)
    save_transcript(Conversation(TALK.messages[:1]), path, replace=True)
    assert path.read_text() == "**System:** Be kind.\n"


@pytest.mark.parametrize("name", ["talk", "talk.txt", "missing/talk.md", "nul\0.md"])
def test_a_place_that_cannot_be_is_the_users_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError):
        save_transcript(TALK, tmp_path / name)


def test_a_full_disk_is_the_engines_error() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")

    class Named(type(full)):  # type: ignore[misc]
        suffix = ".md"

    with pytest.raises(EngineError, match="No space left"):
        save_transcript(TALK, Named(full), replace=True)
