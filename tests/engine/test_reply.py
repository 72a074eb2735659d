from __future__ import annotations

import asyncio
import threading

import pytest

from engine.reply import Reply


def written(reply: Reply, *texts: str, error: str = "") -> threading.Thread:
    """Write to a reply from another thread, as the engine does."""

    def write() -> None:
        for tokens, text in enumerate(texts, start=1):
            reply.grow(text, tokens)
        reply.finish(error)

    thread = threading.Thread(target=write)
    thread.start()
    return thread


def test_pieces_make_the_text_whatever_the_reader_misses() -> None:
    reply = Reply()
    thread = written(reply, "He", "Hello", "Hello you")
    assert "".join(reply.pieces()) == "Hello you"
    thread.join()
    assert list(reply.pieces()) == ["Hello you"]


def test_a_piece_comes_before_the_end() -> None:
    reply = Reply()
    reply.grow("Hel", 1)
    pieces = reply.pieces()
    assert next(pieces) == "Hel"
    reply.grow("Hello", 2)
    assert next(pieces) == "lo"
    reply.finish()
    assert list(pieces) == []


def test_waiting() -> None:
    reply = Reply()
    assert not reply.wait(0)
    thread = written(reply, "Hi", error="the engine was closed")
    assert reply.wait(10)
    assert (reply.done, reply.text, reply.error, reply.tokens) == (True, "Hi", "the engine was closed", 1)
    thread.join()


async def test_awaiting_gives_the_finished_reply() -> None:
    reply = Reply()
    asyncio.get_running_loop().call_soon(written, reply, "Hi")
    assert (await reply) is reply
    assert reply.text == "Hi"
    assert (await reply).done


def test_the_first_end_counts() -> None:
    reply = Reply()
    reply.finish("first")
    reply.finish("second")
    assert reply.error == "first"


def test_cancelling_is_a_wish_that_keeps_the_text() -> None:
    reply = Reply()
    reply.grow("Hel", 1)
    reply.cancel()
    assert reply.cancelled
    assert (reply.text, reply.done) == ("Hel", False)


def test_text_is_fit_for_a_terminal() -> None:
    reply = Reply()
    reply.grow("\x1b[2Jboo", 1)
    assert reply.text == "[2Jboo"


def test_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([10.0, 10.5, 11.5])
    monkeypatch.setattr("engine.reply.time.perf_counter", lambda: next(ticks))
    reply = Reply()
    assert reply.first_token_seconds is None
    reply.grow("a", 1)
    assert (reply.first_token_seconds, reply.tokens_per_second) == (0.5, 0.0)
    reply.grow("abc", 4)
    assert reply.tokens_per_second == 3.0
