"""The plot of training and validation loss."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual import events
from textual.content import Content

from engine.status import Metric
from turngpt_tui.plotting import Axes, Series, Trace, bounds_of, draw
from turngpt_tui.theme import color
from turngpt_tui.widgets.literal import Literal

if TYPE_CHECKING:
    from textual.app import App

EMPTY = "The loss is drawn here once training runs."


class LossPlot(Literal):
    """Training loss with its running mean, validation loss, and where phases end."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.border_title = "loss"
        self.border_subtitle = Content.from_markup("[$primary]━[/] training  [$accent]━[/] validation")
        self._training = Trace()
        self._validation = Trace(memory=0.0)
        self._phase = ""
        self._ends: list[float] = []
        self._drawn: tuple[object, ...] = ()
        self._version = 0

    def add(self, metrics: Iterable[Metric]) -> None:
        """Take new readings."""
        for metric in metrics:
            if self._phase and metric.phase != self._phase:
                self._ends.append(metric.step)
            self._phase = metric.phase
            self._training.add(metric.step, metric.train_loss)
            self._validation.add(metric.step, metric.validation_loss)
            self._version += 1

    def draw(self) -> None:
        """Draw what came since the last time, in the colours of the theme."""
        width, height = self.content_size
        state = width, height, self._version, self.app.theme
        if state == self._drawn or not width or not height:
            return
        self._drawn = state
        app = cast("App[int]", self.app)
        raw, mean, validation, ink = (
            color(app, name).rgb for name in ("primary-darken-3", "primary", "accent", "foreground-muted")
        )
        lines = [
            Series(self._training.points, raw, dots=True),
            Series(self._training.smooth, mean),
            Series(self._validation.points, validation),
        ]
        bounds = bounds_of((self._training.smooth[1:], self._validation.points, self._training.smooth[:1]))
        plot = draw(lines, width, height, Axes(ink, bounds, tuple(self._ends)))
        self.show(plot if plot else Text(EMPTY, "dim"))

    def on_resize(self, event: events.Resize) -> None:
        """Fit the new size."""
        del event
        self.draw()
