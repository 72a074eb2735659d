"""Turn tables beside full ones, same trunk, same tokens.

    python -m benchmarks.tables --data FOLDER --out RESULTS.jsonl

    --arms a,b --seeds 1,2,3 --steps N   which runs (default: all arms, three seeds, 1000 steps of 2048 tokens)
    --tune                               the rates of each arm: a climb over short runs of seed 0
    --at-most N                          end after so many new runs; the same command goes on
    --plot FILE.svg                      loss against bytes
    --speed                              training and decoding tokens/s, instead of losses
    --analogies FILE                     also how analogies hold in the tables

A run is a line of the file as soon as it ends, and a run that is there is not made again, so a killed sweep goes on.
Validation is of the tables as stored: turns and generator on their grids, full tables and biases rounded to bf16.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch

from benchmarks import table_report
from benchmarks.table_analogies import analogy_scores
from benchmarks.table_arms import ARMS, SHAPE, Arm, build, round_as_stored
from benchmarks.table_text import PHASE, STEP_TOKENS, Text, load_text
from engine.device import Plan, choose_device, compiler, processor
from engine.optim import learning_rate
from engine.recipe import OptimizerSettings, PhaseSettings
from engine.semantics import read_analogies
from engine.trainer import NotFiniteError, Trainer
from model.lexicon import Analogy

STEPS, TUNE_STEPS, TUNE_SEED = 1000, 300, 0
GRID: dict[str, tuple[float, ...]] = {
    "learning_rate": (5e-4, 1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2),
    "table_rate": (1, 2, 5, 10, 20, 50, 100, 200),
    "scale": (0.02, 0.1, 0.3, 1),
}
"""What `--tune` chooses from; `scale` for full tables only."""
SAY_EVERY = 100
Row = dict[str, Any]


def train(arm: Arm, seed: int, steps: int, text: Text, plan: Plan, analogies: Sequence[Analogy] = ()) -> Row:
    """Train and validate one model; returns the row of the results, with infinite losses if training came apart."""
    began, version = time.perf_counter(), _version()
    # Compiled code of earlier runs counts against a limit, beyond which nothing is compiled any more.
    torch.compiler.reset()
    trainer = Trainer(
        build(arm, text.shape, seed, text.statistics), OptimizerSettings(turns_rate=_turns_rate(arm)), plan
    )
    phase = PhaseSettings(
        steps=steps, batch=1, length=text.shape.context, learning_rate=arm.learning_rate, mix={PHASE: 1.0}
    )
    batches = text.batches(seed)
    seconds: list[float] = []
    losses: list[float] = []
    for step in range(steps):
        batch, started = batches.next(), time.perf_counter()
        try:
            losses.append(trainer.step(batch, learning_rate(phase, step)).loss)
        except NotFiniteError:
            losses.append(math.inf)
            break
        finally:
            seconds.append(time.perf_counter() - started)
        if (step + 1) % SAY_EVERY == 0:
            last = statistics.fmean(losses[-SAY_EVERY:])
            print(f"  {arm.name} seed {seed}: step {step + 1}, loss {last:.3f}", file=sys.stderr, flush=True)
    trained = time.perf_counter() - began
    round_as_stored(trainer.model)
    nats = math.inf if math.isinf(losses[-1]) else trainer.validate(text.validation)
    tokens, size = text.validation_size
    return (
        _key(arm, seed, steps, text, plan)
        | {
            "validation_nats": nats,
            "bits_per_byte": nats * tokens / size / math.log(2),
            "training_nats": statistics.fmean(losses[-SAY_EVERY:]),
            "train_seconds": round(trained, 1),
            "tokens_per_second": round(batch.ids.size / statistics.median(seconds)),
            "machine": f"{processor()}, torch {torch.__version__}",
            "plan": plan.summary,
            "version": version,
        }
        | (analogy_scores(trainer.model, text, analogies) if analogies else {})
    )


class Results:
    """A file of rows, one a line; with `most`, the program ends once that many were added."""

    def __init__(self, path: Path, most: int | None = None) -> None:
        self.path, self.left = path, most

    def find(self, key: Row) -> Row | None:
        """Return the row that agrees with `key`; a line that a killed run left unfinished is passed over."""
        for line in self.path.read_text("utf-8").splitlines() if self.path.exists() else []:
            try:
                row: Row = json.loads(line)
            except ValueError:
                continue
            if key.items() <= row.items():
                return row
        return None

    def add(self, row: Row) -> None:
        """Append a row; begins a line of its own, whatever was left before it."""
        with self.path.open("a+b") as file:
            if file.tell() and self.path.read_bytes()[-1:] != b"\n":
                file.write(b"\n")
            file.write(json.dumps(row).encode() + b"\n")
        if self.left is not None:
            self.left -= 1

    def check_left(self) -> None:
        """End the program if no more new runs are wanted."""
        if self.left == 0:
            sys.exit("stopped after as many new runs as asked for; the same command goes on")


def sweep(
    runs: Iterable[tuple[Arm, int]],
    steps: int,
    text: Text,
    plan: Plan,
    results: Results,
    analogies: Sequence[Analogy] = (),
) -> list[Row]:
    """Make the runs that are not there and keep each as it ends; returns the rows of all, in order."""
    rows = []
    for arm, seed in runs:
        row, done = results.find(_key(arm, seed, steps, text, plan)), " (there already)"
        if row is None or (analogies and "analogies" not in row):
            results.check_left()
            row, done = train(arm, seed, steps, text, plan, analogies), ""
            results.add(row)
        print(
            f"{describe(arm, steps)} seed {seed}: {row['validation_nats']:.4f} nats a token, "
            f"{row['bits_per_byte']:.4f} bits a byte, {row['tokens_per_second']:,} tokens/s, "
            f"{row['train_seconds']:.0f} s{done}",
            flush=True,
        )
        rows.append(row)
    return rows


def tune(arm: Arm, evaluate: Callable[[Arm], float]) -> Arm:
    """Climb GRID from the arm's rates, one axis after another, until no neighbour along any axis is better."""
    axes = [name for name in GRID if name != "scale" or arm.full]
    best, least, better = arm, evaluate(arm), True
    while better:
        better = False
        for name, direction in itertools.product(axes, (1, -1)):
            while (neighbour := _moved(best, name, direction)) and (loss := evaluate(neighbour)) < least:
                best, least, better = neighbour, loss, True
    edges = [name for name in axes if getattr(best, name) in (GRID[name][0], GRID[name][-1]) and name != "scale"]
    print(f"best: {describe(best)}: {least:.4f} nats" + "".join(f"; {name} at the grid's edge" for name in edges))
    return best


