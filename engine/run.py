"""A session being trained: step after step, and what is due after each.

After a step come, where due, checkpoint, evaluation, gate, sample and the phase's end, in this order. A
checkpoint is saved before its evaluation and marked as pending, so that a run that resumes from it does the
evaluation first and goes on exactly as one that was never interrupted.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch

from engine import checkpoint as checkpoints
from engine.board import KEPT_WORD_TURNS, Board
from engine.chat import Chat, conversation_of
from engine.curriculum import Curriculum, measures_of
from engine.data.packing import PackedBatches
from engine.data.prepared import PreparedData
from engine.device import memory
from engine.errors import EngineError
from engine.meaning import watched_words
from engine.optim import learning_rate
from engine.pace import Pace, Window
from engine.session import Session
from engine.status import Metric, Sample, Sampling, WordTurns
from engine.trainer import Trainer
from model.stored import stored_tensors

VALIDATION_TOKENS = 16_384
"""Tokens of a validation reading, at least a batch."""
STORED_METRICS = 5_000
"""Metric rows a whole session stores, about; the steps between are averaged."""
SAMPLE_MESSAGES = ("Hello! How are you?", "What is your favourite colour?", "What sound does a cow make?")
SAMPLE_TEXT = "Once upon a time"


class Run:
    """Everything training needs; `resumed` is the state of the checkpoint it goes on from, if any."""

    def __init__(
        self,
        session: Session,
        board: Board,
        curriculum: Curriculum,
        trainer: Trainer,
        data: PreparedData,
        chat: Chat,
        resumed: Mapping[str, Any] | None,
    ) -> None:
        self.session, self.board, self.curriculum = session, board, curriculum
        self.trainer, self.data, self.chat = trainer, data, chat
        self.batches: PackedBatches = data.batches(curriculum.name, "train")
        self._watched = watched_words(data.tokenizer) if trainer.model.config.axes else {}
        self.tokens = 0
        self.pace = Pace()
        self._window = Window(max(1, curriculum.recipe.steps // STORED_METRICS))
        self._best: tuple[int, float] | None = None
        self._saved_step = -1
        self._pending = False
        if resumed is not None:
            self.batches.restore(resumed["batches"])
            self.tokens, self._pending = resumed["tokens"], resumed["pending"]
            self._saved_step = curriculum.step
            self._best = checkpoints.read_best(session.checkpoints)

    def begin(self) -> None:
        """Say where training goes on, and make up for an evaluation that a kill cut short."""
        self.board.add_event("info", "phase", self._phase_line())
        if self._pending:
            self._pending = False
            self._after_step()

    def step(self) -> None:
        """Take one step and do what is due after it."""
        c = self.curriculum
        began = time.perf_counter()
        rate = learning_rate(c.phase, c.phase_step)
        result = self.trainer.step(self.batches.next(), rate)
        self.pace.add(time.perf_counter() - began, result.tokens)
        self.chat.weights_changed()
        c.advance()
        self.tokens += result.tokens
        if row := self._window.add(result):
            self.board.add_metric(
                c.step,
                c.name,
                train_loss=row.loss,
                learning_rate=rate,
                gradient_norm=row.gradient_norm,
                tokens_per_second=self.pace.tokens_per_second,
            )
            self.board.update(train_loss=row.loss, learning_rate=rate, gradient_norm=row.gradient_norm)
        self.show()
        self._after_step()
        # Counted last, so that a run that resumes at a phase's end reads the same there.
        c.seconds += time.perf_counter() - began

    def save(self) -> None:
        """Write a checkpoint unless this step has one."""
        if self._saved_step != self.curriculum.step:
            self._save(pending=False)

    def show(self) -> None:
        """Bring the snapshot up to date."""
        c, pace = self.curriculum, self.pace
        ahead_in_phase = 0 if c.finished else c.phase.steps - c.phase_step
        rate = pace.tokens_per_second
        self.board.update(
            phases=c.status(),
            phase=c.name,
            step=c.step,
            steps=c.step + c.steps_ahead,
            tokens=self.tokens,
            tokens_per_second=rate or None,
            step_seconds=pace.step_seconds or None,
            phase_eta_seconds=pace.step_seconds * ahead_in_phase if rate else None,
            eta_seconds=c.tokens_ahead / rate if rate else None,
            best_loss=self._best[1] if self._best else None,
            memory=memory(self.trainer.device),
        )

    @contextlib.contextmanager
    def disk_may_refuse(self) -> Iterator[None]:
        """Say what could not be written and go on: what was saved before is in place."""
        try:
            yield
        except EngineError as error:
            self.board.add_event("error", "disk", f"{error}; what was saved before is untouched, training goes on")

    def _after_step(self) -> None:
        c = self.curriculum
        if c.phase_over or c.phase_step % c.phase.evaluate_every == 0:
            self._save(pending=True)
            self._evaluate()
        elif c.step % c.recipe.checkpoint_every == 0:
            self._save(pending=False)
        over = c.phase_over
        if over or c.phase_step % c.phase.sample_every == 0:
            self._sample()
        if over:
            self._end_phase()
        self.show()

    def _save(self, *, pending: bool, again: bool = False) -> None:
        c = self.curriculum
        if self._saved_step == c.step and not again:
            return
        state = {
            "pending": pending,
            "curriculum": c.state(),
            "batches": self.batches.state(),
            "tokens": self.tokens,
            "sources": self.data.sources,
            "model": asdict(self.trainer.model.config),
            "plan": asdict(self.trainer.plan),
            "recipe": c.recipe.name,
        }
        root = self.session.checkpoints
        tensors = stored_tensors(self.trainer.model), self.trainer.optimizer_tensors()
        with self.disk_may_refuse():
            checkpoints.save(root, checkpoints.Checkpoint(c.step, *tensors, state))
            self._saved_step = c.step
            best = {self._best[0]} if self._best else set()
            checkpoints.remove(root, {*checkpoints.steps(root)[-2:], *c.phase_ends, *best})

    def _evaluate(self) -> None:
        c = self.curriculum
        rows = max(c.phase.batch, VALIDATION_TOKENS // c.phase.length)
        loss = self.trainer.validate(self.data.validation(c.name, rows))
        was_open = c.gate_open
        holds = c.read(measures_of(loss))
        if not self._here(self.board.metrics(), "validation_loss"):
            self.board.add_metric(c.step, c.name, validation_loss=loss)
        self._watch_words()
        self.board.update(validation_loss=loss)
        if math.isfinite(loss) and (self._best is None or loss < self._best[1]):
            self._best = c.step, loss
            with self.disk_may_refuse():
                checkpoints.write_best(self.session.checkpoints, *self._best)
        if c.gate_open and not was_open:
            self.board.add_event("info", "gate", f"the gate of {c.name} is open: {self._gate_line()}")
        elif holds and not was_open:
            self.board.add_event("info", "gate", f"the gate of {c.name} holds once: {self._gate_line()}")

    def _watch_words(self) -> None:
        """Record where some words lie on the named axes, at so many evaluations of a session at most."""
        c, embedding = self.curriculum, self.trainer.model.embedding
        axes = embedding.config.axes
        if not axes:
            return
        evaluations = sum(phase.steps // phase.evaluate_every + 1 for phase in c.recipe.phases.values())
        due = c.phase_over or (c.phase_step // c.phase.evaluate_every) % (evaluations // KEPT_WORD_TURNS + 1) == 0
        if not due or self._here(self.board.word_turns(), "words"):
            return
        rows = embedding.values()[list(self._watched.values()), : len(axes)]
        words = zip(self._watched, (tuple(round(turn, 2) for turn in row) for row in rows.tolist()), strict=True)
        self.board.add_word_turns(c.step, axes, tuple(words))

    def _sample(self) -> None:
        """Let the live model speak; seeded by the step, so a resumed run says the same."""
        c = self.curriculum
        if self._here(self.board.samples(), "messages"):
            return
        sampling = Sampling(seed=c.step, max_tokens=90)
        messages: list[tuple[str, str]] = []
        if self.data.conversation_share(c.name) < 0.5:
            messages.append(("text", self.chat.continue_text(SAMPLE_TEXT, sampling)))
        else:
            said: list[str] = []
            for question in SAMPLE_MESSAGES:
                answer = self.chat.say(conversation_of(*said, question), sampling)
                said += [question, answer]
                messages += [("user", question), ("assistant", answer)]
        self.board.add_sample(c.step, c.name, tuple(messages))

    def _here(self, rows: Sequence[Metric] | Sequence[Sample] | Sequence[WordTurns], field: str) -> bool:
        """Return whether this step's row is there already: a resumed run meets it again."""
        newest = [row for row in rows[-4:] if row.step == self.curriculum.step]
        return any(getattr(row, field) is not None for row in newest)

    def _end_phase(self) -> None:
        c = self.curriculum
        self.board.add_event("info", "data", self._reading_line())
        if c.phase.gate and not c.gate_open:
            self.board.add_event(
                "warning",
                "gate",
                f"the steps of {c.name} are used up before its gate opened ({self._gate_line()}); going on",
            )
        c.next_phase()
        if not c.finished:
            self._best = None
        self._window = Window(max(1, c.recipe.steps // STORED_METRICS))
        if c.finished:
            self._save(pending=False, again=True)
            line = f"all phases are done: {c.step:,} steps, {self.tokens:,} tokens"
            self.board.add_event("info", "finished", line)
            return
        if c.seconds:
            c.fit(self.tokens / c.seconds)
        if self.trainer.device.type != "cpu":
            torch.accelerator.empty_cache()  # rows of another length are coming
        self.batches = self.data.batches(c.name, "train")
        self.pace = Pace()
        self.board.add_event("info", "phase", self._phase_line())

    def _phase_line(self) -> str:
        c, p = self.curriculum, self.curriculum.phase
        parts = self.data.mixes[c.name]
        total = sum(parts.values())
        mix = ", ".join(f"{weight / total:.0%} {name}" for (name, _), weight in parts.items() if weight > 0)
        size = f"{p.batch} x {p.length} tokens"
        return f"{c.name}: step {c.phase_step} of {p.steps}, {size}, rate {p.learning_rate:g}; {mix}"

    def _reading_line(self) -> str:
        """Say how often each source was gone through in a phase, and how full the rows were."""
        names = [name for (name, _), weight in self.data.mixes[self.curriculum.name].items() if weight > 0]
        epochs = zip(names, self.batches.epochs, strict=True)
        read = ", ".join(f"{name} {times:.2f}" for name, times in epochs)
        return f"{self.curriculum.name} read its sources so many times: {read}; padding {self.batches.waste:.1%}"

    def _gate_line(self) -> str:
        gate = self.curriculum.status()[self.curriculum.index].gate
        return ", ".join(
            f"{g.measure} {g.value:.3g}, wanted {g.comparison} {g.threshold:g}" for g in gate if g.value is not None
        )
