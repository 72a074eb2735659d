from __future__ import annotations

import time

import pytest

from turngpt_tui import app as app_module
from turngpt_tui.chat import pane as pane_module
from turngpt_tui.chat.prompt import Prompt


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """One time zone, a cursor that does not blink, and no look at the engine but the test's own."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(app_module, "LOOKS_PER_SECOND", 1e-3)
    monkeypatch.setattr(pane_module, "LOOKS_PER_SECOND", 1e-3)
    monkeypatch.setattr(Prompt, "cursor_blink", False)