def _moved(arm: Arm, name: str, direction: int) -> Arm | None:
    """Return the arm one place further along an axis of GRID; None beyond its end."""
    values = GRID[name]
    at = min(range(len(values)), key=lambda i: abs(math.log(values[i] / getattr(arm, name)))) + direction
    return replace(arm, **{name: values[at]}) if 0 <= at < len(values) else None  # type: ignore[arg-type]


def describe(arm: Arm, steps: int | None = None) -> str:
    """Return an arm's name and rates in a line."""
    scale = f", scale {arm.scale:g}" if arm.full else ""
    length = "" if steps is None else f", {steps} steps"
    return f"{arm.name} (rate {arm.learning_rate:g}, table x{arm.table_rate:g}{scale}{length})"


def _turns_rate(arm: Arm) -> float:
    return arm.table_rate * arm.scale if arm.full else arm.table_rate


def _key(arm: Arm, seed: int, steps: int, text: Text, plan: Plan) -> Row:
    """What decides the result, but for the code: rows that agree in it are the same run."""
    named = asdict(arm)
    return {
        "arm": named.pop("name"),
        **named,
        "seed": seed,
        "steps": steps,
        "text": text.identity,
        "precision": plan.precision,
    }


@cache
def _version() -> str:
    """Return what is checked out as the first run begins, which is the code that was imported."""
    found = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or "unknown"


def main(arguments: Sequence[str] | None = None) -> None:
    """Tune, sweep or time, then report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with NAME-train.* and NAME-validation.*")
    parser.add_argument("--out", type=Path, default=Path("tables.jsonl"), help="file that results are appended to")
    parser.add_argument("--arms", default=",".join(ARMS), help="comma between names; all: %(default)s")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--steps", type=int, help=f"default {STEPS}, with --tune {TUNE_STEPS}")
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--at-most", type=int, metavar="N")
    parser.add_argument("--analogies", type=Path, help="file of analogies, as `turns --analogies --file` takes it")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "turngpt-tables")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="bf16")
    parser.add_argument("--compile", choices=("on", "off"), default="on" if compiler() else "off")
    given = parser.parse_args(arguments)
    if unknown := set(given.arms.split(",")) - set(ARMS):
        parser.error(f"no arm named {', '.join(sorted(unknown))}; there are {', '.join(ARMS)}")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    arms = [ARMS[name] for name in given.arms.split(",")]
    plan = Plan(str(choose_device("auto")[0]), given.precision, given.compile == "on")
    text, results = load_text(given.data, given.cache, SHAPE), Results(given.out, given.at_most)
    tokens, size = text.validation_size
    print(f"{processor()}; {plan.summary}; {SHAPE.layers} x {SHAPE.width}, vocabulary {text.shape.vocabulary}, "
          f"{STEP_TOKENS} tokens a step in rows of {SHAPE.context}; validation {tokens:,} tokens, {size / tokens:.3f} "
          f"bytes a token; text {text.identity}")  # fmt: skip
    if given.speed:
        from benchmarks import table_speed

        table_speed.measure(text, plan)
    elif given.tune:
        steps = given.steps or TUNE_STEPS

        def evaluate(arm: Arm) -> float:
            loss: float = sweep([(arm, TUNE_SEED)], steps, text, plan, results)[0]["validation_nats"]
            return loss

        for arm in arms:
            tune(arm, evaluate)
    else:
        steps = given.steps or STEPS
        # All arms of a seed before the next seed: what is there when a sweep is stopped can be compared.
        runs = [(arm, int(seed)) for seed, arm in itertools.product(given.seeds.split(","), arms)]
        rows = sweep(runs, steps, text, plan, results, read_analogies(given.analogies) if given.analogies else ())
        print("\n" + table_report.table(rows, ARMS))
        if given.plot:
            given.plot.write_text(table_report.plot(rows, ARMS), "utf-8")


if __name__ == "__main__":
    main()
