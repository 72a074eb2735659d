from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import ContentSwitcher

from engine.conversation import printable
from engine.status import Event, Metric, Progress, Sample
from tests.turngpt_tui.console import NASTY, ConsoleEngine, running, screen_text, settle, training
from turngpt_tui.app import Console, farewell
from turngpt_tui.chat.prompt import Prompt

pytestmark = pytest.mark.usefixtures("steady")


def console(folder: Path, **changes: object) -> tuple[Console, ConsoleEngine]:
    engine = ConsoleEngine(folder, training(**changes))
    return Console(engine), engine  # type: ignore[arg-type]


async def test_the_engine_wakes_after_the_first_frame_and_does_not_train(tmp_path):
    engine = ConsoleEngine(tmp_path)
    app = Console(engine)  # type: ignore[arg-type]
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert engine.calls == ["open"]
        assert "Press s to start training." in screen_text(app)


@pytest.mark.parametrize(
    ("state", "key", "call"),
    [
        ("idle", "s", "start"),
        ("stopped", "s", "start"),
        ("failed", "s", "start"),
        ("training", "space", "pause"),
        ("paused", "space", "resume"),
        ("preparing", "x", "stop"),
        ("training", "x", "stop"),
        ("training", "w", "save"),
    ],
)
async def test_a_key_commands_the_engine(tmp_path, state, key, call):
    app, engine = console(tmp_path, state=state)
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press(key)
        assert engine.calls == ["open", call]


@pytest.mark.parametrize(("state", "keys"), [("idle", "x w space"), ("training", "s"), ("finished", "s x w space")])
async def test_keys_that_make_no_sense_do_nothing(tmp_path, state, keys):
    app, engine = console(tmp_path, state=state)
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press(*keys.split())
        assert engine.calls == ["open"]


async def test_letters_typed_in_the_chat_do_not_command_the_engine(tmp_path):
    app, engine = console(tmp_path)
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("c", *"sxwq?", "space")
        assert app.query_one(Prompt).value == "sxwq? "
        app.set_focus(None)
        await pilot.press("s", "x", "w", "space")
        assert engine.calls == ["open"]


async def test_everything_of_a_run_is_on_the_screen(tmp_path):
    app = Console(running(tmp_path))  # type: ignore[arg-type]
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        text = screen_text(app)
    for shown in (
        "demo · quick · cpu, fp32, compiled",
        "● training",
        "✓ foundation",
        "160/160",
        "perplexity < 1.5  now 1.75 ✗",
        "0.658  val 0.558  best 0.558",
        "6,031 tokens/s",
        "2m 47s  phase 1m 43s",
        "577 MB",
        "512 k  step 500 of 1,240",
        "model: I am fine, thank you. And you?",
        "12:02:50 the gate of foundation is open",
        "no space left",
        "conversation step 460: validation loss 0.706",
    ):
        assert text.count(shown) == 1, shown


async def test_a_preparation_shows_how_far_it_is(tmp_path):
    app, _ = console(tmp_path, state="preparing", progress=Progress("tokenising stories", 30, 60, eta_seconds=5))
    async with app.run_test() as pilot:
        await settle(pilot)
        assert "tokenising stories" in screen_text(app) and "50%  ETA 5s" in screen_text(app)


