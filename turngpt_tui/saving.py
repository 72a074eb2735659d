"""What is shown between the wish to quit and the end."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from turngpt_tui.widgets.literal import Literal


class SavingScreen(ModalScreen[None]):
    """Says that the engine saves, and how not to wait for it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+q,ctrl+c", "app.quit", "Quit without saving", priority=True),
    ]

    def compose(self) -> ComposeResult:
        """Lay the line out."""
        yield Literal("Saving …  q or Ctrl+Q once more quits without saving.", id="saving")
