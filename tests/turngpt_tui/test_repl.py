from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import EngineError, UserError
from engine.recipe import load_recipe
from engine.reply import Reply
from engine.session import Session
from engine.status import Event, Sampling, Snapshot
from tests.turngpt_tui.fake import FakeEngine
from turngpt_tui import repl
from turngpt_tui.repl import Repl, answer_lines, wait_until_ready
from turngpt_tui.talk import Talk


def typed(*lines: str) -> Callable[[str], str]:
    """Stands in for `input`: the lines, then Ctrl-D; the line "^C" is the key."""
    rest = iter(lines)

    def read(prompt: str) -> str:
        assert prompt == "you> "
        line = next(rest, None)
        if line is None:
            raise EOFError
        if line == "^C":
            raise KeyboardInterrupt
        return line

    return read


def talk(folder: Path, engine: FakeEngine, *lines: str) -> tuple[Talk, str]:
    out = io.StringIO()
    chat = Talk(engine, folder, Sampling(seed=3))  # type: ignore[arg-type]
    Repl(chat, read=typed(*lines), out=out).run()
    return chat, out.getvalue()


def test_replies_are_printed_and_remembered(tmp_path: Path) -> None:
    engine = FakeEngine(answers=["Hi!", "Red."])
    chat, text = talk(tmp_path, engine, "Hello", "", "Which colour?")
    assert text == "Hi!\nRed.\n\n"
    assert [(one.role, one.content) for one in chat.conversation.messages] == [
        ("user", "Hello"),
        ("assistant", "Hi!"),
        ("user", "Which colour?"),
        ("assistant", "Red."),
    ]
    assert engine.asked[0][1].seed == 3


def test_ctrl_c_stops_the_reply_and_keeps_what_was_said(tmp_path: Path) -> None:
    chat, text = talk(tmp_path, FakeEngine(answers=["^C", "Yes."]), "Go on", "More?")
    assert text == "Hello the [stopped]\nYes.\n\n"
    assert chat.conversation.messages[1].content == "Hello the"


def test_ctrl_c_at_the_prompt_leaves(tmp_path: Path) -> None:
    engine = FakeEngine(answers=["never"])
    talk(tmp_path, engine, "^C", "Hello")
    assert engine.asked == []


def test_a_failed_reply_is_one_line_and_not_remembered(tmp_path: Path) -> None:
    chat, text = talk(tmp_path, FakeEngine(answers=["!too\nlong", "Hi."]), "x" * 9000, "Hello")
    assert "no reply: too long\n" in text
    assert [one.content for one in chat.conversation.messages] == ["Hello", "Hi."]


def test_control_characters_reach_neither_screen_nor_model(tmp_path: Path) -> None:
    engine = FakeEngine(answers=["\x1b[2Jboo\x07"])
    _, text = talk(tmp_path, engine, "\x1b[31mHello")
    assert "\x1b" not in text
    assert "\x07" not in text
    assert engine.asked[0][0].messages[0].content == "[31mHello"


def test_reset_begins_anew(tmp_path: Path) -> None:
    engine = FakeEngine(answers=["Hi.", "Hi again."])
    talk(tmp_path, engine, "Hello", "/reset", "Hello")
    assert len(engine.asked[1][0].messages) == 1


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("/frob now", "no command /frob; /help lists them\n"),
        ("/help", "/save [FILE]"),
        ("/save", "nothing was said yet\n"),
    ],
)
def test_commands_answer_in_words(tmp_path: Path, command: str, said: str) -> None:
    assert said in talk(tmp_path, FakeEngine(), command)[1]


def test_saving_as_json_lines_can_be_trained_on(tmp_path: Path) -> None:
    file = tmp_path / "talk.jsonl"
    talk(tmp_path, FakeEngine(answers=["Grüß dich!"]), "Hello", f"/save {file}")
    messages = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Grüß dich!"}]
    assert json.loads(file.read_text("utf-8")) == {"messages": messages}


