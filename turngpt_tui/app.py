"""The console: a Textual app that looks at an engine and passes on what a person wants of it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Footer

from engine.status import Snapshot, State
from turngpt_tui.arguments import command_line
from turngpt_tui.chat.pane import ChatPane
from turngpt_tui.chat.prompt import Prompt
from turngpt_tui.help import HelpScreen
from turngpt_tui.output import one_line
from turngpt_tui.saving import SavingScreen
from turngpt_tui.terminal import own_stderr
from turngpt_tui.theme import DARK
from turngpt_tui.train.pane import TrainPane
from turngpt_tui.widgets.literal import Literal

if TYPE_CHECKING:
    from engine.engine import Engine

LOOKS_PER_SECOND = 5
FORCED_SECONDS = 3.0
FORCED_STATUS = 1
LEAST_WIDTH, LEAST_HEIGHT = 60, 18
STATE_STYLES = {
    "idle": "$text-muted",
    "preparing": "$accent",
    "training": "$success",
    "paused": "$warning",
    "finished": "$success",
    "stopped": "$warning",
    "failed": "$error",
    "closed": "$text-muted",
}
STATES_OF: dict[str, set[State]] = {
    "start": {"idle", "stopped", "failed"},
    "hold": {"training", "paused"},
    "stop": {"preparing", "training", "paused"},
    "save": {"training", "paused"},
}
"""In which states of the engine an action makes sense."""


class Tab(Literal):
    """The name of a pane; a click opens it."""

    def __init__(self, pane: str, label: str) -> None:
        super().__init__(label, id=f"tab-{pane}", classes="tab")
        self._pane = pane

    async def on_click(self) -> None:
        """Open the pane."""
        await self.run_action(f"app.open('{self._pane}')")


class Console(App[int]):
    """Train and Chat panes over one engine."""

    TITLE = "TurnGPT"
    AUTO_FOCUS = ""
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012 - as Textual declares it
        (0, "-low"),
        (30, "-middle"),
        (45, "-high"),
    ]
    CSS_PATH = [  # noqa: RUF012 - as Textual declares it
        "app.tcss",
        "train/train.tcss",
        "chat/chat.tcss",
    ]
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "start", "Start", id="train.start"),
        Binding("space", "hold", "Pause", id="train.hold"),
        Binding("x", "stop", "Stop", id="train.stop"),
        Binding("w", "save", "Save", id="train.save"),
        Binding("c", "open('chat')", "Chat", id="train.chat", show=False),
        Binding("f1,question_mark", "help", "Help", id="help", key_display="F1"),
        Binding("f2", "open('train')", "Train", id="open.train", key_display="F2"),
        Binding("f3", "open('chat')", "Chat", id="open.chat", key_display="F3"),
        Binding("ctrl+t", "other", "Other pane", id="open.other", show=False),
        Binding("q", "quit", "Quit", id="quit.q"),
        Binding("ctrl+q", "quit", "Quit", id="quit", show=False, priority=True),
        Binding("ctrl+c", "quit", "Quit", id="quit.c", show=False),  # where it copies, a selection comes first
    ]

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine
        self.forced = False
        """True once a person would not wait for the engine to save."""
        self._leaving = False
        self._signal = 0
        self._now: Snapshot = engine.snapshot()
        self._bar = "", ""
        self._panes = ContentSwitcher(id="panes", initial="train")
        self._train = TrainPane(engine, id="train")
        self._chat = ChatPane(engine, engine.session.path, id="chat")
        self.register_theme(DARK)
        self.theme = DARK.name

    def compose(self) -> ComposeResult:
        """Lay the bar, the panes and the footer out."""
        with Horizontal(id="bar"):
            yield Literal("TurnGPT", id="brand")
            yield Tab("train", "Train")
            yield Tab("chat", "Chat")
            yield Literal(id="about")
            yield Literal(id="state")
        with self._panes:
            yield self._train
            yield self._chat
        yield Footer(show_command_palette=False)
        yield Literal(id="small")

    def on_mount(self) -> None:
        """Draw once, then wake the engine and look at it."""
        self._mark_tab()
        self._heed_signals()
        self.set_interval(1 / LOOKS_PER_SECOND, self.look)
        self.call_after_refresh(self._wake)

    @property
    def _main(self) -> Screen[object]:
        """The screen with the panes, whatever lies above it."""
        return self.screen_stack[0]

    def _wake(self) -> None:
        if not self._leaving:
            self._engine.open()

    def look(self) -> None:
        """Draw what changed since the last look; leave once the engine has ended."""
        now = self._engine.snapshot()
        before, self._now = self._now, now
        self._chat.look(now)
        self._train.look(now)
        self._draw_bar(now)
        if now.state != before.state:
            self.refresh_bindings()
        if self._leaving and self._engine.join(0):
            self._leave()

    def on_resize(self, event: events.Resize) -> None:
        """Say so where there is no room for the panes."""
        small = event.size.width < LEAST_WIDTH or event.size.height < LEAST_HEIGHT
        self._main.set_class(small, "-small")
        self._main.query_one("#small", Literal).update(
            f"TurnGPT needs a terminal of {LEAST_WIDTH} x {LEAST_HEIGHT};\nthis one is {event.size.width} x"
            f" {event.size.height}.\nMake it larger, or press q to quit."
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer training's actions in the Train pane, and only those that the engine's state allows."""
        del parameters
        if action in STATES_OF:
            return self._panes.current == "train" and self._now.state in STATES_OF[action]
        return True

    def action_start(self) -> None:
        """Begin training, or go on."""
        self._engine.start()

    def action_hold(self) -> None:
        """Pause, or resume."""
        if self._engine.snapshot().state == "paused":
            self._engine.resume()
        else:
            self._engine.pause()

    def action_stop(self) -> None:
        """Save and stop training."""
        self._engine.stop()

    def action_save(self) -> None:
        """Write a checkpoint."""
        self._engine.save()

    def action_open(self, pane: str) -> None:
        """Show a pane and put the cursor where it belongs."""
        self._panes.current = pane
        self._mark_tab()
        if pane == "chat":
            self._chat.query_one(Prompt).focus()
        else:
            self.set_focus(None)
            self.call_after_refresh(self._train.show, self._now)
        self.refresh_bindings()

    def action_other(self) -> None:
        """Show the pane that is not shown."""
        self.action_open("train" if self._panes.current == "chat" else "chat")

    def action_help(self) -> None:
        """Show the keys."""
        self.push_screen(HelpScreen())

    async def action_quit(self) -> None:
        """Save and leave; asked once more, leave at once."""
        if self._leaving:
            self.forced = True
            self._engine.kill()
            self._leave()
            return
        self._leaving = True
        self._engine.close()
        if self._engine.join(0):
            self._leave()
        else:
            self.push_screen(SavingScreen())

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Add what the keys do to the command palette."""
        yield from super().get_system_commands(screen)
        yield SystemCommand("Start", "Begin training, or go on", self.action_start)
        yield SystemCommand("Pause or resume", "Hold training between two steps", self.action_hold)
        yield SystemCommand("Stop", "Save and stop training; the chat still works", self.action_stop)
        yield SystemCommand("Save", "Write a checkpoint now", self.action_save)
        yield SystemCommand("Train", "Show the Train pane", lambda: self.action_open("train"))
        yield SystemCommand("Chat", "Show the Chat pane", lambda: self.action_open("chat"))

    def _draw_bar(self, now: Snapshot) -> None:
        about = f"{now.session} · {now.recipe}" + (f" · {one_line(now.device)}" if now.device else "")
        state = "saving" if self._leaving and now.state != "closed" else now.state
        if (about, state) != self._bar:
            self._bar = about, state
            self._main.query_one("#about", Literal).show(about)
            self._main.query_one("#state", Literal).update(Content.styled(f"● {state}", STATE_STYLES[now.state]))

    def _mark_tab(self) -> None:
        here = self._panes.current
        for pane in ("train", "chat"):
            self._main.query_one(f"#tab-{pane}").set_class(pane == here, "-here")

    def _heed_signals(self) -> None:
        """Save and leave when told to end, as when the terminal goes away."""
        loop = asyncio.get_running_loop()
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None:
                with suppress(NotImplementedError, RuntimeError, ValueError):  # not on Windows or off the main thread
                    loop.add_signal_handler(number, self._on_signal, number)

    def _on_signal(self, number: int) -> None:
        self._signal = number
        self.run_worker(self.action_quit(), name="quit")

    def _leave(self) -> None:
        now = self._engine.snapshot()
        failed = now.error and not self._signal
        self.exit(128 + self._signal if self._signal else 1 if failed else 0)


def run(engine: Engine) -> int:
    """Open the console on an engine and return the exit status once it is left."""
    console = Console(engine)
    try:
        with own_stderr(engine.session.log):
            status = console.run()
    finally:
        engine.close()  # however the app ended, what was trained is saved
        ended = engine.join(FORCED_SECONDS if console.forced else None)
    with suppress(OSError):  # the terminal may be gone
        sys.stdout.write(farewell(engine))
        sys.stdout.flush()
    if not ended:
        os._exit(FORCED_STATUS)  # the thread is deep in native code, which an orderly exit would wait for or crash in
    return console.return_code or 0 if status is None else status


def farewell(engine: Engine) -> str:
    """Return what to say after the console is gone: where things are and how to go on."""
    now = engine.snapshot()
    name = engine.session.name
    steps = engine.session.checkpoint_steps()
    if not steps:
        return f"session {name}: nothing was saved\n"
    state = "done" if steps[-1] >= now.steps else f"saved at step {steps[-1]:,} of {now.steps:,}"
    return (
        f"session {name}: {state}\n"
        f"  to go on    {command_line(engine.session.path)}\n"
        f"  to talk     {command_line(engine.session.path, 'chat')}\n"
    )
