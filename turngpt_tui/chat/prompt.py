"""Where one types; up and down bring back what was typed before."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input

KEPT = 100


class Prompt(Input):
    """An input with a memory."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "recall(-1)", "Earlier", show=False),
        Binding("down", "recall(1)", "Later", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, placeholder="Say something, or /help", select_on_focus=False)
        self._past: list[str] = []
        self._place = 0

    def remember(self, line: str) -> None:
        """Keep a line that was sent."""
        if line and self._past[-1:] != [line]:
            self._past = [*self._past, line][-KEPT:]
        self._place = len(self._past)

    def action_recall(self, by: int) -> None:
        """Put an earlier or later line into the input."""
        self._place = min(max(self._place + by, 0), len(self._past))
        self.value = self._past[self._place] if self._place < len(self._past) else ""
        self.cursor_position = len(self.value)
