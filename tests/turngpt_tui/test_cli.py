from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

import engine.engine
from engine.data.hub_catalogue import catalogue
from engine.errors import EngineError
from engine.session import Session
from tests.turngpt_tui.fake import FakeEngine
from turngpt_tui import __version__, cli
from turngpt_tui.arguments import parse_time

OPTIONS = {
    "turngpt-tui": [
        "--train-only", "--recipe", "--session", "--set", "--data", "--lexicon", "--size", "--device", "--precision",
        "--max-steps", "--max-time", "--seed", "--dry-run", "--sessions-dir", "--debug", "--version",
    ],
    "chat": [
        "--session", "--temperature", "--top-k", "--top-p", "--seed", "--max-tokens", "--device",
        "--sessions-dir", "--debug",
    ],
    "sessions": ["--json", "--sessions-dir", "--debug"],
    "recipes": ["--json", "--debug"],
    "data": [
        "--recipe", "--data", "--report", "--beside", "--tokens", "--samples", "--seed", "--json", "--debug",
    ],
    "turns": ["expression", "--session", "--analogies", "--file", "--json", "--sessions-dir", "--debug"],
    "doctor": ["--json", "--debug"],
}  # fmt: skip


class Started:
    """The engines that commands made, each of which finishes at once."""

    def __init__(self) -> None:
        self.recipes: list[Any] = []
        self.sessions: list[Session] = []
        self.options: list[Any] = []
        self.end: dict[str, Any] = {"state": "finished"}
        self.open_error: Exception | None = None

    def __call__(self, recipe: Any, session: Session, options: Any = None) -> FakeEngine:
        self.recipes.append(recipe)
        self.sessions.append(session)
        self.options.append(options)
        fake = FakeEngine()
        fake.change(**self.end)
        if self.open_error is not None:
            fake.open = self._fail  # type: ignore[method-assign]
        return fake

    def _fail(self) -> None:
        assert self.open_error is not None
        raise self.open_error


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Started:
    made = Started()
    monkeypatch.setattr(engine.engine, "Engine", made)
    monkeypatch.setenv("TURNGPT_SESSIONS", str(tmp_path / "sessions"))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return made


