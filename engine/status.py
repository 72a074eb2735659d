"""What the engine tells a front end: frozen records of plain numbers and strings, never a tensor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

State = Literal["idle", "preparing", "training", "paused", "finished", "stopped", "failed", "closed"]
Level = Literal["info", "warning", "error"]


Say = Callable[[str, int, int | None, str], None]
"""Takes what is being done, how much of it is done, of how much in all, and the unit; may raise CancelledError."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long preparation (data, tokenizer, probe) has come."""

    what: str
    done: int
    total: int | None
    unit: str = ""
    eta_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes in use; `device` and `limit` are None on a CPU."""

    process: int
    device: int | None = None
    limit: int | None = None
    """What the machine recommends at most (MPS, CUDA), or its physical memory."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One condition of a gate beside its present value."""

    measure: str
    comparison: Literal["<", "<=", ">", ">="]
    threshold: float
    value: float | None = None
    met: bool = False


@dataclass(frozen=True, slots=True)
class PhaseStatus:
    """One phase of the recipe as it stands."""

    name: str
    state: Literal["waiting", "running", "done"]
    step: int
    steps: int
    gate: tuple[Criterion, ...] = ()
    gate_open: bool | None = None
    """None before the first reading."""


@dataclass(frozen=True, slots=True)
class Metric:
    """The averages of a few training steps, or one validation reading; None where it was not measured."""

    id: int
    step: int
    phase: str
    time: float
    """Seconds since the epoch."""
    train_loss: float | None = None
    """Nats a token."""
    validation_loss: float | None = None
    learning_rate: float | None = None
    gradient_norm: float | None = None
    tokens_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened and is worth a line in the log."""

    id: int
    time: float
    level: Level
    kind: str
    """A short stable name: `phase`, `gate`, `checkpoint`, `choice`, `paused`, `not-finite`, `disk`, ..."""
    text: str
    step: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """A conversation the live model was made to hold, to show how it speaks at this step."""

    id: int
    time: float
    step: int
    phase: str
    messages: tuple[tuple[str, str], ...]
    """(role, content) pairs."""


@dataclass(frozen=True, slots=True)
class WordTurns:
    """Where some words lay on the named axes at an evaluation."""

    id: int
    time: float
    step: int
    axes: tuple[str, ...]
    words: tuple[tuple[str, tuple[float, ...]], ...]
    """(word, its turns as they would be stored, one an axis)."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a front end draws at a glance; cheap to take at 10 Hz."""

    state: State = "idle"
    session: str = ""
    recipe: str = ""
    device: str = ""
    """What runs and how, for people: `cpu, fp32, compiled`."""
    progress: Progress | None = None
    phases: tuple[PhaseStatus, ...] = ()
    phase: str = ""
    step: int = 0
    """Optimisation steps since the session began."""
    steps: int = 0
    """Steps of the whole recipe."""
    tokens: int = 0
    train_loss: float | None = None
    validation_loss: float | None = None
    best_loss: float | None = None
    learning_rate: float | None = None
    gradient_norm: float | None = None
    tokens_per_second: float | None = None
    step_seconds: float | None = None
    eta_seconds: float | None = None
    phase_eta_seconds: float | None = None
    memory: Memory = field(default_factory=lambda: Memory(process=0))
    can_chat: bool = False
    """True as soon as there are weights to talk to."""
    error: str = ""
    """Why the engine failed, one line."""
    user_error: bool = False
    """True if what failed is what the user gave."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn."""

    temperature: float = 0.3
    """0 takes the likeliest token."""
    top_k: int = 40
    """0 keeps all."""
    top_p: float = 0.95
    repetition_penalty: float = 1.05
    """Above 1 makes tokens of the reply so far less likely (Keskar et al. 2019)."""
    max_tokens: int = 120
    seed: int | None = None
    """None draws a fresh one."""