async def test_what_came_while_the_pane_was_hidden_is_laid_out_when_it_is_seen(tmp_path):
    app, engine = console(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f3")
        engine.event_rows.append(Event(1, 0.0, "info", "phase", "a line of the log"))
        engine.metric_rows += [Metric(n, n, "conversation", 0.0, train_loss=1.0) for n in range(1, 9)]
        engine.now = replace(engine.now, step=777)
        await settle(pilot)
        assert "a line of the log" not in screen_text(app)
        await pilot.press("f2")
        await settle(pilot)
        assert "a line of the log" in screen_text(app) and "777" in screen_text(app)


async def test_foreign_text_is_shown_as_it_is(tmp_path):
    app, engine = console(tmp_path, recipe=NASTY[0], device=NASTY[2], error="[x]", state="failed")
    async with app.run_test(size=(160, 50)) as pilot:
        for number, text in enumerate(NASTY, start=1):
            engine.event_rows.append(Event(number, 0.0, "info", "x", printable(text)))
            engine.sample_rows.append(Sample(number, 0.0, 1, text, (("user", text), ("[b]", text), ("text", text))))
        await settle(pilot)
        await pilot.press("f3")
        engine.change(can_chat=True)
        for text in NASTY:
            app.query_one(Prompt).value = text
            await pilot.press("enter")
            engine.replies[-1].grow(text, 1)
            engine.replies[-1].finish(text if "[/]" in text else "")
            await settle(pilot)
        drawn = screen_text(app)
    assert not any(character in drawn for character in "\x1b\x07\x9b\x00\r\u202e")
    assert "[a=1]" in drawn and "arr[i]" in drawn


async def test_a_small_terminal_is_told_so_and_can_be_left(tmp_path):
    app, engine = console(tmp_path)
    async with app.run_test(size=(40, 10)) as pilot:
        await settle(pilot)
        text = screen_text(app)
        assert "needs a terminal of 60 x 18" in text and "40 x 10" in text
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        assert "conversation" in screen_text(app)
        await pilot.resize_terminal(40, 10)
        await pilot.press("q")
    assert "close" in engine.calls


async def test_any_size_is_survived(tmp_path):
    app = Console(running(tmp_path))  # type: ignore[arg-type]
    async with app.run_test() as pilot:
        for size in ((1, 1), (60, 18), (61, 200), (300, 18), (20, 60), (80, 24)):
            await pilot.resize_terminal(*size)
            await settle(pilot)
            await pilot.press("ctrl+t")
        assert app.is_running


async def test_quitting_waits_for_the_engine_to_save(tmp_path):
    app, engine = console(tmp_path)
    engine.saving = True
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("q")
        await settle(pilot)
        assert engine.calls == ["open", "close"]
        assert "Saving" in screen_text(app) and app.is_running
        engine.saving = False
        app.look()
    assert app.return_value == 0 and "kill" not in engine.calls


@pytest.mark.parametrize("key", ["q", "ctrl+q", "ctrl+c"])
async def test_a_second_press_leaves_without_saving(tmp_path, key):
    app, engine = console(tmp_path)
    engine.saving = True
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press(key, key)
    assert engine.calls == ["open", "close", "kill"] and app.forced


async def test_quitting_from_the_chat_and_from_the_help(tmp_path):
    for keys in (("f3", "ctrl+q"), ("f3", "ctrl+c"), ("f1", "ctrl+q")):
        app, engine = console(tmp_path)
        async with app.run_test() as pilot:
            await settle(pilot)
            await pilot.press(*keys)
        assert engine.calls == ["open", "close"]


async def test_a_failure_is_the_exit_status(tmp_path):
    app, _ = console(tmp_path, state="failed", error="the data is empty")
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        assert "the data is empty" in screen_text(app)
        await pilot.press("q")
    assert app.return_value == 1


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
async def test_a_signal_saves_and_leaves(tmp_path, name):
    number = getattr(signal, name)
    app, engine = console(tmp_path)
    async with app.run_test() as pilot:
        await settle(pilot)
        os.kill(os.getpid(), number)
        await pilot.pause()
    assert engine.calls == ["open", "close"] and app.return_value == 128 + number


async def test_panes_are_changed_by_key_click_and_palette(tmp_path):
    app, _ = console(tmp_path)
    async with app.run_test(size=(100, 30)) as pilot:
        switcher = app.query_one(ContentSwitcher)
        for keys, pane in ((("f3",), "chat"), (("f2",), "train"), (("ctrl+t",), "chat"), (("ctrl+t",), "train")):
            await pilot.press(*keys)
            assert switcher.current == pane
        await pilot.click("#tab-chat")
        assert switcher.current == "chat" and app.query_one(Prompt).has_focus
        titles = [command.title for command in app.get_system_commands(app.screen)]
        assert {"Start", "Pause or resume", "Stop", "Save", "Train", "Chat", "Quit", "Theme"} <= set(titles)


async def test_every_theme_draws(tmp_path):
    app = Console(running(tmp_path))  # type: ignore[arg-type]
    async with app.run_test(size=(80, 24)) as pilot:
        for theme in app.available_themes:
            app.theme = theme
            app.action_open("train")  # draws everything at once
            await settle(pilot)
            assert "● conversation" in screen_text(app)


async def test_the_help_lists_the_keys_and_closes(tmp_path):
    app, _ = console(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("question_mark")
        await pilot.pause()
        text = screen_text(app)
        assert "save and stop" in text and "another reply to the last message" in text
        await pilot.press("escape")
        assert len(app.screen_stack) == 1


def test_the_farewell_says_how_to_go_on(tmp_path, monkeypatch):
    engine = ConsoleEngine(tmp_path / "demo", training())
    said = farewell(engine)  # type: ignore[arg-type]
    assert "saved at step 500 of 1,240" in said
    assert f"turngpt-tui chat --session demo --sessions-dir {tmp_path}\n" in said
    monkeypatch.setenv("TURNGPT_SESSIONS", str(tmp_path))
    assert "turngpt-tui --session demo\n" in farewell(engine)  # type: ignore[arg-type]
    engine.session.checkpoint_steps = lambda: [1240]
    assert "demo: done" in farewell(engine)  # type: ignore[arg-type]
    engine.session.checkpoint_steps = list
    assert farewell(engine) == "session demo: nothing was saved\n"  # type: ignore[arg-type]
