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


def printable(text: str) -> str:
    """Return `text` without control, format, surrogate and private-use characters (newlines stay, tabs become spaces).

    Text of data, models and people passes through here before it reaches a terminal, a log or the store, so
    no escape sequence, carriage return or bidirectional override survives.
    """
    kept = (
        character
        for character in text.replace("\r\n", "\n").replace("\t", "    ")
        if character == "\n" or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    )
    return "".join(kept)
