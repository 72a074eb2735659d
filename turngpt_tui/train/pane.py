"""The Train pane: what a training run does, at a glance."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from engine.status import Event, Metric, Snapshot
from turngpt_tui.train.gauges import Gauges
from turngpt_tui.train.journal import Log, Samples
from turngpt_tui.train.loss_plot import LossPlot
from turngpt_tui.train.phases import Phases
from turngpt_tui.train.progress import ProgressLine

if TYPE_CHECKING:
    from engine.engine import Engine

FIGURES_SECONDS, PLOT_SECONDS = 0.5, 2.0
"""Least time between two drawings while nothing but numbers change: drawing takes time from training."""


class TrainPane(Vertical):
    """Phases, figures, the plot, samples and the log of one engine."""

    def __init__(self, engine: Engine, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._engine = engine
        self._metric = self._event = self._sample = 0
        self._shown: Snapshot | None = None
        self._figures_at = self._plot_at = 0.0

    def compose(self) -> ComposeResult:
        """Lay the widgets out; sizes are in train.tcss."""
        with Horizontal(id="above"):
            with Vertical(id="figures"):
                yield Phases(id="phases")
                yield Gauges(id="gauges")
            yield LossPlot(id="loss")
        with Horizontal(id="below"):
            yield Samples("the model speaks", id="samples")
            yield Log("log", id="log")
        yield ProgressLine(id="progress")

    def on_mount(self) -> None:
        """Name the boxes."""
        self.query_one("#phases").border_title = "phases and gates"
        self.query_one("#gauges").border_title = "figures"

    def look(self, now: Snapshot) -> None:
        """Draw a snapshot and what is new of the engine; while the pane is not to be seen the engine keeps it."""
        if not self.region.width:
            return
        metrics = self._engine.metrics(self._metric)
        gauges, plot = self.query_one(Gauges), self.query_one(LossPlot)
        if metrics:
            self._metric = metrics[-1].id
            plot.add(metrics)
            for metric in metrics:
                gauges.read(metric.tokens_per_second)
        self._write(metrics)
        shown, clock = self._shown, time.monotonic()
        if shown is None or now.state != shown.state:
            self.draw(now)
        elif now is not shown and clock - self._figures_at >= FIGURES_SECONDS:
            self._draw_figures(now)
        if clock - self._plot_at >= PLOT_SECONDS:
            self._draw_plot()

    def draw(self, now: Snapshot) -> None:
        """Draw a snapshot, all of it and at once."""
        self._draw_figures(now)
        self._draw_plot()

    def show(self, now: Snapshot) -> None:
        """Draw everything that came while the pane was not to be seen."""
        self.look(now)
        self.draw(now)

    def _draw_figures(self, now: Snapshot) -> None:
        self._shown, self._figures_at = now, time.monotonic()
        self.query_one(Phases).look_at(now)
        self.query_one(Gauges).look_at(now)
        self.query_one(ProgressLine).look_at(now)

    def _draw_plot(self) -> None:
        self._plot_at = time.monotonic()
        self.query_one(LossPlot).draw()

    def on_resize(self) -> None:
        """Fit the new size."""
        if self._shown is not None:
            self.call_after_refresh(self.draw, self._shown)

    def _write(self, metrics: list[Metric]) -> None:
        events = self._engine.events(self._event)
        samples = self._engine.samples(self._sample)
        if events:
            self._event = events[-1].id
        if samples:
            self._sample = samples[-1].id
        readings = [metric for metric in metrics if metric.validation_loss is not None]
        rows: list[Event | Metric] = sorted([*events, *readings], key=lambda row: row.time)
        if rows:
            self.query_one(Log).add(rows)
        if samples:
            self.query_one(Samples).add(samples)