def failed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run and return the status and what stderr says, which must be one line."""
    status = cli.main(arguments)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1, said.err
    return status, said.err


def test_the_options_are_these() -> None:
    group: Any = typer.main.get_command(cli.app)
    found = {"turngpt-tui": group, **group.commands}
    shown = {name: [one.opts[0] for one in command.params] for name, command in found.items()}
    assert shown == OPTIONS


def test_training_follows_the_options(started: Started, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "a 'b'.txt"
    data.write_text("text")
    status = cli.main(
        ["--train-only", "--session", "demo", "--set", "phases.foundation.steps=7", "--data", str(data),
         "--data", f"daily_dialog={data}", "--data", f"hub:daily_dialog={data}",
         "--size", "small", "--device", "cpu", "--precision", "fp32", "--max-steps", "5",
         "--max-time", "1m30s", "--seed", "9"]
    )  # fmt: skip
    assert status == 0
    (recipe,), (session,), (options,) = started.recipes, started.sessions, started.options
    assert (recipe.phases["foundation"].steps, recipe.model.size, recipe.seed) == (7, "small", 9)
    assert recipe.data.paths == (str(data),)
    assert recipe.data.named == {"daily_dialog": (str(data), str(data))}
    assert session.path == tmp_path / "sessions" / "demo"
    assert (options.device, options.precision, options.max_steps, options.max_seconds) == (
        "cpu",
        "fp32",
        5,
        90,
    )
    assert "to talk to it" in capsys.readouterr().out


def test_without_a_terminal_it_says_so_and_trains(started: Started, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    assert capsys.readouterr().out.startswith("There is no terminal to draw on: training without the console")
    assert started.sessions[0].name == "quick"


def test_a_session_brings_its_own_recipe(started: Started) -> None:
    cli.main(["--train-only", "--recipe", "simple", "--session", "demo", "--set", "phases.training.steps=7"])
    assert cli.main(["--train-only", "--session", "demo"]) == 0
    assert started.recipes[1] == started.recipes[0]


def test_another_recipe_for_a_session_is_refused(started: Started, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["--train-only", "--session", "demo"])
    capsys.readouterr()
    status, said = failed(capsys, "--train-only", "--session", "demo", "--seed", "5")
    assert status == 2
    assert "seed is 1 there and 5 here" in said
    assert "another --session name" in said


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--recipe", "nope"], "no recipe named 'nope'; there are curriculum, quick, simple"),
        (["--recipe", "nope.toml"], "no recipe file nope.toml"),
        (["--session", "../up"], "--session '../up'"),
        (["--session", ""], "--session ''"),
        (["--session", "README.md"], "reserved"),
        (["--set", "phases.foundation.stepz=1"], "unknown key 'phases.foundation.stepz'"),
        (
            ["--set", "phases.foundation.steps=few"],
            'phases.foundation.steps: input should be a valid integer (given "few")',
        ),
        (["--set", "phases.nope.steps=1"], "no phase 'nope'; there are foundation, conversation, refinement"),
        (["--set", "seed"], "expected key.path=value"),
        (["--data", "missing.txt"], "--data missing.txt: there is no such file"),
        (["--data", "daily_dialog=missing.txt"], "--data missing.txt: there is no such file"),
        (["--data", "wikipedia=x.txt"], "there is no such file or folder, and no set 'wikipedia'; there are simple_"),
        (["--size", "huge"], "'tiny', 'small', 'base', 'medium' or 'large'"),
        (["--device", "tpu"], "--device 'tpu'"),
        (["--precision", "fp64"], "--precision"),
        (["--max-steps", "0"], "--max-steps"),
        (["--max-time", "soon"], "--max-time 'soon'"),
        (["--seed", "-1"], "seed: input should be greater than or equal to 0"),
        (["--nope"], "--nope"),
        (["nope"], "nope"),
        (["--size", "tiny", "sessions"], "--size does not go with the command 'sessions'"),
        (["chat", "--session", "nope"], "no session named 'nope'"),
        (["chat", "--temperature", "nan"], "--temperature nan"),
        (["chat", "--top-p", "0"], "--top-p 0.0"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_makes_nothing(
    started: Started, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], names: str
) -> None:
    status, said = failed(capsys, *arguments)
    assert status == 2
    assert names in said
    assert said.startswith("turngpt-tui: ")
    assert not (tmp_path / "sessions").exists()
    assert started.sessions == []


def test_an_engine_error_is_status_1(started: Started, capsys: pytest.CaptureFixture[str]) -> None:
    started.open_error = EngineError("the disk is full")
    assert failed(capsys, "--train-only") == (1, "turngpt-tui: the disk is full\n")


def test_an_unexpected_error_is_one_line_and_its_traceback_is_in_the_log(
    started: Started, capsys: pytest.CaptureFixture[str]
) -> None:
    started.open_error = ZeroDivisionError("by nought")
    status, said = failed(capsys, "--train-only")
    log = started.sessions[0].log
    assert status == 1
    assert said == f"turngpt-tui: internal error: ZeroDivisionError: by nought (the traceback is in {log})\n"
    assert "in _fail" in log.read_text()


def test_debug_shows_the_traceback(started: Started, capsys: pytest.CaptureFixture[str]) -> None:
    started.open_error = ZeroDivisionError("by nought")
    assert cli.main(["--train-only", "--debug"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("Traceback")
    assert said.splitlines()[-1].startswith("turngpt-tui: internal error")


def test_a_failure_inside_the_engine_is_the_status(started: Started, capsys: pytest.CaptureFixture[str]) -> None:
    started.end = {"state": "failed", "error": "data.jsonl: line 3 is not JSON", "user_error": True}
    assert failed(capsys, "--train-only") == (2, "turngpt-tui: data.jsonl: line 3 is not JSON\n")


def test_a_dry_run_prints_the_tables_and_makes_nothing(
    started: Started, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["--dry-run", "--recipe", "curriculum", "--size", "base"]) == 0
    out = capsys.readouterr().out
    for word in (
        "12,000 steps",
        "foundation",
        "perplexity < 50",
        "trunk",
        "turns",
        "generator",
        "head",
        "full table",
        "fewer bytes",
        "fewer numbers",
    ):
        assert word in out
    assert not (tmp_path / "sessions").exists()
    assert started.sessions == []


def test_sessions_are_listed(started: Started, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["sessions"]) == 0
    assert "no sessions" in capsys.readouterr().out
    cli.main(["--train-only", "--session", "demo"])
    capsys.readouterr()
    assert cli.main(["sessions", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["folder"] == str(tmp_path / "sessions")
    assert [(one["name"], one["recipe"], one["step"], one["state"]) for one in found["sessions"]] == [
        ("demo", "quick", 0, "new")
    ]
    for arguments in (
        ["--sessions-dir", str(tmp_path), "sessions"],
        ["sessions", "--sessions-dir", str(tmp_path)],
    ):
        assert cli.main(arguments) == 0
        assert capsys.readouterr().out == f"no sessions in {tmp_path}\n"


def test_recipes_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["recipes", "--json"]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)["recipes"]] == [
        "curriculum",
        "quick",
        "simple",
    ]
    assert cli.main(["recipes"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_doctor_says_what_the_engine_found(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = {
        "torch": "2.13",
        "memory_bytes": 8_000_000_000,
        "cuda": False,
        "measured": {"key": ["fp32: 1 ms\x1b[0m"]},
    }
    monkeypatch.setattr("engine.describe.describe_machine", lambda: found)
    assert cli.main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[:3]] == [
        ["torch", "2.13"],
        ["memory", "8,000.00", "MB"],
        ["cuda", "no"],
    ]
    assert lines[-1] == "    fp32: 1 ms[0m"
    assert cli.main(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"turngpt-tui {__version__}\n"


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("5m", 300), ("1h30m", 5400), ("1.5", 1.5), ("2h", 7200)]
)
def test_times(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


def test_the_module_is_the_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "turngpt_tui", "--recipe", "nope"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("turngpt-tui: no recipe named 'nope'")


def test_a_reader_that_goes_away_is_no_error_to_talk_about() -> None:
    command = [sys.executable, "-m", "turngpt_tui", "recipes"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert done.stderr == b""
    assert done.returncode == 1


def test_data_lists_the_sources_of_a_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["data"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("source") and "builtin:stories" in said and "children's stories" in said
    assert cli.main(["data", "--samples", "1", "--recipe", "simple"]) == 0
    said = capsys.readouterr().out
    assert "== builtin:smalltalk" in said and "assistant: " in said


def test_data_reports_and_measures_files_beside(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    assert cli.main(["data", "--report", "--tokens", "5000", "--beside", str(data)]) == 0
    said = capsys.readouterr().out
    for part in (
        "distinct 4-grams",
        "repeated sentences",
        "builtin:personas",
        "speech act",
        "largest template",
        str(data),
    ):
        assert part in said
    assert cli.main(["data", "--report", "--tokens", "5000", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["variety"]["tokens"] >= 5000 and 0 < found["variety"]["distinct_4grams"] < 1


def test_data_shows_what_the_filters_did(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "encyclopaedia.jsonl"
    good = [f"The river number {n} is long, and {n} boats go down it to the sea every day." for n in range(60)]
    path.write_text("\n".join(json.dumps({"text": text}) for text in ["<b>BUY NOW</b> http://x.example", *good]))
    named = [part for name in catalogue() for part in ("--data", f"{name}={path}")]
    assert cli.main(["data", "--report", "--tokens", "5000", "--recipe", "curriculum", *named]) == 0
    out = capsys.readouterr().out
    assert "hub:simple_wikipedia" in out and "dropped" in out and "BUY NOW" in out


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["data", "--recipe", "nothing"], "no recipe named 'nothing'"),
        (["data", "--beside", "x"], "--beside goes with --report"),
        (["data", "--json"], "--json goes with --report"),
        (["data", "--report", "--beside", "missing.txt"], "missing.txt"),
        (["data", "--data", "missing.txt"], "missing.txt"),
    ],
)
def test_data_refuses_what_it_cannot_do(arguments: list[str], part: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, said = failed(capsys, *arguments)
    assert status == 2 and part in said
