"""Training without the console: look at the engine, print what is new, heed signals, sum up.

A signal is only a number that the next look reacts to, so nothing that could wait for a lock runs inside a
signal handler.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING

from engine.conversation import Conversation, Message, printable
from engine.status import Sampling, Snapshot
from turngpt_tui.arguments import command_line
from turngpt_tui.output import duration, one_line, quantity
from turngpt_tui.printers import PlainPrinter, Printer, TerminalPrinter, event_line, metric_line, sample_lines

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.session import Session

LOOK_SECONDS = 0.2
ENDED = ("finished", "stopped", "failed", "closed")
QUESTIONS = ("Hello!", "How are you?", "What is your favourite colour?")
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


@dataclass
class Signals:
    """Signals that arrived, counted."""

    received: list[int] = field(default_factory=list)

    @contextmanager
    def caught(self) -> Iterator[Signals]:
        """Count SIGINT, SIGTERM and SIGHUP instead of dying of them, while inside."""
        numbers = [getattr(signal, name) for name in SIGNALS if hasattr(signal, name)]
        before = {number: signal.signal(number, self._note) for number in numbers}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.received.append(number)


class HeadlessRun:
    """One training run from start to summary."""

    def __init__(
        self,
        engine: Engine,
        session: Session,
        printer: Printer,
        *,
        limited: bool,
        signals: Signals,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """`limited`: a limit of steps or time was asked for, so stopping at it is success."""
        self._engine = engine
        self._session = session
        self._printer = printer
        self._limited = limited
        self._signals = signals
        self._wait = wait or threading.Event().wait
        self._began = time.time()
        self._metric = self._event = self._sample = 0
        self._train_loss: float | None = None
        self._stopping = self._killed = False

    def run(self) -> int:
        """Train until the engine ends or a signal stops it; return the exit status."""
        self._engine.open()
        try:
            self._engine.start()
            last = self._watch()
            if last.state in ("finished", "stopped") and not self._signals.received:
                self._converse()
        finally:
            self._close()
        self._print_new()
        return self._conclude(self._engine.snapshot(), last)

    def _watch(self) -> Snapshot:
        """Look and print until the run is over."""
        while True:
            snapshot = self._engine.snapshot()
            self._print_new()
            self._printer.show(snapshot)
            # Stopped while it prepared its first step, the engine is idle again.
            if snapshot.state in ENDED or self._killed or (self._stopping and snapshot.state == "idle"):
                return snapshot
            self._obey()
            self._wait(LOOK_SECONDS)

    def _obey(self) -> None:
        """React to signals: the first stops, the second ends without saving."""
        if self._signals.received and not self._stopping:
            self._stopping = True
            self._printer.line("stopping: saving first; a second signal ends without saving")
            self._engine.stop()
        elif len(self._signals.received) > 1 and not self._killed:
            self._killed = True
            self._engine.kill()

    def _close(self) -> None:
        """Let the engine save and end; one more signal than before ends it without."""
        self._engine.close()
        heard = len(self._signals.received)
        while not self._killed and not self._engine.join(LOOK_SECONDS):
            if len(self._signals.received) > heard:
                self._killed = True
                self._engine.kill()

    def _print_new(self) -> None:
        """Print what came since the last look; earlier runs of the session are not repeated."""
        lines: list[tuple[float, str]] = []
        for event in self._engine.events(self._event):
            self._event = event.id
            if event.kind != "failed":  # said at the end, on stderr
                lines.append((event.time, event_line(event)))
        for metric in self._engine.metrics(self._metric):
            self._metric = metric.id
            if metric.train_loss is not None:
                self._train_loss = metric.train_loss
            if metric.validation_loss is not None:
                lines.append((metric.time, metric_line(metric, self._train_loss)))
        for sample in self._engine.samples(self._sample):
            self._sample = sample.id
            lines.append((sample.time, sample_lines(sample)))
        for when, line in sorted(lines, key=lambda entry: entry[0]):
            if when >= self._began:
                self._printer.line(line)

    def _converse(self) -> None:
        """Let the model hold a short conversation, printed as it is spoken."""
        if not self._engine.snapshot().can_chat:
            return
        self._printer.line("\na conversation with the model:")
        conversation = Conversation(())
        for question in QUESTIONS:
            self._printer.line(f"  you: {question}")
            conversation = Conversation((*conversation.messages, Message("user", question)))
            reply = self._engine.generate(conversation, Sampling(seed=1))
            while not reply.wait(LOOK_SECONDS):
                if self._signals.received:
                    reply.cancel()
            self._printer.line(f"  model: {one_line(reply.text or reply.error)}")
            if reply.error or self._signals.received:
                return
            conversation = Conversation((*conversation.messages, Message("assistant", reply.text)))

    def _conclude(self, now: Snapshot, last: Snapshot) -> int:
        """Print how it ended and return the exit status."""
        self._printer.close()
        steps = self._session.checkpoint_steps()
        if self._signals.received:
            saved = f"saved at step {steps[-1]}" if steps else "nothing saved yet"
            self._printer.line(f"{saved}; run the same command to go on")
            return 128 + self._signals.received[0]
        if last.state == "failed":
            problem = one_line(last.error) or "the engine failed without a reason"
            sys.stderr.write(f"turngpt-tui: {problem}\n")
            return 2 if last.user_error else 1
        for line in self._summary(last.state, now, steps):
            self._printer.line(line)
        return 0 if last.state == "finished" or (last.state == "stopped" and self._limited) else 1

    def _summary(self, ended: str, now: Snapshot, steps: list[int]) -> Iterator[str]:
        session = self._session
        yield ""
        yield f"{ended} at step {now.step} of {now.steps}"
        yield f"  tokens           {now.tokens:,}"
        yield f"  time             {duration(time.time() - self._began)}"
        yield f"  training loss    {quantity(now.train_loss)}"
        yield f"  validation loss  {quantity(now.validation_loss)} (best {quantity(now.best_loss)})"
        yield f"  checkpoints      {', '.join(map(str, steps)) or 'none'}"
        yield f"  session          {printable(str(session.path))}"
        yield f"  to talk to it    {command_line(session.path, 'chat')}"


def train(engine: Engine, session: Session, *, limited: bool) -> int:
    """Train `session` to its end without the console; return the exit status."""
    signals = Signals()
    with signals.caught():
        printer: Printer = TerminalPrinter(sys.stdout) if sys.stdout.isatty() else PlainPrinter(sys.stdout)
        try:
            return HeadlessRun(engine, session, printer, limited=limited, signals=signals).run()
        finally:
            printer.close()
