"""Engine: one thread owns every tensor; commands go in, frozen snapshots and events come out.

A front end calls `open()` once and then commands, which return at once, and looks at `snapshot()` and the
histories as often as it likes. The thread never calls into a front end. Importing this module imports no torch:
the thread does, so a first frame never waits for it.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

from engine.board import Board
from engine.conversation import Conversation
from engine.recipe import Recipe
from engine.reply import Reply
from engine.session import Session
from engine.status import Event, Metric, Sample, Sampling, Snapshot, WordTurns


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What belongs to this run and this machine, not to the session."""

    device: str = "auto"
    """auto, cpu, cuda (cuda:1, ...) or mps."""
    precision: str = "auto"
    """auto (measured), fp32 or bf16."""
    compile: str = "auto"
    """auto (measured), on or off."""
    max_steps: int | None = None
    """Stop and save after this many steps of this run."""
    max_seconds: float | None = None
    """Stop and save after training this long in this run."""


@dataclass(frozen=True, slots=True)
class Generate:
    """A command: continue `conversation` with a reply."""

    conversation: Conversation
    sampling: Sampling
    reply: Reply


Command = str | Generate
"""`start`, `pause`, `resume`, `stop`, `save`, `close`, or a Generate."""


class Engine:
    """Trains one session and talks with its model; every method may be called from any thread."""

    def __init__(self, recipe: Recipe, session: Session, options: EngineOptions | None = None) -> None:
        self.recipe = recipe
        self.session = session
        self.options = options or EngineOptions()
        self._board = Board(Snapshot(session=session.name, recipe=recipe.name, steps=recipe.steps))
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._killed = threading.Event()
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def open(self) -> None:
        """Start the thread, which loads the newest checkpoint if there is one; further calls do nothing."""
        if self._thread.ident is None:
            self._thread.start()

    def start(self) -> None:
        """Begin training, or go on after `stop` or `pause`."""
        self._hurry.clear()
        self._commands.put("start")

    def pause(self) -> None:
        """Hold training between two steps; chat gets all the time."""
        self._commands.put("pause")

    def resume(self) -> None:
        """Go on after `pause`."""
        self._commands.put("resume")

    def save(self) -> None:
        """Write a checkpoint now."""
        self._commands.put("save")

    def stop(self) -> None:
        """Save and end training, or give up preparing; chat still works."""
        self._hurry.set()
        self._commands.put("stop")

    def close(self) -> None:
        """Save what was trained since the last checkpoint, then end the thread."""
        self._hurry.set()
        self._commands.put("close")

    def kill(self) -> None:
        """End the thread at the next step without saving."""
        self._killed.set()
        self.close()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the thread's end; True when it has ended (or never began)."""
        if self._thread.ident is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def snapshot(self) -> Snapshot:
        """Return how things stand; cheap."""
        return self._board.snapshot()

    def wait_for(self, condition: Callable[[Snapshot], bool], timeout: float | None = None) -> bool:
        """Block until a snapshot fulfils `condition`; False when `timeout` seconds passed first."""
        return self._board.wait_for(condition, timeout)

    def events(self, after: int = 0) -> list[Event]:
        """Return events with an id above `after`, oldest first; only the newest are kept."""
        return self._board.events(after)

    def metrics(self, after: int = 0) -> list[Metric]:
        """Return metrics with an id above `after`, oldest first; only the newest are kept."""
        return self._board.metrics(after)

    def samples(self, after: int = 0) -> list[Sample]:
        """Return samples with an id above `after`, oldest first; only the newest are kept."""
        return self._board.samples(after)

    def word_turns(self, after: int = 0) -> list[WordTurns]:
        """Return where words lay on the named axes at evaluations, with an id above `after`, oldest first."""
        return self._board.word_turns(after)

    def generate(self, conversation: Conversation, sampling: Sampling | None = None) -> Reply:
        """Ask the model for the next message; the Reply grows as the thread finds time."""
        reply = Reply()
        if self._board.snapshot().state == "closed" or (self._thread.ident and not self._thread.is_alive()):
            reply.finish("the engine is closed")
        else:
            self._commands.put(Generate(conversation, sampling or Sampling(), reply))
        return reply

    def _run(self) -> None:
        try:
            from engine.worker import Worker
        except Exception as error:  # noqa: BLE001 - a broken installation must be said, not waited for
            self._board.add_event("error", "failed", f"the engine could not start: {error}")
            self._board.update(state="failed", error=f"the engine could not start: {error}")
            return
        Worker(self.recipe, self.session, self.options, self._board, self._commands, self._killed, self._hurry).run()
