"""What a recipe would build and what this machine is, without training anything."""

from __future__ import annotations

import platform
from dataclasses import replace
from typing import Any

import psutil

from engine.recipe import Recipe
from model.config import ModelConfig, Part, named, parameter_table


def model_config(recipe: Recipe, vocabulary: int | None = None) -> ModelConfig:
    """Return the network's shape for a recipe; `vocabulary` is the tokenizer's real size once it is known."""
    settings = recipe.model
    longest = max(phase.length for phase in recipe.phases.values())
    shape = named(
        settings.size,
        vocabulary=vocabulary or settings.vocabulary,
        turns=settings.turns,
        degree=settings.degree,
        head=settings.head,
        layers=settings.layers,
        width=settings.width,
    )
    return replace(shape, context=max(shape.context, longest))


def parameters(recipe: Recipe) -> list[Part]:
    """Return the parameter table of a recipe's network: trunk, turns, generator, head, and a full table instead."""
    return parameter_table(model_config(recipe))


def describe_machine() -> dict[str, Any]:
    """Return what `doctor` prints: names and plain values; imports torch."""
    import torch

    from engine.device import choose_device, compiler, cores, processor
    from engine.precision import remembered_trials

    device, reason = choose_device("auto")
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "torch": torch.__version__,
        "processor": processor(),
        "cores": cores(),
        "memory_bytes": psutil.virtual_memory().total,
        "device": f"{device.type} ({reason})",
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "compiler": compiler() or "none: training runs without torch.compile",
        "measured": remembered_trials(),
    }
