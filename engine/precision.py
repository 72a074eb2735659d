"""Precision and compilation, measured on the real model and remembered for the machine.

Each candidate this machine has (fp32 and bf16 autocast, with and without `torch.compile`) runs a few real
steps; one whose loss or gradients do not agree with fp32 on the CPU is out; the fastest left is taken.
Compiling costs half a minute, so it is tried only where the training ahead is long enough to win it back.
Speeds and verdicts are kept in the user's cache folder, keyed by machine, PyTorch, model and batch.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import hashlib
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import platformdirs
import torch

from engine.data.packing import Batch
from engine.device import Plan, Precision, compiler, processor
from engine.errors import UserError
from engine.recipe import OptimizerSettings
from engine.trainer import Trainer
from model.turngpt import TurnGPT

TIMED_STEPS = 5
HOPELESS_SECONDS = 1.0
"""A step over two rows that takes longer than this is not timed on a whole batch."""
COMPILE_PAYS_SECONDS = 300.0
"""Training ahead, in seconds without compiling, from which a compilation of ~30 s is tried."""
TOLERANCE = {"fp32": (1e-4, 0.9999), "bf16": (2e-2, 0.98)}
"""Greatest relative error of the loss, least cosine of the gradient, against fp32 on the CPU."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What one candidate showed."""

    precision: Precision
    compile: bool
    tokens_per_second: float
    loss_error: float
    gradient_cosine: float

    @property
    def sound(self) -> bool:
        """True if loss and gradients agree with the reference."""
        error, cosine = TOLERANCE[self.precision]
        return self.loss_error <= error and self.gradient_cosine >= cosine

    def __str__(self) -> str:
        mode = f"{self.precision}{' compiled' if self.compile else ''}"
        return f"{mode} {self.tokens_per_second:,.0f} tokens/s" + ("" if self.sound else " (disagrees with fp32: out)")


def choose_plan(
    model: TurnGPT,
    batch: Batch,
    settings: OptimizerSettings,
    device: torch.device,
    *,
    precision: str = "auto",
    compile_: str = "auto",
    tokens_ahead: int = 0,
    seconds_ahead: float = math.inf,
    report: Callable[[str], None] = lambda _: None,
) -> Plan:
    """Return the fastest sound plan for `model` on `device`; the model is left as it was.

    `precision` is auto, fp32 or bf16; `compile_` is auto, on or off; `tokens_ahead` is the training to come,
    which takes `seconds_ahead` at most.
    Raises UserError for other words, or if a mode that was asked for cannot work here.
    """
    if precision not in {"auto", "fp32", "bf16"}:
        raise UserError(f"--precision {precision}: unknown; use auto, fp32 or bf16")
    if compile_ not in {"auto", "on", "off"}:
        raise UserError(f"--compile {compile_}: unknown; use auto, on or off")
    can_compile = device.type == "cuda" or (device.type == "cpu" and compiler() is not None)
    if compile_ == "on" and not can_compile:
        raise UserError(f"--compile on: not possible on {device.type} here (it needs CUDA, or a C++ compiler on a CPU)")
    if precision != "auto" and compile_ != "auto":
        return Plan(str(device), precision, compile_ == "on")  # type: ignore[arg-type]
    precisions: list[Precision] = [precision] if precision != "auto" else ["fp32", "bf16"]  # type: ignore[list-item]

    memo = _Memo(_key(model, batch, settings, device))

    @functools.cache
    def reference(rows: int) -> tuple[float, torch.Tensor]:
        return _gradient(Trainer(copy.deepcopy(model).cpu(), settings, Plan("cpu")), _head(batch, rows))

    def trial(mode: Precision, compiled: bool) -> Trial:
        known = memo.get(mode, compiled)
        if known is None:
            report(f"measuring {mode}{' compiled' if compiled else ''}")
            # A compiled step is for one shape; elsewhere two rows show as much as all.
            rows = len(batch.ids) if compiled else 2
            known = _try(model, batch, settings, Plan(str(device), mode, compiled), _head(batch, rows), reference(rows))
            memo.put(known)
        return known

    trials = [trial(mode, False) for mode in precisions] if compile_ != "on" else []
    note = ""
    if compile_ == "on":
        trials = [trial(mode, True) for mode in precisions]
    elif not can_compile:
        note = "; torch.compile is not used on MPS" if device.type == "mps" else "; no C++ compiler: not compiled"
    elif compile_ == "auto":
        fastest = max(trials, key=lambda one: one.tokens_per_second * one.sound)
        ahead = min(tokens_ahead / fastest.tokens_per_second, seconds_ahead)
        if ahead >= COMPILE_PAYS_SECONDS:
            trials.append(trial(fastest.precision, True))
        else:
            note = f"; compiling would not pay for {ahead:.0f} s of training"
    sound = [one for one in trials if one.sound]
    if not sound:
        if precision == "auto":
            return Plan(str(device), "fp32", False, "no measured mode agreed with fp32 on the CPU")
        raise UserError(f"--precision {precision}: loss or gradients disagree with fp32 on this machine; use fp32")
    best = max(sound, key=lambda one: one.tokens_per_second)
    figures = ", ".join(str(one) for one in trials)
    return Plan(str(device), best.precision, best.compile, f"measured: {figures}{note}", best.tokens_per_second)


