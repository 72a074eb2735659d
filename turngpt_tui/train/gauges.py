"""What one reads at a glance: losses, speed, memory, time."""

from __future__ import annotations

from collections import deque

from textual.content import Content

from engine.status import Memory, Snapshot
from turngpt_tui.output import duration, quantity
from turngpt_tui.widgets.bars import bar, sparkline
from turngpt_tui.widgets.literal import Literal

SPEEDS_KEPT = 200


class Gauges(Literal):
    """Labels and figures, one a line."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._speeds: deque[float] = deque(maxlen=SPEEDS_KEPT)

    def read(self, tokens_per_second: float | None) -> None:
        """Take a reading of the speed for its sparkline."""
        if tokens_per_second is not None:
            self._speeds.append(tokens_per_second)

    def look_at(self, now: Snapshot) -> None:
        """Draw the figures of a snapshot."""
        self.show(gauges_text(now, list(self._speeds), self.content_size.width))


def gauges_text(now: Snapshot, speeds: list[float], width: int) -> Content:
    """Return the figures, each line at most `width` cells."""
    lines = [
        _loss(now),
        _speed(now, speeds, width),
        _line("ETA", _eta(now), f"  phase {duration(now.phase_eta_seconds)}" if now.phase_eta_seconds else ""),
        _line("tokens", short(now.tokens), f"  step {now.step:,} of {now.steps:,}"),
        *_memory(now.memory, width),
        _line("rate", "-" if now.learning_rate is None else f"{now.learning_rate:.2e}", _norm(now)),
    ]
    return Content("\n").join(line.truncate(max(1, width), ellipsis=True) for line in lines)


def short(count: int) -> str:
    """Write a count in at most six characters: 812, 12.3 k, 1.27 M."""
    if count < 1000:
        return str(count)
    if count < 999_950:
        return f"{count / 1e3:.4g} k"
    if count < 999_950_000:
        return f"{count / 1e6:.4g} M"
    return f"{count / 1e9:.4g} G"


def size(count: int) -> str:
    """Write bytes in MB or GB (10^6, 10^9)."""
    return f"{count / 1e6:,.0f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"


def _line(label: str, value: str, rest: str = "") -> Content:
    return Content.assemble((f"{label:<8}", "$text-muted"), (value, "bold"), (rest, "$text-muted"))


def _loss(now: Snapshot) -> Content:
    line = _line("loss", quantity(now.train_loss), "  val ")
    line += Content.styled(quantity(now.validation_loss), "bold")
    return line if now.best_loss is None else line + Content.styled(f"  best {now.best_loss:.3f}", "$text-muted")


def _norm(now: Snapshot) -> str:
    return "" if now.gradient_norm is None else f"  gradient norm {now.gradient_norm:.2f}"


def _eta(now: Snapshot) -> str:
    if now.state == "finished":
        return "done"
    return duration(now.eta_seconds) if now.eta_seconds is not None and now.state == "training" else "-"


def _speed(now: Snapshot, speeds: list[float], width: int) -> Content:
    rate = "-" if now.tokens_per_second is None else f"{now.tokens_per_second:,.0f}"
    line = _line("speed", rate, " tokens/s ")
    return line + Content.styled(sparkline(speeds, min(24, width - line.cell_length)), "$primary")


def _memory(memory: Memory, width: int) -> list[Content]:
    lines = [_line("memory", size(memory.process), " process" if memory.device is not None else "")]
    if memory.device is not None:
        lines.append(_line("", size(memory.device), " device"))
    if memory.limit:
        share = (memory.process if memory.device is None else memory.device) / memory.limit
        rest = f" {share:.0%} of {size(memory.limit)}"
        room = min(16, width - lines[-1].cell_length - len(rest) - 1)
        if room >= 3:
            lines[-1] += Content(" ") + bar(share, room, "$error" if share > 0.9 else "$primary")
        lines[-1] += Content.styled(rest, "$text-muted")
    return lines
