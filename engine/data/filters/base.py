"""What all filters share: the interface, the longest stretch of good messages, the words of a content.

A *content* is what one message or one text says.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import ClassVar

from engine.conversation import Conversation, Document, Message, Role, Text, contents

AROUND = 70
"""Characters on either side of a fault that are shown with it."""
_SPACES = str.maketrans({chr(code): " " for code in range(128) if not chr(code).isalnum() and chr(code) != "'"})
_NOT_WORDS = re.compile(r"[^\w']+|_")


class Filter(ABC):
    """Keeps a document, a part of it, or nothing."""

    name: ClassVar[str]
    why: ClassVar[str]
    """One sentence for people who read the report."""

    @abstractmethod
    def apply(self, document: Document) -> Document | None:
        """Return the document itself, what is good of it, or None."""

    def example(self, document: Document) -> str:
        """Return a piece of a document that was not kept whole, which shows the reason."""
        return next(iter(said(document) or contents(document)), "")


class ContentFilter(Filter):
    """Judges each content by itself."""

    @abstractmethod
    def fault(self, content: str, spoken: bool) -> str:
        """Return the piece of a message (`spoken`) or a text that is not wanted; "" if all of it is."""

    def apply(self, document: Document) -> Document | None:
        """Return the document, its longest good stretch, or None."""
        if isinstance(document, Text):
            return None if self.fault(document.content, False) else document
        for message in document.messages:
            if self.fault(message.content, True):
                return longest_stretch(document, lambda content: not self.fault(content, True))
        return document

    def example(self, document: Document) -> str:
        """Return the first fault."""
        spoken = isinstance(document, Conversation)
        return next((found for content in contents(document) if (found := self.fault(content, spoken))), "")


def longest_stretch(conversation: Conversation, good: Callable[[str], bool]) -> Conversation | None:
    """Return the longest run of good messages from something said to a reply, in turns; None if there is none.

    The system message stays in front of it; if it is not good, nothing is.
    """
    messages = conversation.messages
    system = messages[:1] if messages and messages[0].role == "system" else ()
    if system and not good(system[0].content):
        return None
    best: list[Message] = []
    run: list[Message] = []
    for message in messages[len(system) :]:
        if not good(message.content):
            run = []
            continue
        if message.role != _next_role(run):
            run = []
        if message.role == _next_role(run):
            run.append(message)
            if message.role == "assistant" and _length(run) > _length(best):
                best = run.copy()
    return Conversation((*system, *best)) if best else None


def piece(content: str, at: int) -> str:
    """Return the neighbourhood of a place in a content, to be shown."""
    return content[max(at - AROUND, 0) : at + AROUND]


def said(document: Document) -> Sequence[str]:
    """Return the contents without the system message, which many conversations share by design."""
    if isinstance(document, Text):
        return (document.content,)
    return [message.content for message in document.messages if message.role != "system"]


# Several filters read the same contents one after the other; the cache holds those of the document at hand.
@lru_cache(maxsize=64)
def words(content: str) -> Sequence[str]:
    """Return the words and numbers in lower case, apostrophes within them kept."""
    lower = content.lower()
    # Translation is by far the faster, but on ASCII only.
    spaced = lower.translate(_SPACES) if lower.isascii() else _NOT_WORDS.sub(" ", lower.replace("’", "'"))
    if "'" in spaced:
        spaced = f" {spaced} ".replace(" '", " ").replace("' ", " ")
    return spaced.split()


@lru_cache(maxsize=64)
def pairs(content: str) -> Sequence[str]:
    """Return each two neighbouring words, with one space."""
    return [f"{first} {second}" for first, second in pairwise(words(content))]


def _next_role(run: Sequence[Message]) -> Role:
    return "assistant" if run and run[-1].role == "user" else "user"


def _length(messages: Sequence[Message]) -> int:
    return sum(len(message.content) for message in messages)
