"""The terminal while the console draws on it."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast


class Drawing(io.TextIOBase):
    """A terminal to write to that may go away: from then on what is written is lost, and nothing fails.

    A writer that fails would stop Textual before the engine has saved.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._gone = False

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """What text is written as."""
        return "utf-8"

    def fileno(self) -> int:
        """Return the terminal's descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether the terminal is one, still."""
        return os.isatty(self._descriptor)

    def write(self, text: str) -> int:
        """Write all of `text`."""
        left = memoryview(text.encode("utf-8", "replace"))
        while left and not self._gone:
            try:
                left = left[os.write(self._descriptor, left) :]
            except OSError:
                self._gone = True
        return len(text)


@contextmanager
def own_stderr(log: Path) -> Iterator[None]:
    """Give what native code writes to stderr to a log file, and stdout's terminal to Textual, while inside.

    Textual draws on `sys.__stderr__`; a library's warning on the same terminal would tear the screen.
    """
    if sys.__stderr__ is None or sys.__stdout__ is None:
        yield
        return
    usual, terminal, kept = sys.__stderr__, os.dup(sys.__stdout__.fileno()), os.dup(2)
    usual.flush()
    target = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(target, 2)
    os.close(target)
    sys.__stderr__ = cast("io.TextIOWrapper", Drawing(terminal))  # type: ignore[misc]
    try:
        yield
    finally:
        sys.__stderr__ = usual  # type: ignore[misc]
        os.dup2(kept, 2)
        os.close(kept)
        os.close(terminal)
