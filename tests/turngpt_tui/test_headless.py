from __future__ import annotations

import io
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from engine.recipe import load_recipe
from engine.session import Session
from engine.status import Event, Metric, Progress, Sample, Snapshot
from tests.turngpt_tui.fake import Change, FakeEngine
from turngpt_tui.headless import HeadlessRun, Signals
from turngpt_tui.printers import PlainPrinter, TerminalPrinter, progress_line


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session.open(tmp_path, "demo", load_recipe("quick"))


def changed(**fields: object) -> Change:
    return lambda engine: engine.change(**fields)


def sent(*numbers: int) -> Change:
    def send(engine: FakeEngine) -> None:
        for number in numbers:
            signal.raise_signal(number)

    return send


def run(engine: FakeEngine, session: Session, *, limited: bool = False) -> tuple[int, str]:
    out = io.StringIO()
    signals = Signals()
    with signals.caught():
        printer = PlainPrinter(out)
        status = HeadlessRun(
            engine,  # type: ignore[arg-type]
            session,
            printer,
            limited=limited,
            signals=signals,
            wait=engine.advance,
        ).run()
    return status, out.getvalue()


def checkpoint(session: Session, step: int) -> None:
    folder = session.checkpoints / f"step-{step:06}"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")


def test_a_finished_run_prints_what_happened_a_conversation_and_a_summary(session: Session) -> None:
    now = time.time() + 1

    def train(engine: FakeEngine) -> None:
        engine.event_rows += [
            Event(1, now - 100, "info", "phase", "from an earlier run"),
            Event(2, now, "warning", "gate", "not \x1b[31mmet", 5),
        ]
        engine.metric_rows += [
            Metric(1, 4, "foundation", now, train_loss=2.5),
            Metric(2, 5, "foundation", now, train_loss=2.0, validation_loss=2.25),
        ]
        engine.sample_rows.append(Sample(1, now, 5, "foundation", (("user", "Hi"), ("assistant", "[red]Hello\nyou"))))
        engine.change(state="training")

    def finish(engine: FakeEngine) -> None:
        checkpoint(session, 10)
        engine.change(state="finished", step=10, tokens=12345, can_chat=True, validation_loss=1.5)

    engine = FakeEngine([train, finish], answers=["Hello!", "Fine.", "Blue."])
    status, text = run(engine, session)
    assert status == 0
    assert engine.calls == ["open", "start", "close"]
    assert "earlier run" not in text
    assert "[     5] warning: not [31mmet" in text
    assert "training loss 2.000  validation loss 2.250" in text
    assert "2.500" not in text
    assert "           you: Hi\n           model: [red]Hello you\n" in text
    assert "  model: Blue." in text
    assert "finished at step 10 of 10" in text
    assert "12,345" in text
    assert "turngpt-tui chat --session demo" in text
    # The conversation is one: the third question comes with all that was said before.
    assert [message.content for message in engine.asked[2][0].messages][:4] == [
        "Hello!",
        "Hello!",
        "How are you?",
        "Fine.",
    ]


@pytest.mark.parametrize(("limited", "expected"), [(True, 0), (False, 1)])
def test_stopping_is_success_only_where_a_limit_was_asked_for(session: Session, limited: bool, expected: int) -> None:
    engine = FakeEngine([changed(state="training"), changed(state="stopped", step=5)])
    status, text = run(engine, session, limited=limited)
    assert status == expected
    assert "stopped at step 5 of 10" in text


@pytest.mark.parametrize(("by_user", "expected"), [(True, 2), (False, 1)])
def test_a_failure_is_one_line_on_stderr(
    session: Session, capsys: pytest.CaptureFixture[str], by_user: bool, expected: int
) -> None:
    engine = FakeEngine([changed(state="failed", error="data.txt is\nempty", user_error=by_user)])
    status, _ = run(engine, session)
    assert status == expected
    assert capsys.readouterr().err == "turngpt-tui: data.txt is empty\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_saves_and_says_so(session: Session, number: signal.Signals) -> None:
    checkpoint(session, 7)
    engine = FakeEngine(
        [
            changed(state="training", can_chat=True),
            sent(number),
            lambda engine: None,
            changed(state="stopped", step=7),
        ]
    )
    status, text = run(engine, session)
    assert status == 128 + number
    assert engine.calls == ["open", "start", "stop", "close"]
    assert "saved at step 7; run the same command to go on" in text


def test_a_signal_while_preparing_ends_without_a_checkpoint(session: Session) -> None:
    engine = FakeEngine([changed(state="preparing"), sent(signal.SIGINT), changed(state="idle")])
    status, text = run(engine, session)
    assert status == 130
    assert "nothing saved yet" in text


def test_a_second_signal_kills(session: Session) -> None:
    engine = FakeEngine([changed(state="training"), sent(signal.SIGINT), sent(signal.SIGTERM), lambda engine: None])
    status, _ = run(engine, session)
    assert status == 130
    assert "kill" in engine.calls


def test_a_signal_ends_a_closing_that_hangs(session: Session) -> None:
    engine = FakeEngine([changed(state="finished", step=10)])
    engine.closing = sent(signal.SIGINT)
    status, _ = run(engine, session)
    assert status == 130
    assert engine.calls[-2:] == ["close", "kill"]


def test_the_engine_is_closed_when_printing_fails(session: Session) -> None:
    engine = FakeEngine([changed(state="training", progress=Progress("reading", 0, None))])

    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    signals = Signals()
    run = HeadlessRun(
        engine,  # type: ignore[arg-type]
        session,
        PlainPrinter(Broken()),
        limited=False,
        signals=signals,
        wait=engine.advance,
    )
    with pytest.raises(BrokenPipeError):
        run.run()
    assert engine.calls[-1] == "close"


def test_signal_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Signals().caught():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_preparation_is_printed_once() -> None:
    out = io.StringIO()
    printer = PlainPrinter(out)
    for done in range(3):
        printer.show(Snapshot(progress=Progress("reading data", done, 3)))
    assert out.getvalue() == "reading data ...\n"


def test_the_progress_line_names_phase_figures_and_eta() -> None:
    snapshot = Snapshot(
        state="training",
        phase="foundation",
        step=5,
        steps=10,
        train_loss=2.0,
        tokens_per_second=5000.0,
        eta_seconds=75,
    )
    assert progress_line(snapshot) == ("foundation", 5, 10, "5/10  loss 2.000  5,000 tokens/s  ETA 1m 15s")
    preparing = replace(snapshot, progress=Progress("tokens", 1, 4, eta_seconds=3))
    assert progress_line(preparing) == ("tokens", 1, 4, "ETA 3s")


def test_on_a_terminal_text_is_never_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    out = io.StringIO()
    printer = TerminalPrinter(out)
    printer.show(Snapshot(state="training", phase="[b]one[/b]", step=5, steps=10, train_loss=2.0))
    printer.line("a gate [red]of[/red] :smile:")
    printer.close()
    for shown in ("[b]one[/b]", "5/10  loss 2.000", "a gate [red]of[/red] :smile:"):
        assert shown in out.getvalue()
    assert out.getvalue().count("\x1b[?25h") == out.getvalue().count("\x1b[?25l") == 1  # the cursor is back
