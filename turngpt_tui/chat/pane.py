"""The Chat pane: a conversation with the model as it is now, also while it trains."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.timer import Timer
from textual.widgets import Input

from engine.errors import EngineError, UserError
from engine.status import Snapshot
from turngpt_tui.chat.message import MessageView, figures_of, note_on
from turngpt_tui.chat.prompt import Prompt
from turngpt_tui.output import one_line
from turngpt_tui.talk import Talk
from turngpt_tui.widgets.literal import Literal

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.reply import Reply

LOOKS_PER_SECOND = 15
KEPT_MESSAGES = 200
NO_MODEL = "There is no model to talk to yet: F2 shows the training, s starts it."
COMMANDS = """\
/reset        begin a new conversation
/again        another reply to the last message
/save [FILE]  keep the conversation as FILE (.md or .jsonl), or in the session's folder
/help         this list"""


class ChatPane(Vertical):
    """Messages, a line to type, and how the reply comes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop_reply", "Stop the reply", id="chat.stop"),
        Binding("ctrl+r", "again", "Another reply", id="chat.again"),
        Binding("pageup", "scroll_messages(-1)", "Scroll up", show=False),
        Binding("pagedown", "scroll_messages(1)", "Scroll down", show=False),
    ]

    def __init__(self, engine: Engine, folder: Path, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._talk = Talk(engine, folder)
        self._now = engine.snapshot()
        self._reply: Reply | None = None
        self._view: MessageView | None = None
        self._timer: Timer | None = None
        self._figures = ""

    def compose(self) -> ComposeResult:
        """Lay the widgets out; sizes are in chat.tcss."""
        yield VerticalScroll(id="messages", can_focus=False)
        yield Prompt(id="prompt")
        yield Literal(id="status")

    def on_mount(self) -> None:
        """Keep the newest message in view; look at a reply only while there is one."""
        self.query_one("#messages", VerticalScroll).anchor()
        self._show_status()
        self._timer = self.set_interval(1 / LOOKS_PER_SECOND, self.look_at_reply, pause=True)

    def look(self, now: Snapshot) -> None:
        """Take a snapshot; draw what it says about the model."""
        if now is not self._now:
            self._now = now
            self._show_status()

    @on(Input.Submitted, "#prompt")
    def send(self, event: Input.Submitted) -> None:
        """Say the typed line, or do what it commands."""
        line = event.value.strip()
        if not line:
            return
        if line.startswith("/"):
            event.input.clear()
            self.query_one(Prompt).remember(line)
            self._command(line)
        elif self._reply is not None:
            self._note("The reply is not finished: Esc stops it.")
        elif not self._now.can_chat:
            self._note(NO_MODEL)
        else:
            event.input.clear()
            self.query_one(Prompt).remember(line)
            self._put(MessageView("you", one_line(line)))
            self._ask(line)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to stop a reply while there is one, another one when there is none."""
        del parameters
        return {"stop_reply": self._reply is not None, "again": self._reply is None}.get(action, True)

    def action_stop_reply(self) -> None:
        """Stop the reply in the making; what was said stays."""
        if self._reply is not None:
            self._reply.cancel()

    def action_again(self) -> None:
        """Ask for another reply to the last message."""
        if self._reply is not None:
            return
        if question := self._talk.take_back():
            if self._view is not None:
                self._view.remove()
            self._ask(question)
        else:
            self._note("nothing was said yet")

    def action_scroll_messages(self, pages: int) -> None:
        """Scroll the conversation without leaving the input."""
        messages = self.query_one("#messages", VerticalScroll)
        (messages.scroll_page_up if pages < 0 else messages.scroll_page_down)(animate=False)

    def _ask(self, line: str) -> None:
        self._view = MessageView("model")
        self._put(self._view)
        self._reply = self._talk.ask(line)
        self.refresh_bindings()
        self.look_at_reply()
        if self._timer is not None and self._reply is not None:
            self._timer.resume()

    def look_at_reply(self) -> None:
        """Show how far the reply has come; once it is done, make it part of the conversation."""
        reply, view = self._reply, self._view
        if reply is None or view is None:
            return
        done = reply.done  # read first: text that comes after it is seen next time
        view.say(reply.text, more=not done, note=note_on(reply) if done else "")
        self._figures = figures_of(reply)
        if done:
            self._talk.heard(reply)
            self._reply = None
            if self._timer is not None:
                self._timer.pause()
            self.refresh_bindings()
        self._show_status()

    def _command(self, line: str) -> None:
        name, _, argument = line.partition(" ")
        if name == "/reset":
            self._reset()
        elif name == "/again":
            self.action_again()
        elif name == "/save":
            try:
                self._note(f"saved as {one_line(str(self._talk.save(argument.strip())))}")
            except (UserError, EngineError) as error:
                self._note(one_line(str(error)))
        elif name == "/help":
            self._note(COMMANDS)
        else:
            self._note(f"no command {one_line(name)}; /help lists them")

    def _reset(self) -> None:
        if self._reply is not None:
            self._reply.cancel()
            self._reply = None
        self._view = None
        self._figures = ""
        self._talk.reset()
        self.query_one("#messages").remove_children()
        self._note("a new conversation")

    def _note(self, text: str) -> None:
        views = self.query(MessageView)
        if not views or views.last().said != ("note", text):
            self._put(MessageView("note", text))

    def _put(self, view: MessageView) -> None:
        messages = self.query_one("#messages", VerticalScroll)
        for old in messages.children[: max(0, len(messages.children) + 1 - KEPT_MESSAGES)]:
            old.remove()
        messages.mount(view)

    def _show_status(self) -> None:
        now = self._now
        if not now.can_chat:
            model = "no model yet"
        else:
            model = f"model of step {now.step:,}" + (", training" if now.state == "training" else "")
        self.query_one("#status", Literal).show(" · ".join(filter(None, (model, self._figures))))
