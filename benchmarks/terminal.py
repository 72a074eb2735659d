"""A program on a pseudo-terminal: what it writes, and when."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from types import TracebackType


class Terminal:
    """A child process on a terminal of its own; use it as a context, so that no child is left."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        columns: int = 120,
        rows: int = 40,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.output = b""
        self.began = time.perf_counter()
        self.process, self._fd = pty.fork()
        if self.process == 0:
            os.environ.update({"TERM": "xterm-256color", "COLORTERM": "truecolor", **(environment or {})})
            os.execvp(command[0], list(command))
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hang_up()
        try:
            os.kill(self.process, signal.SIGKILL)
        except ProcessLookupError:
            return
        with contextlib.suppress(ChildProcessError):  # `wait` was there first
            os.waitpid(self.process, 0)

    def hang_up(self) -> None:
        """Close the terminal, as a window that is closed does."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def press(self, keys: str) -> None:
        """Type `keys`."""
        os.write(self._fd, keys.encode())

    def wait_for(self, text: str, seconds: float) -> float:
        """Read until `text` appears in what is new; returns the time it took; TimeoutError if it does not come."""
        began = time.perf_counter()
        new = b""
        while time.perf_counter() - began < seconds:
            if select.select([self._fd], [], [], 0.5)[0]:
                try:
                    piece = os.read(self._fd, 65536)
                except OSError:
                    break
                new += piece
                self.output += piece
                if text.encode() in new:
                    return time.perf_counter() - began
        raise TimeoutError(f"{text!r} did not appear within {seconds} s; last came {self.output[-500:]!r}")

    def drain(self, seconds: float) -> None:
        """Read and keep whatever comes for a while."""
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            if select.select([self._fd], [], [], left)[0]:
                try:
                    self.output += os.read(self._fd, 65536)
                except OSError:
                    return

    def wait(self) -> int:
        """Read until the child ends; returns its exit status."""
        while self._fd >= 0:
            try:
                piece = os.read(self._fd, 65536)
            except OSError:
                break
            if not piece:
                break
            self.output += piece
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
