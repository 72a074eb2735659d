"""One process at a time, and those that wait are not silent."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

WAIT_SECONDS = 0.2
"""Between two calls of `waiting`."""


def acquire(path: Path, waiting: Callable[[], None]) -> FileLock:
    """Return the lock of the file at `path` once it is had; `waiting` is called until then, and may raise.

    Raises OSError if the disk refuses.
    """
    lock = FileLock(path, thread_local=False)
    while True:
        with suppress(Timeout):
            lock.acquire(timeout=WAIT_SECONDS, poll_interval=0.05)
            return lock
        waiting()
