"""The body of the engine's thread: commands, training steps and chat, one after another."""

from __future__ import annotations

import gc
import logging
import os
import queue
import threading
import time
from collections.abc import Callable

import torch

from engine import checkpoint as checkpoints
from engine.board import Board
from engine.chat import Chat
from engine.curriculum import Curriculum
from engine.data.tokenizer import ChatTokenizer
from engine.device import choose_device, cores, give_way, keep_freed_memory, memory
from engine.engine import Command, EngineOptions, Generate
from engine.errors import CancelledError, EngineError, UserError
from engine.log import close_log, open_log
from engine.recipe import Recipe
from engine.run import Run
from engine.session import Session, SessionLock
from engine.setup import chat_with, load_model, set_up
from engine.status import Progress, State
from engine.store import Store
from engine.trainer import NotFiniteError

log = logging.getLogger(__name__)

CHAT_SHARE = 0.25
"""Time between two steps that chat may take, as a share of the step."""
STORE_SECONDS = 1.0
"""Time between two writes to the store."""


class Worker:
    """Everything the thread owns; no method may be called from another thread."""

    def __init__(
        self,
        recipe: Recipe,
        session: Session,
        options: EngineOptions,
        board: Board,
        commands: queue.SimpleQueue[Command],
        killed: threading.Event,
        hurry: threading.Event,
    ) -> None:
        self.session, self.options, self.board, self.commands = session, options, board, commands
        self.killed, self.hurry = killed, hurry
        self.curriculum = Curriculum(recipe)
        self._state: State = "idle"
        self._closing = False
        self._chat: Chat | None = None
        self._run: Run | None = None
        self._restored: checkpoints.Checkpoint | None = None
        self._lock: SessionLock | None = None
        self._log_handler: logging.Handler | None = None
        self._store: Store | None = None
        self._stored_at = 0.0
        self._first_step, self._began = 0, 0.0

    def run(self) -> None:
        """Serve until closed."""
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
        logging.captureWarnings(True)  # a console may be drawing on the terminal
        torch.set_num_threads(cores())
        keep_freed_memory()
        give_way()
        self._guarded(self._open)
        while not self._closing and not self.killed.is_set():
            self._guarded(self._cycle)
        if self._run is not None and self._state != "failed" and not self.killed.is_set():
            self._guarded(self._run.save)
        if self._chat:
            self._chat.give_up("the engine was closed")
        self._guarded(self._store_rows)
        self._disown_session()
        self._be("closed")
        while not self.commands.empty():
            command = self.commands.get()
            if isinstance(command, Generate):
                command.reply.finish("the engine is closed")

    def _cycle(self) -> None:
        if self._state != "training" and not (self._chat and self._chat.busy):
            self._store_rows()
            self._obey(self.commands.get())
        while not self.commands.empty():
            self._obey(self.commands.get())
        slice_seconds = 0.1
        if self._state == "training" and self._run is not None and not self._closing:
            self._run.step()
            self._look_at_limits(self._run)
            slice_seconds = max(0.03, CHAT_SHARE * self._run.pace.step_seconds)
        if self._chat:
            self._chat.serve(slice_seconds)
        if time.monotonic() - self._stored_at >= STORE_SECONDS:
            self._store_rows()

    def _guarded(self, action: Callable[[], None]) -> None:
        """Run `action`; whatever fails ends training with one line and leaves the thread alive."""
        try:
            action()
        except CancelledError:
            self.board.add_event("info", "stopped", "preparation was stopped")
            self._be("stopped")
        except (UserError, EngineError) as error:
            self._fail(str(error), by_user=isinstance(error, UserError))
        except NotFiniteError as error:
            step = self.curriculum.step + 1
            self.board.add_event("error", "not-finite", f"step {step}: {error}")
            self._fail(
                f"step {step} gave {error}: stopped before the weights changed; the last checkpoint is sound. "
                "Try a lower learning rate"
            )
        except torch.OutOfMemoryError:
            self._fail("out of memory: use a smaller --size, or a smaller batch or length in the recipe")
        except Exception as error:  # the thread outlives any fault and says what it was
            log.exception("internal error")
            self._fail(f"internal error: {type(error).__name__}: {error} (details in {self.session.log.name})")

    def _fail(self, reason: str, *, by_user: bool = False) -> None:
        self.board.add_event("error", "failed", reason)
        self._be("failed", error=" ".join(reason.split()), user_error=by_user)
        if self._chat:
            self._chat.give_up(reason)

    def _be(self, state: State, *, error: str = "", user_error: bool = False) -> None:
        self._state = state
        self.board.update(state=state, progress=None, error=error, user_error=user_error)

    def _obey(self, command: Command) -> None:
        if isinstance(command, Generate):
            if self._chat:
                self._chat.ask(command.conversation, command.sampling, command.reply)
            else:
                command.reply.finish("there is no model to talk to yet: start training first")
        elif command == "close":
            self._closing = True
        elif command == "start" and self._state in {"idle", "stopped", "failed", "paused"}:
            self._start()
        elif command == "pause" and self._state == "training":
            self._be("paused")
            self.board.add_event("info", "paused", "training is paused")
        elif command == "resume" and self._state == "paused":
            self._be("training")
            self.board.add_event("info", "resumed", "training goes on")
        elif command == "stop" and self._state in {"training", "paused"}:
            self._stop("stopped")
        elif command == "save" and self._run is not None:
            self._run.save()

    def _open(self) -> None:
        """Load the newest checkpoint, if any, so that one can chat at once."""
        self._restored, damaged = checkpoints.load_newest(self.session.checkpoints)
        if self.session.database.exists():
            with Store.reader(self.session.database) as store:
                self.board.preload(store, self._restored.step if self._restored else 0)
        for line in damaged:
            self.board.add_event("warning", "checkpoint", f"{line}; going on from an older one")
        self.board.update(phases=self.curriculum.status(), phase=self.curriculum.name, memory=memory(None))
        if self._restored is None:
            return
        c = self.curriculum
        c.restore(self._restored.state["curriculum"])
        device, _ = choose_device(self.options.device)
        tokenizer = ChatTokenizer.load(self.session.tokenizer)
        self._chat = chat_with(load_model(self._restored).to(device), tokenizer, self.session.recipe)
        self.board.update(
            can_chat=True,
            phases=c.status(),
            phase=c.name,
            step=c.step,
            steps=c.step + c.steps_ahead,
            tokens=self._restored.state["tokens"],
            train_loss=self._last("train_loss"),
            validation_loss=self._last("validation_loss"),
        )
        self.board.add_event("info", "checkpoint", f"loaded the checkpoint of step {self._restored.step}")
        if c.finished:
            self._be("finished")

    def _last(self, field: str) -> float | None:
        """Return the newest reading of a metric that earlier runs stored."""
        readings = (getattr(metric, field) for metric in reversed(self.board.metrics()))
        return next((value for value in readings if value is not None), None)

    def _start(self) -> None:
        if self._run is None:
            self._be("preparing")
            self._own_session()
            run = set_up(
                self.session,
                self.options,
                self.board,
                self.curriculum,
                self._restored,
                self._report,
                lambda: self.hurry.is_set() or self.killed.is_set(),
            )
            if self._chat:
                self._chat.give_up("the model was loaded anew; ask again")
            self._run, self._chat, self._restored = run, run.chat, None
            gc.collect()
            gc.freeze()  # what is here stays; looking through it again would hold up steps and keys for long
            self.board.update(can_chat=True)
        self._first_step, self._began = self.curriculum.step, time.monotonic()
        self._be("training")
        self._run.begin()
        self._look_at_limits(self._run)

    def _own_session(self) -> None:
        """Become the session's one writer, and forget what lies beyond its newest checkpoint."""
        if self._lock is None:
            self._lock = self.session.lock()
            self._log_handler = open_log(self.session.log)
            self._store = Store.writer(self.session.database)
            self._store.truncate(self._restored.step if self._restored else 0)

    def _disown_session(self) -> None:
        if self._store is not None:
            self._store.close()
        if self._log_handler is not None:
            close_log(self._log_handler)
        if self._lock is not None:
            self._lock.release()

    def _report(self, progress: Progress) -> None:
        self.board.update(progress=progress, memory=memory(None))
        if self._chat:
            self._chat.serve(0.05)

    def _look_at_limits(self, run: Run) -> None:
        if run.curriculum.finished:
            self._be("finished")
            return
        taken = self.curriculum.step - self._first_step
        steps, seconds = self.options.max_steps, self.options.max_seconds
        if steps is not None and taken >= steps:
            self._stop(f"stopped after {taken} steps, as asked")
        elif seconds is not None and time.monotonic() - self._began >= seconds:
            self._stop(f"stopped after {seconds:.0f} seconds, as asked")

    def _stop(self, why: str) -> None:
        assert self._run is not None
        self._run.save()
        self.board.add_event("info", "stopped", f"{why} (step {self.curriculum.step})")
        self._be("stopped")

    def _store_rows(self) -> None:
        self._stored_at = time.monotonic()
        if self._store is None or self._run is None:
            return
        unstored = self.board.take_unstored()
        if any(unstored):
            with self._run.disk_may_refuse():
                self._store.append(**unstored._asdict())
        for event in unstored.events:
            log.log(getattr(logging, event.level.upper()), "step %d, %s: %s", event.step, event.kind, event.text)
