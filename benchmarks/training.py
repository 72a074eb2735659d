"""Training tokens/s against a Hugging Face model of the same shape in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.report import compare
from benchmarks.shapes import SHAPE, ours, theirs
from engine.data.packing import Batch
from engine.device import choose_device, keep_freed_memory, processor
from engine.precision import choose_plan
from engine.recipe import OptimizerSettings
from engine.trainer import Trainer

ROWS, LENGTH, STEPS = 16, 128, 6


def main() -> None:
    """Time plain loops of the peer, in fp32 and in bf16 with the fused optimiser, and our trainer as it chooses."""
    keep_freed_memory()  # as the engine does; the peers have it as well
    device, _ = choose_device("auto")
    print(f"{processor()}, {device}, torch {torch.__version__}; {SHAPE.layers} x {SHAPE.width}, "
          f"vocabulary {SHAPE.vocabulary}, batch {ROWS} x {LENGTH}")  # fmt: skip
    random = np.random.default_rng(1)
    ids = random.integers(6, SHAPE.vocabulary, (ROWS, LENGTH))
    batch = Batch(ids, np.roll(ids, -1, axis=1), np.ones_like(ids))
    model = ours()
    plan = choose_plan(model, batch, OptimizerSettings(), device, tokens_ahead=10**9, report=print)
    print(f"our choice: {plan.summary}: {plan.reason}")
    trainer = Trainer(model, OptimizerSettings(), plan)
    compare(
        "training",
        "tokens/s",
        {
            f"TurnGPT, {plan.summary}": _timed(lambda: trainer.step(batch, 1e-4)),
            "transformers Qwen3, fp32": _timed(_peer(ids, device, bf16=False)),
            "transformers Qwen3, bf16, fused AdamW": _timed(_peer(ids, device, bf16=True)),
        },
    )


def _peer(ids: np.ndarray, device: torch.device, *, bf16: bool) -> Callable[[], object]:
    model = theirs().to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=bf16)
    tensor = torch.from_numpy(ids).to(device)

    def step() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            loss = model(input_ids=tensor, labels=tensor).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return step


def _timed(step: Callable[[], object]) -> Callable[[], float]:
    def run() -> float:
        _synchronise()
        began = time.perf_counter()
        for _ in range(STEPS):
            step()
        _synchronise()
        return STEPS * ROWS * LENGTH / (time.perf_counter() - began)

    return run


def _synchronise() -> None:
    if torch.accelerator.is_available():
        torch.accelerator.synchronize()


if __name__ == "__main__":
    main()
