"""The recipe's phases: how far each is, and what its gate reads."""

from __future__ import annotations

from textual.content import Content

from engine.status import Criterion, PhaseStatus, Snapshot
from turngpt_tui.output import one_line
from turngpt_tui.widgets.bars import bar
from turngpt_tui.widgets.literal import Literal

MARKS = {"waiting": "○", "running": "●", "done": "✓"}
STYLES = {"waiting": "$text-muted", "running": "$primary", "done": "$success"}


class Phases(Literal):
    """One line for each phase and one for its gate."""

    def look_at(self, now: Snapshot) -> None:
        """Draw the phases of a snapshot."""
        self.show(phases_text(now.phases, self.content_size.width))


def phases_text(phases: tuple[PhaseStatus, ...], width: int) -> Content:
    """Return two lines a phase, each at most `width` cells."""
    lines: list[Content] = []
    for phase in phases:
        style = STYLES[phase.state]
        count = f"{phase.step:,}/{phase.steps:,}"
        line = Content.styled(f"{MARKS[phase.state]} {one_line(phase.name):<13.13} ", style)
        room = width - line.cell_length - len(count) - 1
        if room >= 4:
            filled = 1.0 if phase.state == "done" else phase.step / max(1, phase.steps)
            line += bar(filled, room, style) + " "
        lines += [line + Content.styled(count, style), _gate(phase)]
    return Content("\n").join(line.truncate(max(1, width), ellipsis=True) for line in lines)


def _gate(phase: PhaseStatus) -> Content:
    if not phase.gate:
        return Content.styled("  no gate", "$text-muted")
    return Content("  ") + Content("  ").join(map(_criterion, phase.gate))


def _criterion(one: Criterion) -> Content:
    wanted = Content.styled(f"{one.measure} {one.comparison} {one.threshold:g}", "$text-muted")
    if one.value is None:
        return wanted
    mark, style = ("✓", "$success") if one.met else ("✗", "$warning")
    return wanted + Content.styled(f"  now {one.value:.3g} {mark}", style)
