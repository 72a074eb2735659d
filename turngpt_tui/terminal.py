"""The terminal while the console draws on it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def own_stderr(log: Path) -> Iterator[None]:
    """Give what native code writes to stderr to a log file, and stdout's terminal to Textual, while inside.

    Textual draws on `sys.__stderr__`; a library's warning on the same terminal would tear the screen.
    """
    if sys.__stderr__ is None or sys.__stdout__ is None:
        yield
        return
    sys.__stderr__.flush()
    drawing = os.fdopen(os.dup(sys.__stdout__.fileno()), "w", encoding="utf-8", errors="replace")
    kept, usual = os.dup(2), sys.__stderr__
    target = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(target, 2)
    os.close(target)
    sys.__stderr__ = drawing  # type: ignore[misc]
    try:
        yield
    finally:
        sys.__stderr__ = usual  # type: ignore[misc]
        os.dup2(kept, 2)
        os.close(kept)
        drawing.close()
