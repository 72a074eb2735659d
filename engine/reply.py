"""A reply in the making: written by the engine's thread, read by any other."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import Future

from engine.conversation import printable


class Reply:
    """The model's next message as it grows; safe to read from any thread, awaitable from asyncio."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._text = ""
        self._done = False
        self._error = ""
        self._tokens = 0
        self._asked = time.perf_counter()
        self._first: float | None = None
        self._last = self._asked
        self._cancelled = threading.Event()
        self._future: Future[Reply] = Future()

    @property
    def text(self) -> str:
        """The text so far, without control characters."""
        return self._text

    @property
    def done(self) -> bool:
        """True when no more text will come."""
        return self._done

    @property
    def error(self) -> str:
        """Why there is no (complete) reply, one line; empty when all went well."""
        return self._error

    @property
    def tokens(self) -> int:
        """Tokens generated so far."""
        return self._tokens

    @property
    def first_token_seconds(self) -> float | None:
        """Seconds from asking to the first token."""
        return None if self._first is None else self._first - self._asked

    @property
    def tokens_per_second(self) -> float:
        """Rate after the first token; 0 while fewer than two have come."""
        if self._first is None or self._tokens < 2:
            return 0.0
        return (self._tokens - 1) / max(self._last - self._first, 1e-9)

    @property
    def cancelled(self) -> bool:
        """True once somebody asked to stop."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Ask the engine to stop; what was said stays."""
        self._cancelled.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until done; False when `timeout` seconds passed first."""
        with self._changed:
            return self._changed.wait_for(lambda: self._done, timeout)

    def pieces(self) -> Iterator[str]:
        """Yield the text as it comes; blocks between pieces."""
        shown = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda seen=shown: self._done or len(self._text) > seen)  # type: ignore[misc]
                text, done = self._text, self._done
            if len(text) > shown:
                yield text[shown:]
                shown = len(text)
            if done:
                return

    def __await__(self) -> Generator[None, None, Reply]:
        return (yield from asyncio.wrap_future(self._future).__await__())

    def grow(self, text: str, tokens: int) -> None:
        """Engine side: set the whole text so far and the number of tokens behind it."""
        with self._changed:
            self._last = time.perf_counter()
            if self._first is None:
                self._first = self._last
            self._text, self._tokens = printable(text), tokens
            self._changed.notify_all()

    def finish(self, error: str = "") -> None:
        """Engine side: nothing more will come."""
        with self._changed:
            if self._done:
                return
            self._error, self._done = error, True
            self._changed.notify_all()
        self._future.set_result(self)
