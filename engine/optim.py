"""Parameter groups and the learning-rate schedule."""

from __future__ import annotations

import math
from typing import TypedDict

import torch
from torch import nn

from engine.recipe import OptimizerSettings, PhaseSettings
from model.turngpt import TurnGPT


class Group(TypedDict):
    """One group of AdamW; `scale` multiplies the scheduled rate."""

    name: str
    params: list[nn.Parameter]
    weight_decay: float
    scale: float


def parameter_groups(model: TurnGPT, settings: OptimizerSettings) -> list[Group]:
    """Sort every parameter into exactly one named group.

    Turns learn at their own rate, since they live on another scale (-10..10); decay is for the trunk's
    matrices and a full head, never for turns, the generator, gains or biases.
    """
    embedding = model.embedding
    groups: dict[str, Group] = {
        "turns": {
            "name": "turns",
            "params": [embedding.turns],
            "weight_decay": 0.0,
            "scale": settings.turns_rate,
        },
        "generator": {
            "name": "generator",
            "params": [embedding.matrix, embedding.origin],
            "weight_decay": 0.0,
            "scale": 1.0,
        },
        "matrices": {"name": "matrices", "params": [], "weight_decay": settings.weight_decay, "scale": 1.0},
        "vectors": {"name": "vectors", "params": [], "weight_decay": 0.0, "scale": 1.0},
    }
    sorted_already = {id(parameter) for parameter in embedding.parameters()}
    for parameter in model.parameters():
        if id(parameter) not in sorted_already:
            groups["matrices" if parameter.ndim == 2 else "vectors"]["params"].append(parameter)
    count = sum(len(group["params"]) for group in groups.values())
    assert count == len(list(model.parameters())), "a parameter is in no group or in two"
    return list(groups.values())


def build_optimizer(model: TurnGPT, settings: OptimizerSettings) -> torch.optim.AdamW:
    """Return AdamW over the named groups, fused where that is sound (not on MPS, see docs/architecture.md)."""
    fused = model.embedding.turns.device.type in {"cpu", "cuda"}
    return torch.optim.AdamW(
        parameter_groups(model, settings),  # type: ignore[arg-type]
        lr=0.0,
        betas=settings.betas,
        eps=1e-10,
        fused=fused,
    )


def learning_rate(phase: PhaseSettings, step: int) -> float:
    """Return the rate of a phase's step (from 0): a linear rise, then a cosine down to `final_rate`."""
    warmup = math.ceil(phase.warmup * phase.steps)
    if step < warmup:
        return phase.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(1, phase.steps - warmup)
    share = phase.final_rate + (1 - phase.final_rate) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
    return phase.learning_rate * share
