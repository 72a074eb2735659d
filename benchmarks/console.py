"""What the console costs: time to its first frame, a key's delay while training, and training speed beside headless."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from itertools import count
from pathlib import Path

from benchmarks.report import compare
from benchmarks.terminal import Terminal
from engine.store import Store

COMMAND = [sys.executable, "-m", "turngpt_tui"]
STEPS, SKIPPED = 120, 30
"""Steps of a timed run, and how many at its start are not counted."""
PRESSES = 60
SECONDS = 300


def main() -> None:
    """Time all three."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Prepares data, so that no timed run does.
        _headless(folder, "warm-up")
        _first_frame(folder)
        _key_delay(folder)
        number = count()
        compare(
            f"training with the console drawing, {STEPS - SKIPPED} steps of the quick recipe, fp32",
            "steps/s",
            {
                "console": lambda: _with_console(folder, f"console-{next(number)}"),
                "headless": lambda: _headless(folder, f"headless-{next(number)}"),
            },
            runs=3,
        )


def _arguments(folder: Path, session: str, *more: str) -> list[str]:
    changes = ("evaluate_every=100000", "sample_every=100000", f"steps={STEPS * 10}")
    settings = [part for change in changes for part in ("--set", f"phases.foundation.{change}")]
    place = ["--session", session, "--sessions-dir", str(folder), "--precision", "fp32", "--device", "cpu"]
    return [*COMMAND, "--recipe", "quick", *place, *settings, *more]


def _first_frame(folder: Path) -> None:
    times = []
    for number in range(7):
        with Terminal(_arguments(folder, f"frame-{number}")) as terminal:
            times.append(terminal.wait_for("to start training", SECONDS))
    _print("time to the console's first frame", "s", times)


def _key_delay(folder: Path) -> None:
    """Ctrl+T changes the pane; the new pane's text (behind the cursor, which blinks) is its effect."""
    with Terminal(_arguments(folder, "keys")) as terminal:
        terminal.wait_for("to start training", SECONDS)
        terminal.press("s")
        terminal.wait_for("step 3", SECONDS)
        times = []
        for press in range(PRESSES):
            terminal.drain(0.3)
            terminal.press("\x14")
            times.append(terminal.wait_for(("tokens/s", "ay something")[press % 2 == 0], 10))
        terminal.press("\x11")
        terminal.wait()
    _print("delay from a key to its effect while training", "ms", [1000 * time for time in times])


def _with_console(folder: Path, session: str) -> float:
    with Terminal(_arguments(folder, session, "--max-steps", str(STEPS))) as terminal:
        terminal.wait_for("to start training", SECONDS)
        terminal.press("s")
        terminal.wait_for("stopped", SECONDS)
        terminal.press("\x11")
        terminal.wait()
    return _steps_per_second(folder, session)


def _headless(folder: Path, session: str) -> float:
    command = _arguments(folder, session, "--max-steps", str(STEPS), "--train-only")
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=SECONDS)
    return _steps_per_second(folder, session)


def _steps_per_second(folder: Path, session: str) -> float:
    with Store.reader(folder / session / "session.db") as store:
        times = {row.step: row.time for row in store.metrics() if row.train_loss is not None}
    return (STEPS - SKIPPED) / (times[STEPS] - times[SKIPPED])


def _print(title: str, unit: str, values: list[float]) -> None:
    ranked = sorted(values)
    worst = ranked[min(len(ranked) - 1, int(0.95 * len(ranked)))]
    listed = " ".join(f"{value:.3g}" for value in values)
    print(f"\n{title} ({unit}, {len(values)} runs)\n  {listed}")
    print(f"  median {statistics.median(values):.3g}   95th percentile {worst:.3g}")


if __name__ == "__main__":
    main()
