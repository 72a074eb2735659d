"""What holds for every test: a cache of its own, and one thread of arithmetic, which many small tensors like best."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNGPT_CACHE", str(tmp_path / "user-cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
