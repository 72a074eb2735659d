"""An engine without a thread: every look at it is one scripted state of things."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from engine.conversation import Conversation
from engine.reply import Reply
from engine.status import Event, Metric, Sample, Sampling, Snapshot

Change = Callable[["FakeEngine"], None]


class InterruptedReply(Reply):
    """A reply during which Ctrl-C is pressed after the first piece."""

    def pieces(self) -> Iterator[str]:
        self.grow("Hello", 1)
        yield "Hello"
        raise KeyboardInterrupt

    def cancel(self) -> None:
        super().cancel()
        self.grow("Hello the", 2)
        self.finish()


class FakeEngine:
    """Implements what front ends call; `script` holds what changes between two looks."""

    def __init__(
        self,
        script: Iterable[Change] = (),
        answers: Iterable[str] = (),
        snapshot: Snapshot | None = None,
    ) -> None:
        self.calls: list[str] = []
        self.asked: list[tuple[Conversation, Sampling]] = []
        self.now = snapshot or Snapshot(session="demo", recipe="quick", steps=10)
        self.event_rows: list[Event] = []
        self.metric_rows: list[Metric] = []
        self.sample_rows: list[Sample] = []
        self.closing: Change | None = None
        """What happens whenever somebody waits for the end; None ends at once."""
        self._script = iter(script)
        self._answers = iter(answers)

    def advance(self, seconds: float) -> None:
        """Stands in for waiting: the next change of the script happens."""
        del seconds
        next(self._script)(self)

    def change(self, **fields: object) -> None:
        self.now = replace(self.now, **fields)  # type: ignore[arg-type]

    def open(self) -> None:
        self.calls.append("open")

    def start(self) -> None:
        self.calls.append("start")

    def pause(self) -> None:
        self.calls.append("pause")

    def resume(self) -> None:
        self.calls.append("resume")

    def save(self) -> None:
        self.calls.append("save")

    def stop(self) -> None:
        self.calls.append("stop")

    def close(self) -> None:
        self.calls.append("close")

    def kill(self) -> None:
        self.calls.append("kill")

    def join(self, timeout: float | None = None) -> bool:
        del timeout
        if self.closing is not None and "kill" not in self.calls:
            self.closing(self)
            return False
        return True

    def snapshot(self) -> Snapshot:
        return self.now

    def events(self, after: int = 0) -> list[Event]:
        return [row for row in self.event_rows if row.id > after]

    def metrics(self, after: int = 0) -> list[Metric]:
        return [row for row in self.metric_rows if row.id > after]

    def samples(self, after: int = 0) -> list[Sample]:
        return [row for row in self.sample_rows if row.id > after]

    def generate(self, conversation: Conversation, sampling: Sampling | None = None) -> Reply:
        if not conversation.messages:
            probe = Reply()
            probe.finish("there is no message to reply to")
            return probe
        self.asked.append((conversation, sampling or Sampling()))
        answer = next(self._answers)
        if answer == "^C":
            return InterruptedReply()
        reply = Reply()
        if answer.startswith("!"):
            reply.finish(answer[1:])
            return reply
        reply.grow(answer, len(answer.split()))
        reply.finish()
        return reply
