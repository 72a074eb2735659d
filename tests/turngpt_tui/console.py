"""What the tests of the console share: an engine by hand, a run to look at, and the text on the screen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from textual.pilot import Pilot

from engine.conversation import Conversation
from engine.reply import Reply
from engine.status import Criterion, Event, Memory, Metric, PhaseStatus, Sample, Sampling, Snapshot
from tests.turngpt_tui.fake import FakeEngine
from turngpt_tui.app import Console
from turngpt_tui.chat.pane import ChatPane

NOON = 1_767_268_800.0
"""2026-01-01 12:00 UTC."""
PHASES = (
    PhaseStatus("foundation", "done", 160, 160, (Criterion("perplexity", "<", 5.0, 2.87, True),), True),
    PhaseStatus("conversation", "running", 340, 800, (Criterion("perplexity", "<", 1.5, 1.75, False),), False),
    PhaseStatus("refinement", "waiting", 0, 280, (Criterion("perplexity", "<", 1.35),)),
)
NASTY = (
    "[b]bold[/b]",
    "[/INST]",
    "x [/] y",
    "[a=1]",
    "arr[i]",
    "[@click=app.quit]press[/]",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\r\b\x00\x9b2J",
    "\u202eright to left",
    "e\u0301 👩‍👩‍👧 漢字 \ud800",
    "a\nb\tc",
    "$primary {x} %s \\[",
)


class ConsoleEngine(FakeEngine):
    """Replies are grown by the test; `saving` keeps the end away."""

    def __init__(self, folder: Path, snapshot: Snapshot | None = None) -> None:
        super().__init__(snapshot=snapshot or Snapshot(session="demo", recipe="quick", steps=1240))
        self.session = SimpleNamespace(
            name="demo", path=folder, log=folder / "engine.log", checkpoint_steps=lambda: [500]
        )
        self.saving = False
        self.replies: list[Reply] = []

    def join(self, timeout: float | None = None) -> bool:
        del timeout
        return not self.saving or "kill" in self.calls

    def generate(self, conversation: Conversation, sampling: Sampling | None = None) -> Reply:
        self.asked.append((conversation, sampling or Sampling()))
        self.replies.append(Reply())
        return self.replies[-1]


def training(**changes: Any) -> Snapshot:
    """A run in its second phase."""
    values: dict[str, Any] = {
        "state": "training",
        "session": "demo",
        "recipe": "quick",
        "device": "cpu, fp32, compiled",
        "phases": PHASES,
        "phase": "conversation",
        "step": 500,
        "steps": 1240,
        "tokens": 512_000,
        "train_loss": 0.658,
        "validation_loss": 0.558,
        "best_loss": 0.558,
        "learning_rate": 2.5e-3,
        "gradient_norm": 0.71,
        "tokens_per_second": 6031.0,
        "eta_seconds": 167.0,
        "phase_eta_seconds": 103.0,
        "memory": Memory(process=577_000_000, limit=8_000_000_000),
        "can_chat": True,
    }
    return Snapshot(**{**values, **changes})


def running(folder: Path) -> ConsoleEngine:
    """An engine with something in every box."""
    engine = ConsoleEngine(folder, training())
    for step in range(1, 501):
        loss = 6.5 * 0.985**step + 0.6 + (3.0 if 160 < step < 170 else 0.05 * (step % 5))
        phase = "foundation" if step <= 160 else "conversation"
        engine.metric_rows.append(
            Metric(step, step, phase, NOON + step, train_loss=loss, tokens_per_second=6000.0 + step)
        )
    for number, step in enumerate((80, 160, 260, 360, 460), start=501):
        loss = 6.5 * 0.985**step + 0.7
        phase = "foundation" if step <= 160 else "conversation"
        engine.metric_rows.append(Metric(number, step, phase, NOON + step, validation_loss=loss))
    engine.metric_rows = [
        replace(row, id=number) for number, row in enumerate(sorted(engine.metric_rows, key=lambda row: row.time), 1)
    ]
    engine.event_rows = [
        Event(1, NOON, "info", "choice", "device cpu: no CUDA card or Apple GPU is present"),
        Event(2, NOON + 170, "info", "gate", "the gate of foundation is open: perplexity 2.87, wanted < 5", 160),
        Event(3, NOON + 200, "warning", "checkpoint", "step 100 is damaged; going on from an older one", 170),
        Event(4, NOON + 470, "error", "disk", "no space left; what was saved before is untouched", 470),
    ]
    said = (("user", "Hello! How are you?"), ("assistant", "I am fine, thank you. And you?"))
    engine.sample_rows = [
        Sample(1, NOON + 80, 80, "foundation", (("text", "Once upon a time there was a little fox."),)),
        Sample(2, NOON + 460, 460, "conversation", said),
    ]
    return engine


def screen_text(app: Console) -> str:
    """Return what is on the screen, line by line."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


async def settle(pilot: Pilot[Any]) -> None:
    """Let the console look at the engine once, and draw."""
    app = pilot.app
    assert isinstance(app, Console)
    await pilot.pause()
    app.look()
    app.query_one(ChatPane).look_at_reply()
    await pilot.pause()
