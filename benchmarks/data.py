"""Preparing text beside the tokenizer alone, and a batch beside a step: `python -m benchmarks.data [FILE...]`.

FILE is real text of one's own (about 100 MB say most); without one the built-in corpus is written to a file first.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import compare
from engine.conversation import Text, contents
from engine.data.files import read
from engine.data.prepare import prepare
from engine.data.sources import Sources
from engine.data.tokenizer import ChatTokenizer
from engine.device import choose_device, cores
from engine.precision import choose_plan
from engine.recipe import Recipe, load_recipe
from engine.setup import new_model
from engine.trainer import Trainer

MEGABYTES = 100
BATCHES = 200
STEPS = 20


def main(files: list[str] | None = None) -> None:
    """Time both, on `files` or on text of the corpus."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = [Path(one).absolute() for one in files or ()] or [_builtin_text(folder)]
        size = sum(path.stat().st_size for path in paths) / 1e6
        print(f"{', '.join(path.name for path in paths)}: {size:.0f} MB, {cores()} cores")
        _prepare_beside_encode(paths, folder)
        _wait_for_a_batch(folder)


def _recipe(paths: list[Path]) -> Recipe:
    listed = ", ".join(f"'{path}'" for path in paths)
    return load_recipe("simple", (f"data.paths=[{listed}]", "data.megabytes=1000", "model.vocabulary=8192"))


def _prepare_beside_encode(paths: list[Path], folder: Path) -> None:
    recipe = _recipe(paths)
    # The tokenizer is made and kept here, so that below only reading, encoding and packing are timed.
    tokenizer = prepare(recipe, 8192, folder / "cache", lambda _: None, lambda: False).tokenizer
    tokenizer.save(folder / "tokenizer.json")
    texts = ["\n".join(contents(document)) for document in read(paths, "train")]
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    plain = ChatTokenizer.load(folder / "tokenizer.json")

    def alone() -> float:
        began = time.perf_counter()
        plain.encode_many(texts)
        return megabytes / (time.perf_counter() - began)

    # A process of its own, so that its memory is its own.
    program = [sys.executable, "-m", "benchmarks.data_once", str(folder), *map(str, paths)]
    peak = [0.0]

    def ours() -> float:
        done = subprocess.run(program, check=True, capture_output=True, text=True)
        seconds, memory = map(float, done.stdout.split())
        peak[0] = max(peak[0], memory)
        return megabytes / seconds

    compare("read, tokenise, pack", "MB/s", {"TurnGPT": ours, "encode_batch alone": alone}, runs=3)
    print(f"  peak memory {peak[0]:,.0f} MB")


def _wait_for_a_batch(folder: Path) -> None:
    recipe = load_recipe("quick")
    data = prepare(recipe, 4096, folder / "cache", lambda _: None, lambda: False)
    batches = data.batches("conversation", "train")
    began = time.perf_counter()
    for _ in range(BATCHES):
        batch = batches.next()
    wait = (time.perf_counter() - began) / BATCHES
    model = new_model(recipe, data, lambda _: None, None)
    device, _ = choose_device("auto")
    plan = choose_plan(model, batch, recipe.optimizer, device, compile_="off")
    trainer = Trainer(model, recipe.optimizer, plan)
    trainer.step(batch, 1e-4)
    began = time.perf_counter()
    for _ in range(STEPS):
        trainer.step(batch, 1e-4)
    step = (time.perf_counter() - began) / STEPS
    print(f"\na batch of `quick` takes {1000 * wait:.2f} ms, {wait / step:.2%} of a step of {1000 * step:.1f} ms")
    print(f"({plan.summary})")
    print(f"padding {batches.waste:.2%}")


def _builtin_text(folder: Path) -> Path:
    path = folder / "corpus.txt"
    sources, left = Sources(load_recipe("quick").data, 1, folder), MEGABYTES * 1_000_000
    with path.open("w", encoding="utf-8") as file:
        for document in sources.open("builtin:stories", "train"):
            assert isinstance(document, Text)
            file.write(document.content + "\n\n")
            left -= len(document.content)
            if left <= 0:
                return path
    raise AssertionError("the corpus has no end")


if __name__ == "__main__":
    main(sys.argv[1:])
