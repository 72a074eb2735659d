"""Pictures of the console; after a wanted change: pytest tests/turngpt_tui/test_snapshots.py --snapshot-update."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from engine.reply import Reply
from engine.status import Snapshot
from tests.turngpt_tui.console import ConsoleEngine, running, settle, training
from turngpt_tui.app import Console
from turngpt_tui.chat.prompt import Prompt

pytestmark = pytest.mark.usefixtures("steady")
SIZES = [(80, 24), (120, 40), (160, 50)]
Compare = Callable[..., bool]


class TimedReply(Reply):
    """A reply that always takes the same time."""

    first_token_seconds = 0.12
    tokens_per_second = 118.0


class ChatEngine(ConsoleEngine):
    def generate(self, *asked: Any) -> Reply:
        del asked
        self.replies.append(TimedReply())
        return self.replies[-1]


@pytest.mark.parametrize("size", SIZES, ids="{0[0]}x{0[1]}".format)
def test_training(tmp_path: Path, snap_compare: Compare, size: tuple[int, int]) -> None:
    app = Console(running(tmp_path))  # type: ignore[arg-type]
    assert snap_compare(app, terminal_size=size, run_before=settle)


def test_before_training(tmp_path: Path, snap_compare: Compare) -> None:
    phases = training().phases
    engine = ConsoleEngine(tmp_path, Snapshot(session="demo", recipe="quick", steps=1240, phases=phases[2:]))
    assert snap_compare(Console(engine), terminal_size=(80, 24), run_before=settle)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", SIZES, ids="{0[0]}x{0[1]}".format)
def test_chatting(tmp_path: Path, snap_compare: Compare, size: tuple[int, int]) -> None:
    engine = ChatEngine(tmp_path, training())

    async def talk(pilot: Pilot[Any]) -> None:
        await pilot.press("f3")
        for said, reply in (
            ("Hello! My name is Sara.", "Nice to meet you, Sara! How are you today?"),
            ("Fine. [b]What[/b] is your favourite colour?", "My favourite colour is blue, like the sky."),
            ("Tell me a long story.", "Once upon a time there was a little fox who lived near a big forest. " * 3),
        ):
            pilot.app.query_one(Prompt).value = said
            await pilot.press("enter")
            engine.replies[-1].grow(reply.strip(), len(reply.split()))
            if not said.startswith("Tell"):
                engine.replies[-1].finish()
            await settle(pilot)
        pilot.app.query_one(Prompt).value = "and then"
        await settle(pilot)

    assert snap_compare(Console(engine), terminal_size=size, run_before=talk)  # type: ignore[arg-type]


def test_help(tmp_path: Path, snap_compare: Compare) -> None:
    app = Console(running(tmp_path))  # type: ignore[arg-type]

    async def ask(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        await pilot.press("f1")

    assert snap_compare(app, terminal_size=(80, 24), run_before=ask)


def test_a_terminal_of_forty_by_ten(tmp_path: Path, snap_compare: Compare) -> None:
    app = Console(running(tmp_path))  # type: ignore[arg-type]
    assert snap_compare(app, terminal_size=(40, 10), run_before=settle)
