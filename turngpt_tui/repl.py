"""`turngpt-tui chat`: a conversation with a trained model, line by line.

On a terminal the reply streams and Ctrl-C stops it; in a pipe a line in gives a line out and nothing else.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from engine.conversation import Conversation
from engine.errors import EngineError, UserError
from engine.status import Sampling
from turngpt_tui.output import has_terminal, one_line
from turngpt_tui.talk import Talk

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.session import Session

PROMPT = "you> "
LOOK_SECONDS = 0.2
HELP = """\
/reset        begin a new conversation
/save [FILE]  keep the conversation as FILE (.md or .jsonl), or in the session's folder
/help         this list
Ctrl-C stops a reply, Ctrl-D leaves"""


class Repl:
    """The chat on a terminal."""

    def __init__(self, talk: Talk, *, read: Callable[[str], str] = input, out: TextIO | None = None) -> None:
        """`read` prompts and returns a line, as `input` does."""
        self._talk = talk
        self._read = read
        self._out = out or sys.stdout

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
        reply = self._talk.ask(line)
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
        self._talk.heard(reply)

    def _command(self, line: str) -> None:
        name, _, argument = line.partition(" ")
        if name == "/reset":
            self._talk.reset()
            self._write("a new conversation\n")
        elif name == "/save":
            self._save(argument.strip())
        elif name == "/help":
            self._write(HELP + "\n")
        else:
            self._write(f"no command {one_line(name)}; /help lists them\n")

    def _save(self, name: str) -> None:
        try:
            self._write(f"saved as {one_line(str(self._talk.save(name)))}\n")
        except (UserError, EngineError) as error:
            self._write(f"{one_line(str(error))}\n")

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


def answer_lines(talk: Talk, lines: Iterable[str], out: TextIO) -> None:
    """Answer each line that is not empty with one line; EngineError when a reply fails.

    Only `/reset`, which begins a new conversation, is not for the model and has no answer.
    """
    for line in lines:
        if line.strip() == "/reset":
            talk.reset()
            continue
        if not line.strip():
            continue
        reply = talk.ask(line.strip())
        reply.wait()
        if reply.error:
            raise EngineError(one_line(reply.error))
        talk.heard(reply)
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
        talk = Talk(engine, session.path, sampling)
        if not has_terminal():
            answer_lines(talk, sys.stdin, sys.stdout)
            return 0
        with suppress(ImportError):  # line editing where Python has it
            importlib.import_module("readline")
        now = engine.snapshot()
        device = f", {one_line(now.device)}" if now.device else ""
        sys.stdout.write(f"session {session.name}, step {now.step}{device}; /help for commands, Ctrl-D leaves\n")
        Repl(talk).run()
        return 0
    finally:
        engine.close()
        engine.join(10)
