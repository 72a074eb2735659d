"""The list of keys."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen

from turngpt_tui.widgets.literal import Literal

KEYS: dict[str, tuple[tuple[str, str], ...]] = {
    "anywhere": (
        ("F2, F3", "the Train pane, the Chat pane"),
        ("Ctrl+T", "the other pane"),
        ("F1, ?", "this list"),
        ("Ctrl+P", "all commands, themes among them"),
        ("q, Ctrl+Q", "save and quit; once more: without saving"),
    ),
    "Train": (
        ("s", "start, or go on"),
        ("space", "pause, resume"),
        ("x", "save and stop"),
        ("w", "write a checkpoint"),
        ("c", "open the chat"),
        ("Tab", "to the samples and the log"),
    ),
    "Chat": (
        ("Enter", "say it"),
        ("Esc", "stop the reply"),
        ("Ctrl+R", "another reply to the last message"),
        ("up, down", "what was typed before"),
        ("PgUp, PgDn", "scroll the conversation"),
        ("/reset, /save, /help", "commands"),
    ),
}


class HelpScreen(ModalScreen[None]):
    """All keys by place; any of its own keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,question_mark,q,enter", "dismiss", "Close"),
    ]

    def compose(self) -> ComposeResult:
        """Lay the list out."""
        with VerticalScroll(id="help"):
            yield Literal(help_text())

    def on_mount(self) -> None:
        """Name the box."""
        box = self.query_one("#help")
        box.border_title = "keys"
        box.border_subtitle = "Esc closes"


def help_text() -> Content:
    """Return the keys as a table."""
    lines: list[Content] = []
    for place, keys in KEYS.items():
        lines += [Content.styled(place, "bold $primary")]
        lines += [Content.assemble((f"  {key:<22}", "$accent"), what) for key, what in keys]
        lines += [Content("")]
    return Content("\n").join(lines[:-1])
