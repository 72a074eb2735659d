"""`turngpt-tui chat`: a conversation with a trained model, line by line.

On a terminal the reply streams and Ctrl-C stops it; in a pipe a line in gives a line out and nothing else.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from engine.conversation import Conversation, Message, printable
from engine.errors import EngineError, UserError
from engine.status import Sampling
from engine.transcript import save_transcript
from turngpt_tui.output import has_terminal, one_line

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.reply import Reply
    from engine.session import Session

PROMPT = "you> "
LOOK_SECONDS = 0.2
HELP = """\
/reset        begin a new conversation
/save [FILE]  keep the conversation as FILE (.md or .jsonl), or in the session's folder
/help         this list
Ctrl-C stops a reply, Ctrl-D leaves"""


class Chat:
    """A conversation in the making; knows neither keyboard nor screen."""

    def __init__(self, engine: Engine, sampling: Sampling) -> None:
        self._engine = engine
        self._sampling = sampling
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

    def reset(self) -> None:
        """Forget what was said."""
        self.conversation = Conversation(())


class Repl:
    """The chat on a terminal."""

    def __init__(
        self, chat: Chat, folder: Path, *, read: Callable[[str], str] = input, out: TextIO | None = None
    ) -> None:
        """`read` prompts and returns a line, as `input` does; /save without a name writes into `folder`."""
        self._chat = chat
        self._folder = folder
        self._read = read
        self._out = out or sys.stdout
        self._saved: set[Path] = set()

    def run(self) -> None:
        """Talk until Ctrl-D, or Ctrl-C at the prompt."""
        while True:
            try:
                line = self._read(PROMPT).strip()
            except (EOFError, KeyboardInterrupt):
                self._write("\n")
                return
            if line.startswith("/"):
                self._command(line)
            elif line:
                self._exchange(line)

    def _exchange(self, line: str) -> None:
        """Ask and print the reply as it comes; Ctrl-C stops it and keeps what was said."""
        reply = self._chat.ask(line)
        shown = 0
        try:
            for piece in reply.pieces():
                self._write(piece)
                shown += len(piece)
        except KeyboardInterrupt:
            reply.cancel()
            reply.wait()
            self._write(f"{reply.text[shown:]} [stopped]")
        self._write("\n")
        if reply.error:
            self._write(f"no reply: {one_line(reply.error)}\n")
        self._chat.heard(reply)

    def _command(self, line: str) -> None:
        name, _, argument = line.partition(" ")
        if name == "/reset":
            self._chat.reset()
            self._write("a new conversation\n")
        elif name == "/save":
            self._save(argument.strip())
        elif name == "/help":
            self._write(HELP + "\n")
        else:
            self._write(f"no command {one_line(name)}; /help lists them\n")

    def _save(self, given: str) -> None:
        if not self._chat.conversation.messages:
            self._write("nothing was said yet\n")
            return
        stamp = time.strftime("%Y%m%d-%H%M%S")
        path = Path(given).expanduser() if given else self._folder / f"conversation-{stamp}.md"
        try:
            save_transcript(self._chat.conversation, path, replace=path in self._saved)
        except (UserError, EngineError) as error:
            self._write(f"{one_line(str(error))}\n")
            return
        self._saved.add(path)
        self._write(f"saved as {one_line(str(path))}\n")

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


def answer_lines(chat: Chat, lines: Iterable[str], out: TextIO) -> None:
    """Answer each line that is not empty with one line; EngineError when a reply fails."""
    for line in lines:
        if not line.strip():
            continue
        reply = chat.ask(line.strip())
        reply.wait()
        if reply.error:
            raise EngineError(one_line(reply.error))
        chat.heard(reply)
        out.write(one_line(reply.text) + "\n")
        out.flush()


def wait_until_ready(engine: Engine) -> None:
    """Return once the model is loaded; EngineError when there is none to load.

    Requests are served in order, so the answer to an empty one means that loading is over.
    """
    probe = engine.generate(Conversation(()))
    while not probe.wait(LOOK_SECONDS):
        if engine.join(0):
            break
    if not engine.snapshot().can_chat:
        problems = [event.text for event in engine.events() if event.level != "info"]
        reason = engine.snapshot().error or (problems[-1] if problems else "the engine ended too early")
        raise EngineError(f"no model could be loaded: {one_line(reason)}")


def chat(engine: Engine, session: Session, sampling: Sampling) -> int:
    """Talk to the model of `session`, on a terminal or through a pipe; return the exit status."""
    if not session.checkpoint_steps():
        raise UserError(
            f"session {session.name!r} has no checkpoint to talk to;"
            f" train it first: turngpt-tui --train-only --session {session.name}"
        )
    engine.open()
    try:
        wait_until_ready(engine)
        talk = Chat(engine, sampling)
        if not has_terminal():
            answer_lines(talk, sys.stdin, sys.stdout)
            return 0
        with suppress(ImportError):  # line editing where Python has it
            importlib.import_module("readline")
        now = engine.snapshot()
        device = f", {one_line(now.device)}" if now.device else ""
        sys.stdout.write(f"session {session.name}, step {now.step}{device}; /help for commands, Ctrl-D leaves\n")
        Repl(talk, session.path).run()
        return 0
    finally:
        engine.close()
        engine.join(10)
