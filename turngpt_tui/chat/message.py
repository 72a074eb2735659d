"""One message of a conversation on the screen."""

from __future__ import annotations

from typing import Literal as OneOf

from textual.content import Content

from engine.reply import Reply
from turngpt_tui.output import one_line
from turngpt_tui.widgets.literal import Literal

CURSOR = "▌"
Speaker = OneOf["you", "model", "note"]


class MessageView(Literal):
    """What a person or the model said, or a note of the program."""

    def __init__(self, speaker: Speaker, text: str = "") -> None:
        super().__init__(_written(speaker, text), classes=speaker)
        self._speaker = speaker
        self.said: tuple[str, str] = speaker, text
        """Who said it, and what, so far."""

    def say(self, text: str, *, more: bool, note: str = "") -> None:
        """Show `text`; with a cursor while more is to come, with a note when it ended."""
        self.said = self._speaker, text
        written = _written(self._speaker, text)
        if more:
            written += Content.styled(CURSOR, "$primary")
        if note:
            written += Content.styled(f"  {note}", "$text-muted")
        self.update(written)


def _written(speaker: Speaker, text: str) -> Content:
    if speaker == "note":
        return Content.styled(text, "$text-muted")
    style = "bold $primary" if speaker == "model" else "bold $accent"
    return Content.styled(f"{speaker:<6} ", style) + Content(text)


def note_on(reply: Reply) -> str:
    """Return what to add behind a finished reply."""
    if reply.error:
        return f"[{one_line(reply.error)}]"
    return "[stopped]" if reply.cancelled else ""


def figures_of(reply: Reply) -> str:
    """Write how fast a reply comes or came."""
    if reply.first_token_seconds is None:
        return "waiting for the first token …"
    rate = f", {reply.tokens_per_second:,.0f}/s" if reply.tokens_per_second else ""
    return f"{reply.tokens} tokens{rate} · first after {reply.first_token_seconds:.2f} s"
