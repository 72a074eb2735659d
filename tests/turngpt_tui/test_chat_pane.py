from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.turngpt_tui.console import ConsoleEngine, screen_text, settle, training
from turngpt_tui.app import Console
from turngpt_tui.chat.message import MessageView
from turngpt_tui.chat.prompt import Prompt

pytestmark = pytest.mark.usefixtures("steady")


def chatting(folder: Path, **changes: object) -> tuple[Console, ConsoleEngine]:
    engine = ConsoleEngine(folder, training(**changes))
    return Console(engine), engine  # type: ignore[arg-type]


async def say(pilot: Pilot[Any], text: str) -> None:
    pilot.app.query_one(Prompt).value = text
    await pilot.press("enter")
    await settle(pilot)


async def reply(pilot: Pilot[Any], engine: ConsoleEngine, text: str) -> None:
    """Let the model finish its newest reply."""
    engine.replies[-1].grow(text, len(text.split()))
    engine.replies[-1].finish()
    await settle(pilot)


def asked(engine: ConsoleEngine) -> list[list[str]]:
    return [[message.content for message in conversation.messages] for conversation, _ in engine.asked]


async def test_a_reply_streams_and_becomes_part_of_the_conversation(tmp_path):
    app, engine = chatting(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("c")
        await say(pilot, "Hello")
        assert "waiting for the first token" in screen_text(app)
        engine.replies[0].grow("Hello! How", 3)
        await settle(pilot)
        assert "model  Hello! How▌" in screen_text(app)
        engine.replies[0].grow("Hello! How are you?", 6)
        engine.replies[0].finish()
        await settle(pilot)
        text = screen_text(app)
        assert "you    Hello" in text and "model  Hello! How are you?\n" in text
        assert "model of step 500, training · 6 tokens, " in text and "first after " in text
        await say(pilot, "Fine.")
    assert asked(engine) == [["Hello"], ["Hello", "Hello! How are you?", "Fine."]]


async def test_escape_stops_a_reply_and_keeps_what_was_said(tmp_path):
    app, engine = chatting(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("c")
        await say(pilot, "Tell me a story")
        engine.replies[0].grow("Once upon", 2)
        await pilot.press("escape")
        assert engine.replies[0].cancelled
        await say(pilot, "too early")
        assert "Esc stops it" in screen_text(app)
        engine.replies[0].finish()
        await settle(pilot)
        assert "Once upon  [stopped]" in screen_text(app)
        await pilot.press("enter")
        await settle(pilot)
    assert asked(engine)[-1] == ["Tell me a story", "Once upon", "too early"]


async def test_another_reply_replaces_the_last(tmp_path):
    app, engine = chatting(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("c", "ctrl+r")
        await settle(pilot)
        assert "nothing was said yet" in screen_text(app)
        await say(pilot, "Hello")
        await reply(pilot, engine, "Moo.")
        await pilot.press("ctrl+r")
        await reply(pilot, engine, "Hello!")
        text = screen_text(app)
        assert "Moo." not in text and "Hello!" in text
    assert asked(engine) == [["Hello"], ["Hello"]]


async def test_a_failed_reply_says_why_and_the_message_can_be_sent_again(tmp_path):
    app, engine = chatting(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("c")
        await say(pilot, "Hello")
        engine.replies[0].finish("the message is too long")
        await settle(pilot)
        assert "[the message is too long]" in screen_text(app)
        await pilot.press("up")
        assert app.query_one(Prompt).value == "Hello"
        await pilot.press("enter")
    assert asked(engine) == [["Hello"], ["Hello"]]


async def test_without_a_model_what_was_typed_stays(tmp_path):
    app, engine = chatting(tmp_path, can_chat=False, state="idle")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("c")
        await say(pilot, "Hello")
        await say(pilot, "Hello")
        assert app.query_one(Prompt).value == "Hello"
        assert screen_text(app).count("There is no model to talk to yet") == 1
    assert engine.asked == []


async def test_reset_save_and_unknown_commands(tmp_path):
    app, engine = chatting(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("c")
        await say(pilot, "/save")
        await say(pilot, "Hello")
        await reply(pilot, engine, "Hello!")
        await say(pilot, f"/save {tmp_path / 'talk.jsonl'}")
        await say(pilot, "/save /nowhere/at/all.md")
        await say(pilot, "/dance [b]")
        await say(pilot, "/help")
        text = screen_text(app)
        assert "nothing was said yet" in text and "saved as" in text and "cannot be written" in text
        assert "no command /dance; /help lists them" in text and "/again" in text
        await say(pilot, "/reset")
        assert [view.said for view in app.query(MessageView)] == [("note", "a new conversation")]
        await say(pilot, "Again")
    assert '"content": "Hello!"' in (tmp_path / "talk.jsonl").read_text()
    assert asked(engine)[-1] == ["Again"]


async def test_a_reset_drops_the_reply_in_the_making(tmp_path):
    app, engine = chatting(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press("c")
        await say(pilot, "Hello")
        await say(pilot, "/reset")
        await reply(pilot, engine, "late")
        assert engine.replies[0].cancelled and "late" not in screen_text(app)
        await say(pilot, "New")
    assert asked(engine)[-1] == ["New"]


async def test_a_long_conversation_keeps_the_newest_in_view(tmp_path):
    app, engine = chatting(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("c")
        for number in range(120):
            await say(pilot, f"message {number}")
            engine.replies[-1].grow(f"reply {number}", 1)
            engine.replies[-1].finish()
            app.query_one("ChatPane").look_at_reply()  # type: ignore[attr-defined]
        await settle(pilot)
        assert "reply 119" in screen_text(app)
        assert len(app.query(MessageView)) <= 200
        await pilot.press("pageup")
        await settle(pilot)
        assert "reply 119" not in screen_text(app)
    assert len(asked(engine)[-1]) == 239


async def test_typed_lines_come_back(tmp_path):
    app, _ = chatting(tmp_path)
    async with app.run_test() as pilot:
        await pilot.press("c")
        await say(pilot, "/help")
        await say(pilot, "/help")
        await say(pilot, "/reset")
        prompt = app.query_one(Prompt)
        for key, value in (("up", "/reset"), ("up", "/help"), ("up", "/help"), ("down", "/reset"), ("down", "")):
            await pilot.press(key)
            assert prompt.value == value
