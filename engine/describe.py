"""What a recipe would build and what this machine is, without training anything."""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from engine.errors import UserError
from engine.recipe import Recipe
from model.config import EMBEDDINGS, ModelConfig, named
from model.layout import Part, parameter_table
from model.lexicon import Lexicon, load_lexicon


def model_config(recipe: Recipe, vocabulary: int | None = None) -> ModelConfig:
    """Return the network's shape for a recipe; `vocabulary` is the tokenizer's real size once it is known."""
    settings = recipe.model
    axes = tuple(axis.name for axis in lexicon_of(recipe).axes) if settings.start == "meaning" else ()
    shape = EMBEDDINGS[settings.embedding]
    turns = settings.turns or shape["turns"]
    if len(axes) > turns:
        raise UserError(
            f"the lexicon has {len(axes)} axes, but a token {turns} turns; give model.turns={len(axes)} or more"
        )
    longest = max(phase.length for phase in recipe.phases.values())
    config = named(
        settings.size,
        **(shape | {"turns": turns}),
        vocabulary=vocabulary or settings.vocabulary,
        head=settings.head,
        layers=settings.layers,
        width=settings.width,
    )
    return replace(config, context=max(config.context, longest), axes=axes)


def lexicon_of(recipe: Recipe) -> Lexicon:
    """Return the lexicon of a recipe, its own files included; UserError naming the file and what is wrong in it."""
    try:
        return load_lexicon([Path(path).expanduser() for path in recipe.model.lexicons])
    except ValueError as error:
        raise UserError(f"lexicon {error}") from None


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
