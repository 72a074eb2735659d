"""A conversation in the making; knows neither keyboard nor screen."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from engine.conversation import Conversation, Message, printable
from engine.errors import UserError
from engine.status import Sampling
from engine.transcript import save_transcript

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.reply import Reply


class Talk:
    """What was said so far, and how to go on."""

    def __init__(self, engine: Engine, folder: Path, sampling: Sampling | None = None) -> None:
        """`save` without a name writes into `folder`."""
        self._engine = engine
        self._folder = folder
        self._sampling = sampling or Sampling()
        self._saved: set[Path] = set()
        self.conversation = Conversation(())

    def ask(self, text: str) -> Reply:
        """Say something; the reply grows from here on and becomes part of the conversation by `heard`."""
        said = Message("user", printable(text))
        self.conversation = Conversation((*self.conversation.messages, said))
        return self._engine.generate(self.conversation, self._sampling)

    def heard(self, reply: Reply) -> None:
        """Add what was replied, or take the question back where nothing was."""
        if reply.text:
            messages = (*self.conversation.messages, Message("assistant", reply.text))
        else:
            messages = self.conversation.messages[:-1]
        self.conversation = Conversation(messages)

    def take_back(self) -> str:
        """Forget the last question and its reply, and return the question; empty when there was none."""
        messages = list(self.conversation.messages)
        while messages and messages[-1].role == "assistant":
            messages.pop()
        question = messages.pop().content if messages and messages[-1].role == "user" else ""
        self.conversation = Conversation(tuple(messages))
        return question

    def reset(self) -> None:
        """Forget what was said."""
        self.conversation = Conversation(())

    def save(self, name: str = "") -> Path:
        """Write the conversation to a `.md` or `.jsonl` file and return where.

        Raises UserError when nothing was said yet or the name cannot be used, EngineError if the disk refuses.
        """
        if not self.conversation.messages:
            raise UserError("nothing was said yet")
        stamp = time.strftime("%Y%m%d-%H%M%S")
        path = Path(name).expanduser() if name else self._folder / f"conversation-{stamp}.md"
        save_transcript(self.conversation, path, replace=path in self._saved)
        self._saved.add(path)
        return path
