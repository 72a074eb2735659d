"""Parameter groups and the learning-rate schedule."""

from __future__ import annotations

import math
from typing import NotRequired, TypedDict

import torch
from torch import nn

from engine.device import Precision
from engine.muon import MuonAdamW
from engine.recipe import OptimizerSettings, PhaseSettings
from model.turngpt import TurnGPT

JOINED = {"attention.qkv": 3, "mlp.gate_up": 2}
"""Layers whose weight joins several matrices by rows, and how many (model/transformer.py)."""


class Group(TypedDict):
    """One group of the optimiser; `scale` multiplies the scheduled rate."""

    name: str
    params: list[nn.Parameter]
    weight_decay: float
    scale: float
    parts: NotRequired[list[int]]
    """Muon's: how many matrices each parameter joins."""


def parameter_groups(model: TurnGPT, settings: OptimizerSettings) -> list[Group]:
    """Sort every parameter into exactly one named group.

    Turns learn at their own rate, since they live on another scale (-10..10), and the generator at a lower one, since
    each of its numbers moves every token; decay is for the trunk's matrices and a full head, never for turns, the
    generator, gains or biases.
    """
    embedding, decay = model.embedding, settings.weight_decay
    groups: dict[str, Group] = {
        "turns": {"name": "turns", "params": [], "weight_decay": 0.0, "scale": settings.turns_rate},
        "generator": {"name": "generator", "params": [], "weight_decay": 0.0, "scale": settings.generator_rate},
        "matrices": {"name": "matrices", "params": [], "weight_decay": decay, "scale": 1.0},
        "head": {"name": "head", "params": [], "weight_decay": decay, "scale": 1.0},
        "vectors": {"name": "vectors", "params": [], "weight_decay": 0.0, "scale": 1.0},
    }
    parts: list[int] = []
    for name, parameter in model.named_parameters():
        if parameter is embedding.turns:
            kind = "turns"
        elif name.startswith("embedding."):
            kind = "generator"
        elif parameter is model.head:
            kind = "head"
        elif parameter.ndim == 2:
            kind = "matrices"
            parts.append(next((count for layer, count in JOINED.items() if name.endswith(f"{layer}.weight")), 1))
        else:
            kind = "vectors"
        groups[kind]["params"].append(parameter)
    if settings.matrices == "muon":
        groups["matrices"]["parts"] = parts
    return [group for group in groups.values() if group["params"]]


def build_optimizer(model: TurnGPT, settings: OptimizerSettings, precision: Precision = "fp32") -> torch.optim.AdamW:
    """Return the optimiser over the named groups; AdamW is fused where that is sound (not on MPS)."""
    return MuonAdamW(
        parameter_groups(model, settings),  # type: ignore[arg-type]
        dtype=torch.bfloat16 if precision == "bf16" else torch.float32,
        lr=0.0,
        betas=settings.betas,
        eps=1e-10,
        fused=model.embedding.turns.device.type in {"cpu", "cuda"},
    )


def learning_rate(phase: PhaseSettings, step: int) -> float:
    """Return the rate of a phase's step (from 0): a linear rise, then a cosine down to `final_rate`."""
    warmup = math.ceil(phase.warmup * phase.steps)
    if step < warmup:
        return phase.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(1, phase.steps - warmup)
    share = phase.final_rate + (1 - phase.final_rate) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return phase.learning_rate * share