def test_saving_again_replaces_its_own_file_but_no_other(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine.md", tmp_path / "other.md"
    other.write_text("precious")
    engine = FakeEngine(answers=["Hi.", "Bye."])
    _, text = talk(tmp_path, engine, "Hello", f"/save {mine}", "Bye", f"/save {mine}", f"/save {other}")
    assert mine.read_text() == "**You:** Hello\n\n**Model:** Hi.\n\n**You:** Bye\n\n**Model:** Bye.\n"
    assert other.read_text() == "precious"
    assert "give another name" in text


def test_saving_without_a_name_goes_into_the_folder(tmp_path: Path) -> None:
    talk(tmp_path, FakeEngine(answers=["Hi."]), "Hello", "/save")
    (file,) = tmp_path.glob("conversation-*.md")
    assert "Hi." in file.read_text()


@pytest.mark.parametrize("name", ["talk.txt", "missing/talk.md"])
def test_a_file_that_cannot_be_is_one_line(tmp_path: Path, name: str) -> None:
    _, text = talk(tmp_path, FakeEngine(answers=["Hi."]), "Hello", f"/save {tmp_path / name}")
    assert text.splitlines()[1].startswith(str(tmp_path / name))
    assert len(text.splitlines()) == 3


def test_a_pipe_gives_a_line_for_a_line() -> None:
    engine = FakeEngine(answers=["Hi\nthere.", "/help is text here."])
    out = io.StringIO()
    answer_lines(Talk(engine, Path()), ["Hello\n", "\n", "  \n", "/help\n"], out)  # type: ignore[arg-type]
    assert out.getvalue() == "Hi there.\n/help is text here.\n"
    assert len(engine.asked[1][0].messages) == 3


def test_a_pipe_can_begin_a_new_conversation() -> None:
    engine, out = FakeEngine(answers=["Hi.", "Hello."]), io.StringIO()
    answer_lines(Talk(engine, Path()), ["One\n", " /reset \n", "Two\n"], out)  # type: ignore[arg-type]
    assert out.getvalue() == "Hi.\nHello.\n"
    assert [message.content for message in engine.asked[1][0].messages] == ["Two"]


def test_a_pipe_ends_at_the_first_failure() -> None:
    with pytest.raises(EngineError, match="no room"):
        answer_lines(Talk(FakeEngine(answers=["!no room"]), Path()), ["Hello"], io.StringIO())  # type: ignore[arg-type]


def test_a_loaded_model_is_ready() -> None:
    wait_until_ready(FakeEngine(snapshot=Snapshot(can_chat=True)))  # type: ignore[arg-type]


def test_a_model_that_cannot_be_loaded_is_said() -> None:
    engine = FakeEngine(snapshot=Snapshot(state="failed", error="out of memory"))
    with pytest.raises(EngineError, match="no model could be loaded: out of memory"):
        wait_until_ready(engine)  # type: ignore[arg-type]


def test_checkpoints_that_are_all_damaged_are_said() -> None:
    engine = FakeEngine()
    engine.event_rows.append(Event(1, 0.0, "warning", "checkpoint", "step-000005: wrong checksum"))
    with pytest.raises(EngineError, match="wrong checksum"):
        wait_until_ready(engine)  # type: ignore[arg-type]


def test_an_engine_that_died_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeEngine()
    monkeypatch.setattr(repl, "LOOK_SECONDS", 0)
    monkeypatch.setattr(engine, "generate", lambda conversation: Reply())
    with pytest.raises(EngineError, match="ended too early"):
        wait_until_ready(engine)  # type: ignore[arg-type]


def test_a_session_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    session = Session.open(tmp_path, "demo", load_recipe("quick"))
    engine = FakeEngine()
    with pytest.raises(UserError, match="train it first: turngpt-tui --train-only --session demo"):
        repl.chat(engine, session, Sampling())  # type: ignore[arg-type]
    assert engine.calls == []


def test_chat_through_a_pipe_closes_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session = Session.open(tmp_path, "demo", load_recipe("quick"))
    (session.checkpoints / "step-000005").mkdir(parents=True)
    (session.checkpoints / "step-000005" / "manifest.json").write_text("{}")
    monkeypatch.setattr("sys.stdin", io.StringIO("Hello\n"))
    engine = FakeEngine(answers=["Hi."])
    engine.change(can_chat=True)
    assert repl.chat(engine, session, Sampling()) == 0  # type: ignore[arg-type]
    assert capsys.readouterr().out == "Hi.\n"
    assert engine.calls == ["open", "close"]
