"""How a headless run prints: one line that moves on a terminal, plain lines in a pipe."""

from __future__ import annotations

from typing import Protocol, TextIO

from engine.status import Event, Metric, Sample, Snapshot
from turngpt_tui.output import duration, one_line, quantity

LABELS = {"system": "system", "user": "you", "assistant": "model"}


class Printer(Protocol):
    """Where the lines of a run go."""

    def line(self, text: str) -> None:
        """Print one line for good."""

    def show(self, snapshot: Snapshot) -> None:
        """Draw the state of things, in place of the last one."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class PlainPrinter:
    """Lines only, for pipes and logs."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._preparing = ""

    def line(self, text: str) -> None:
        """Print one line."""
        self._out.write(text + "\n")
        self._out.flush()

    def show(self, snapshot: Snapshot) -> None:
        """Print each long preparation once, when it begins."""
        what = snapshot.progress.what if snapshot.progress else ""
        if what and what != self._preparing:
            self.line(f"{one_line(what)} ...")
        self._preparing = what

    def close(self) -> None:
        """Nothing to undo."""


class TerminalPrinter:
    """Lines above one line that moves."""

    def __init__(self, out: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._console = Console(file=out, highlight=False, markup=False, emoji=False)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[facts]}", markup=False),
            console=self._console,
            transient=True,
            auto_refresh=False,
        )
        self._task = self._progress.add_task("starting", total=None, facts="")
        self._progress.start()

    def line(self, text: str) -> None:
        """Print one line above the moving one."""
        self._progress.console.print(text, soft_wrap=True)

    def show(self, snapshot: Snapshot) -> None:
        """Redraw the moving line."""
        name, done, total, facts = progress_line(snapshot)
        self._progress.update(self._task, description=name, completed=done, total=total, facts=facts)
        self._progress.refresh()

    def close(self) -> None:
        """Remove the moving line and give the cursor back."""
        self._progress.stop()


def progress_line(snapshot: Snapshot) -> tuple[str, int, int | None, str]:
    """Return what to call the present work, how far it is, its total and the figures beside the bar."""
    if snapshot.progress is not None:
        now = snapshot.progress
        eta = f"ETA {duration(now.eta_seconds)}" if now.eta_seconds is not None else ""
        return one_line(now.what), now.done, now.total, eta
    facts = [f"{snapshot.step}/{snapshot.steps}"]
    if snapshot.train_loss is not None:
        facts.append(f"loss {snapshot.train_loss:.3f}")
    if snapshot.validation_loss is not None:
        facts.append(f"validation {snapshot.validation_loss:.3f}")
    if snapshot.tokens_per_second is not None:
        facts.append(f"{snapshot.tokens_per_second:,.0f} tokens/s")
    if snapshot.state == "training":
        facts.append(f"ETA {duration(snapshot.eta_seconds)}")
    name = snapshot.phase if snapshot.state == "training" and snapshot.phase else snapshot.state
    return one_line(name), snapshot.step, snapshot.steps or None, "  ".join(facts)


def event_line(event: Event) -> str:
    """Write an event as one line."""
    mark = "" if event.level == "info" else f"{event.level}: "
    return f"[{event.step:>6}] {mark}{one_line(event.text)}"


def metric_line(metric: Metric, train_loss: float | None) -> str:
    """Write a validation reading as one line, beside the training loss of the steps before it."""
    speed = f"  {metric.tokens_per_second:,.0f} tokens/s" if metric.tokens_per_second is not None else ""
    return (
        f"[{metric.step:>6}] {one_line(metric.phase)}: training loss {quantity(train_loss)}"
        f"  validation loss {quantity(metric.validation_loss)}{speed}"
    )


def sample_lines(sample: Sample) -> str:
    """Write a sample as an indented dialogue."""
    said = (f"           {LABELS.get(role, one_line(role))}: {one_line(text)}" for role, text in sample.messages)
    return "\n".join((f"[{sample.step:>6}] the model speaks:", *said))
