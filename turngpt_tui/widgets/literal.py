"""Text shown as it is: text of data, models and people is never markup."""

from __future__ import annotations

from rich.text import Text
from textual.content import Content
from textual.widgets import Static


class Literal(Static):
    """A Static that never reads markup and, once laid out, never asks for a new layout."""

    def __init__(
        self, content: str | Content | Text = "", *, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__(content, markup=False, id=id, classes=classes)

    def show(self, content: str | Content | Text) -> None:
        """Replace the text within the space there is."""
        self.update(content, layout=False)
