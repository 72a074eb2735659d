"""What people and models say: messages in a conversation, or a plain text."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal

Role = Literal["system", "user", "assistant"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class Message:
    """One message of one speaker."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Text:
    """A document that is read, not spoken: all its tokens are learned."""

    content: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages in order: an optional system message, then user and assistant in turn."""

    messages: tuple[Message, ...]


Document = Text | Conversation

_REMOVED = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def contents(document: Document) -> list[str]:
    """Return what a document says, piece by piece."""
    return [document.content] if isinstance(document, Text) else [message.content for message in document.messages]


def characters(document: Document) -> int:
    """Return the length of what a document says."""
    if isinstance(document, Conversation):
        return sum(len(message.content) for message in document.messages)
    return len(document.content)


def printable(text: str) -> str:
    """Return `text` without control, format, surrogate and private-use characters (newlines stay, tabs become spaces).

    Text of data, models and people passes through here before it reaches a terminal, a log or the store, so
    no escape sequence, carriage return or bidirectional override survives.
    """
    # Nearly all text stays as it is, and that is known fast.
    if text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\t", "    ")
    if text.replace("\n", "").isprintable():
        return text
    removed = {ord(one): None for one in set(text) if one != "\n" and unicodedata.category(one) in _REMOVED}
    return text.translate(removed) if removed else text
