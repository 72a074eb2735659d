"""One line that says what the engine is at, and which key comes next."""

from __future__ import annotations

from textual.content import Content

from engine.status import Snapshot
from turngpt_tui.output import duration, one_line
from turngpt_tui.widgets.bars import bar
from turngpt_tui.widgets.literal import Literal

BAR_WIDTH = 24


class ProgressLine(Literal):
    """The line at the foot of the Train pane."""

    def look_at(self, now: Snapshot) -> None:
        """Draw the state of a snapshot."""
        self.show(progress_text(now, self.content_size.width))


def progress_text(now: Snapshot, width: int) -> Content:
    """Return the line, at most `width` cells."""
    return _text(now).truncate(max(1, width), ellipsis=True)


def _text(now: Snapshot) -> Content:
    if now.progress is not None:
        at = now.progress
        line = Content(f"{one_line(at.what)} … ")
        if at.total:
            line += bar(at.done / at.total, BAR_WIDTH) + f" {at.done / at.total:.0%}"
        if at.eta_seconds is not None:
            line += f"  ETA {duration(at.eta_seconds)}"
        return line
    match now.state:
        case "idle" if now.step:
            return Content.assemble("Press ", ("s", "bold $accent"), f" to go on from step {now.step:,}.")
        case "idle":
            return Content.assemble("Press ", ("s", "bold $accent"), " to start training.")
        case "preparing":
            return Content("getting ready …")
        case "training":
            share = now.step / max(1, now.steps)
            return bar(share, BAR_WIDTH) + f" {share:.0%}  step {now.step:,} of {now.steps:,}"
        case "paused":
            return Content.assemble("Paused: ", ("space", "bold $accent"), " goes on.")
        case "stopped":
            return Content.assemble(f"Stopped at step {now.step:,}: ", ("s", "bold $accent"), " goes on.")
        case "finished":
            return Content.assemble(("Done: ", "$success"), ("c", "bold $accent"), " opens the chat.")
        case "failed":
            return Content.styled(one_line(now.error) or "failed", "$error")
    return Content("")
