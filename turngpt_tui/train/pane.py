"""The Train pane: what a training run does, at a glance."""

from __future__ import annotations

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


class TrainPane(Vertical):
    """Phases, figures, the plot, samples and the log of one engine."""

    def __init__(self, engine: Engine, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._engine = engine
        self._metric = self._event = self._sample = 0
        self._shown: Snapshot | None = None

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
        """Name the boxes; nothing in them is a place to type."""
        self.query_one("#phases").border_title = "phases"
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
        if metrics or now is not self._shown:
            self._shown = now
            self.draw(now)

    def draw(self, now: Snapshot) -> None:
        """Draw a snapshot."""
        self.query_one(Phases).look_at(now)
        self.query_one(Gauges).look_at(now)
        self.query_one(LossPlot).draw()
        self.query_one(ProgressLine).look_at(now)

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