def _try(
    model: TurnGPT,
    batch: Batch,
    settings: OptimizerSettings,
    plan: Plan,
    few: Batch,
    reference: tuple[float, torch.Tensor],
) -> Trial:
    """Compare loss and gradients of `few` rows with `reference`, then time steps on the whole batch."""
    trainer = Trainer(copy.deepcopy(model), settings, plan)
    loss, gradient = _gradient(trainer, few)
    trainer.optimizer.zero_grad()
    seconds = [_seconds(trainer, few)] if len(few.ids) < len(batch.ids) else []
    if seconds and seconds[0] > HOPELESS_SECONDS:
        # A mode without hardware behind it (bf16 on an older CPU) may take minutes for a whole batch.
        speed = few.ids.size / seconds[0]
    else:
        _seconds(trainer, batch)
        # The best of some steps: what else the machine does can only make a step slower.
        speed = batch.ids.size / min(_seconds(trainer, batch) for _ in range(TIMED_STEPS))
    return Trial(
        plan.precision,
        plan.compile,
        tokens_per_second=speed,
        loss_error=abs(loss - reference[0]) / max(abs(reference[0]), 1e-9),
        gradient_cosine=torch.nn.functional.cosine_similarity(gradient, reference[1], dim=0).item(),
    )


def _gradient(trainer: Trainer, batch: Batch) -> tuple[float, torch.Tensor]:
    """Return the mean loss and all gradients as one fp32 vector on the CPU."""
    loss = float(trainer.backward(batch))
    gradients = [p.grad for p in trainer.model.parameters()]
    return loss, torch.cat([g.float().flatten().cpu() for g in gradients if g is not None])


def _head(batch: Batch, rows: int) -> Batch:
    return Batch(batch.ids[:rows], batch.targets[:rows], batch.segments[:rows])


def _seconds(trainer: Trainer, batch: Batch) -> float:
    _synchronise(trainer.device)
    began = time.perf_counter()
    trainer.step(batch, 0.0)
    _synchronise(trainer.device)
    return time.perf_counter() - began


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _key(model: TurnGPT, batch: Batch, settings: OptimizerSettings, device: torch.device) -> str:
    parts = [processor(), device.type, torch.__version__, repr(model.config), str(batch.ids.shape), settings.matrices]
    return " | ".join(parts[:3]) + " | " + hashlib.sha256("|".join(parts).encode()).hexdigest()[:12]


def _memo_path() -> Path:
    folder = os.environ.get("TURNGPT_CACHE") or platformdirs.user_cache_dir("turngpt-tui")
    return Path(folder) / "trials.json"


def _read_memo() -> dict[str, list[dict[str, Any]]]:
    try:
        table = json.loads(_memo_path().read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return table if isinstance(table, dict) else {}


def remembered_trials() -> dict[str, list[str]]:
    """Return what was measured on this machine: key -> one line a mode."""
    return {key: [str(Trial(**row)) for row in rows] for key, rows in _read_memo().items()}


class _Memo:
    """Trials of one machine, model and batch, kept on disk; a memo that cannot be written is only slower."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.trials = [Trial(**row) for row in _read_memo().get(key, [])]

    def get(self, precision: str, compiled: bool) -> Trial | None:
        found = [one for one in self.trials if (one.precision, one.compile) == (precision, compiled)]
        return found[0] if found else None

    def put(self, trial: Trial) -> None:
        self.trials.append(trial)
        table = _read_memo() | {self.key: [asdict(one) for one in self.trials]}
        path = _memo_path()
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_suffix(f".{os.getpid()}")
            temporary.write_text(json.dumps(table, indent=1), "utf-8")
            temporary.replace(path)
