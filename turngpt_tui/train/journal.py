"""The log of a run, and what the model said on the way."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable

from rich.text import Text
from textual import events
from textual.widgets import RichLog

from engine.status import Event, Metric, Sample
from turngpt_tui.output import one_line
from turngpt_tui.printers import LABELS
from turngpt_tui.theme import color

KEPT_LINES = 1000


class Journal(RichLog):
    """Lines that scroll; the newest is in view unless one scrolled up."""

    def __init__(self, title: str, *, id: str) -> None:
        super().__init__(id=id, wrap=True, markup=False, highlight=False, max_lines=KEPT_LINES, min_width=1)
        self.border_title = title
        self._texts: deque[Text] = deque(maxlen=KEPT_LINES)
        self._width = 0

    def put(self, text: Text) -> None:
        """Append a paragraph, keeping the place of a reader who scrolled up."""
        self._texts.append(text)
        self.write(text, scroll_end=self.is_vertical_scroll_end)

    def on_resize(self, event: events.Resize) -> None:
        """Break the lines anew for the width there is."""
        del event
        width = self.scrollable_content_region.width
        if width != self._width:
            self._width = width
            at_end = self.is_vertical_scroll_end
            self.clear()
            for text in self._texts:
                self.write(text, scroll_end=at_end)

    def ink(self, name: str) -> str:
        """Return a colour of the theme as a Rich style."""
        return color(self.app, name).rich_color.name


class Log(Journal):
    """Events and validation readings."""

    def add(self, rows: Iterable[Event | Metric]) -> None:
        """Append rows, oldest first."""
        for row in rows:
            clock = time.strftime("%H:%M:%S", time.localtime(row.time))
            line = Text.assemble((f"{clock} ", self.ink("foreground-muted")))
            if isinstance(row, Metric):
                line.append(f"{one_line(row.phase)} step {row.step:,}: validation loss {row.validation_loss:.3f}")
            else:
                style = {"info": "", "warning": self.ink("warning"), "error": self.ink("error")}[row.level]
                line.append(one_line(row.text), style)
            self.put(line)


class Samples(Journal):
    """Conversations the live model was made to hold."""

    def add(self, samples: Iterable[Sample]) -> None:
        """Append samples, oldest first."""
        for sample in samples:
            self.put(Text(f"step {sample.step:,}, {one_line(sample.phase)}", self.ink("foreground-muted")))
            for role, text in sample.messages:
                if role == "text":
                    self.put(Text(one_line(text)))
                    continue
                style = self.ink("primary" if role == "assistant" else "foreground-muted")
                self.put(Text.assemble((f"{LABELS.get(role, one_line(role))}: ", style), one_line(text)))
