"""Checkpoints that are whole or absent: safetensors and JSON, checksummed, renamed into place.

`checkpoints/step-000500/` holds `model.safetensors`,
`optimizer.safetensors`, `state.json` and, written last, `manifest.json` with the size and SHA-256 of the others.
All is written to a hidden folder, flushed to the disk and renamed, so a kill at any moment leaves either the
old state or the new. `best.json` names the best step.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.errors import EngineError

FORMAT = 2
MODEL, OPTIMIZER, STATE, MANIFEST = (
    "model.safetensors",
    "optimizer.safetensors",
    "state.json",
    "manifest.json",
)
_NAME = re.compile(r"step-(\d{6,})")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What one checkpoint holds."""

    step: int
    model: dict[str, Tensor]
    optimizer: dict[str, Tensor]
    state: dict[str, Any]


def folder_of(root: Path, step: int) -> Path:
    """Return the folder of a step's checkpoint."""
    return root / f"step-{step:06d}"


def steps(root: Path) -> list[int]:
    """Return the steps of all complete checkpoints, oldest first."""
    if not root.is_dir():
        return []
    names = ((_NAME.fullmatch(path.name), path) for path in root.iterdir())
    return sorted(int(match[1]) for match, path in names if match and (path / MANIFEST).is_file())


def save(root: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint; raises EngineError, leaving every older one as it was, if the disk refuses."""
    final = folder_of(root, checkpoint.step)
    hidden = root / f".writing-{final.name}-{os.getpid()}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(hidden, ignore_errors=True)
        hidden.mkdir()
        save_file(_contiguous(checkpoint.model), hidden / MODEL)
        save_file(_contiguous(checkpoint.optimizer), hidden / OPTIMIZER)
        state = {"format": FORMAT, "step": checkpoint.step} | checkpoint.state
        (hidden / STATE).write_text(json.dumps(state, indent=1), "utf-8")
        files = {name: _fingerprint(hidden / name) for name in (MODEL, OPTIMIZER, STATE)}
        for name in files:
            _flush(hidden / name)
        (hidden / MANIFEST).write_text(json.dumps({"format": FORMAT, "files": files}, indent=1), "utf-8")
        _flush(hidden / MANIFEST)
        _flush(hidden)
        _replace(hidden, final)
        _flush(root)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(hidden, ignore_errors=True)
        raise EngineError(f"checkpoint of step {checkpoint.step} could not be saved: {_reason(error)}") from None
    return final


def load(root: Path, step: int) -> Checkpoint:
    """Read and verify a checkpoint; raises EngineError that names the file that is missing or changed."""
    folder = folder_of(root, step)
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        if manifest["format"] != FORMAT:
            raise EngineError(f"{folder.name} has format {manifest['format']}; this program reads {FORMAT}")
        for name, expected in manifest["files"].items():
            if _fingerprint(folder / name) != expected:
                raise EngineError(f"{folder.name} is damaged: {name} does not match its checksum")
        state = json.loads((folder / STATE).read_text("utf-8"))
        return Checkpoint(step, load_file(folder / MODEL), load_file(folder / OPTIMIZER), state)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise EngineError(f"{folder.name} is damaged: {_reason(error)}") from None


def load_newest(root: Path) -> tuple[Checkpoint | None, list[str]]:
    """Return the newest sound checkpoint (None if there never was one) and a line for each damaged one passed over.

    Raises EngineError if there are checkpoints and none is sound.
    """
    damaged: list[str] = []
    for step in reversed(steps(root)):
        try:
            return load(root, step), damaged
        except EngineError as error:
            damaged.append(str(error))
    if damaged:
        raise EngineError("; ".join(damaged) + "; no sound checkpoint is left")
    return None, []


def remove(root: Path, keep: Collection[int]) -> None:
    """Delete all checkpoints but those of the steps in `keep`, and what interrupted writes left."""
    for step in steps(root):
        if step not in keep:
            # Without its manifest a folder is no checkpoint, so a kill in between leaves no half of one.
            (folder_of(root, step) / MANIFEST).unlink(missing_ok=True)
            shutil.rmtree(folder_of(root, step), ignore_errors=True)
    for path in root.glob(".writing-*"):
        shutil.rmtree(path, ignore_errors=True)


def read_best(root: Path) -> tuple[int, float] | None:
    """Return step and loss of the best checkpoint, or None."""
    try:
        table = json.loads((root / "best.json").read_text("utf-8"))
        return int(table["step"]), float(table["loss"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_best(root: Path, step: int, loss: float) -> None:
    """Remember the best step; raises EngineError if the disk refuses."""
    temporary = root / ".best.json"
    try:
        temporary.write_text(json.dumps({"step": step, "loss": loss}), "utf-8")
        _flush(temporary)
        temporary.replace(root / "best.json")
    except OSError as error:
        raise EngineError(f"best.json could not be saved: {_reason(error)}") from None


def _replace(hidden: Path, final: Path) -> None:
    if final.exists():
        aside = final.with_name(f".writing-old-{final.name}-{os.getpid()}")
        final.rename(aside)
        hidden.rename(final)
        shutil.rmtree(aside, ignore_errors=True)
    else:
        hidden.rename(final)


def _contiguous(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().to("cpu").contiguous() for name, tensor in tensors.items()}


def _fingerprint(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror} ({Path(error.filename).name})" if error.filename else error.strerror
    return str(error) or type(error).__name__
