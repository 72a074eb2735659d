"""One optimisation step after another; no I/O, no clock, no front end.

A step is a batch of rows split into micro-batches of at most `MICRO_TOKENS` tokens. The summed loss of
each is divided by the learned tokens of the whole batch, so the split changes nothing but memory.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.data.packing import Batch
from engine.device import Plan
from engine.meaning import Started
from engine.optim import build_optimizer
from engine.recipe import OptimizerSettings
from model.loss import IGNORED
from model.stored import rounded_parameters
from model.turngpt import TurnGPT

STARTED = ("started.ids", "started.values")
FREE = "free"
MICRO_TOKENS = 8192
"""Most tokens in one pass; below 32,768, see ModelConfig on M1."""


class NotFiniteError(ArithmeticError):
    """Loss or gradient is infinite or not a number; the weights were not touched."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one optimisation step showed."""

    loss: float
    """Nats a learned token."""
    gradient_norm: float
    tokens: int
    """Positions computed, padding included."""


class Trainer:
    """A model, its optimiser and the way they run on this machine."""

    def __init__(self, model: TurnGPT, settings: OptimizerSettings, plan: Plan, started: Started | None = None) -> None:
        """`started` are tokens that `settings.anchor` keeps where they began on the named axes."""
        self.model = model.to(plan.device)
        self.settings = settings
        self.plan = plan
        self.started = started
        self.optimizer = build_optimizer(model, settings, plan.precision)
        self._loss: Callable[[Tensor, Tensor, Tensor], Tensor] = (
            torch.compile(model.loss, dynamic=False) if plan.compile else model.loss
        )

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.embedding.turns.device

    def autocast(self) -> contextlib.AbstractContextManager[None]:
        """The precision of matrix products."""
        if self.plan.precision == "fp32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    def step(self, batch: Batch, learning_rate: float) -> StepResult:
        """Take one step; raises NotFiniteError before the weights change."""
        loss = self.backward(batch)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip)
        loss_value, norm_value = torch.stack([loss.detach(), norm]).tolist()
        if not (math.isfinite(loss_value) and math.isfinite(norm_value)):
            self.optimizer.zero_grad()
            raise NotFiniteError(f"loss {loss_value}, gradient norm {norm_value}")
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate * group["scale"]
        self.optimizer.step()
        self.model.embedding.keep_in_range()
        self._pull_back()
        self.optimizer.zero_grad()
        return StepResult(loss_value, norm_value, batch.ids.size)

    @torch.no_grad()
    def _pull_back(self) -> None:
        """Put started tokens back to, or on their way to, where they began."""
        if self.started is None or not self.settings.anchor:
            return
        ids, values = self.started.ids.to(self.device), self.started.values.to(self.device)
        named = self.model.embedding.turns[:, : values.shape[1]]
        named[ids] = torch.lerp(named[ids], values, self.settings.anchor)

    def backward(self, batch: Batch) -> Tensor:
        """Add the gradients of the mean loss over the batch's learned tokens; returns that loss."""
        learned = max(1, int((batch.targets != IGNORED).sum()))
        rows = max(1, MICRO_TOKENS // batch.ids.shape[1])
        total = torch.zeros((), device=self.device)
        for ids, targets, segments in self._micro_batches(batch, rows):
            with self.autocast():
                loss = self._loss(ids, targets, segments) / learned
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach()
        return total

    @torch.no_grad()
    def validate(self, batches: Iterable[Batch]) -> float:
        """Return the mean loss in nats a learned token, in fp32, over all `batches`; NaN if nothing is learned."""
        total, learned = 0.0, 0
        for batch in batches:
            rows = max(1, MICRO_TOKENS // batch.ids.shape[1])
            learned += int((batch.targets != IGNORED).sum())
            for ids, targets, segments in self._micro_batches(batch, rows):
                total += float(self.model.loss(ids, targets, segments))
        return total / learned if learned else math.nan

    def _micro_batches(self, batch: Batch, rows: int) -> Iterable[tuple[Tensor, Tensor, Tensor]]:
        for start in range(0, len(batch.ids), rows):
            part = slice(start, start + rows)
            yield (
                self._tensor(batch.ids[part]),
                self._tensor(batch.targets[part]),
                self._tensor(batch.segments[part]),
            )

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(self.device)

    def optimizer_tensors(self) -> dict[str, Tensor]:
        """Return what a model's file does not hold and training goes on with, as named tensors.

        The optimiser's state (`parameter.exp_avg` and so on), the free values behind rounded ones, the started tokens.
        """
        names = {id(parameter): name for name, parameter in self.model.named_parameters()}
        started = {} if self.started is None else {STARTED[0]: self.started.ids, STARTED[1]: self.started.values}
        free = {f"{name}.{FREE}": value.detach() for name, value in rounded_parameters(self.model).items()}
        return (
            started
            | free
            | {
                f"{names[id(parameter)]}.{key}": torch.as_tensor(value)
                for parameter, state in self.optimizer.state.items()
                for key, value in state.items()
            }
        )

    def load_optimizer_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Set the optimiser's state and free values from `optimizer_tensors`' result."""
        parameters = dict(self.model.named_parameters())
        self.optimizer.state.clear()
        self.started = Started(*(tensors[name] for name in STARTED)) if STARTED[0] in tensors else None
        for name, tensor in tensors.items():
            if name in STARTED:
                continue
            parameter_name, _, key = name.rpartition(".")
            parameter = parameters[parameter_name]
            if key == FREE:
                parameter.detach().copy_(tensor)
                continue
            # The step counter lives where the optimiser made it: with the parameter if fused, else on the CPU.
            on_device = key != "step" or bool(self.optimizer.param_groups[0]["fused"])
            self.optimizer.state[parameter][key] = tensor.to(parameter.device if on_device else "cpu", copy=True)
