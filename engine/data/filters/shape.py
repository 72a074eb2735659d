"""The outer shape: who speaks when, and how much."""

from __future__ import annotations

from collections.abc import Sequence

from engine.conversation import Document, Message, Text
from engine.data.filters.base import ContentFilter, Filter, longest_stretch


class Structure(Filter):
    """Nothing empty; in a conversation two or more messages that alternate and end with a reply."""

    name = "structure"
    why = "A conversation teaches to reply only where somebody speaks, somebody answers and neither is silent."

    def apply(self, document: Document) -> Document | None:
        """Return the document, its longest alternating stretch, or None."""
        if isinstance(document, Text):
            return document if document.content.strip() else None
        return document if _sound(document.messages) else longest_stretch(document, _says_something)


class Length(ContentFilter):
    """Between `shortest` and `longest` characters a message, `longest_text` for a text (0 for no bound)."""

    name = "length"
    why = "A word or two teach little by themselves, and a long speech does not fit into a row of a small model."

    def __init__(self, shortest: int, longest: int, longest_text: int) -> None:
        self._shortest, self._longest, self._longest_text = shortest, longest, longest_text

    def fault(self, content: str, spoken: bool) -> str:
        """Return the whole content, since all of it is too short or too long."""
        longest = self._longest if spoken else self._longest_text
        return content if len(content) < self._shortest or 0 < longest < len(content) else ""


def _sound(messages: Sequence[Message]) -> bool:
    roles = [message.role for message in messages]
    roles = roles[1:] if roles[:1] == ["system"] else roles
    turns = len(roles) // 2
    return (
        turns > 0 and roles == ["user", "assistant"] * turns and all(_says_something(one.content) for one in messages)
    )


def _says_something(content: str) -> bool:
    return bool(content) and not content.isspace()
