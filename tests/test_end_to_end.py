"""The real commands, on a two-layer model: what a person types, in processes of their own."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save

from benchmarks.terminal import Terminal
from engine.recipe import Recipe, dump_recipe

SECONDS = 120
COMMAND = [sys.executable, "-m", "turngpt_tui"]
ENDLESS = ["--set", "phases.conversation.steps=1000000"]
QUICK = ["--precision", "fp32", "--device", "cpu"]


class Home:
    """A folder with a recipe and its sessions, and the program run in it."""

    def __init__(self, path: Path, recipe: Path) -> None:
        self.path, self.recipe = path, recipe
        self.sessions = path / "sessions"

    def arguments(self, *more: str, session: str = "one") -> list[str]:
        given = ["--recipe", str(self.recipe), "--session", session, "--sessions-dir", str(self.sessions)]
        return [*COMMAND, "--train-only", *given, *QUICK, *more]

    def train(self, *more: str, session: str = "one", **options: object) -> subprocess.CompletedProcess[str]:
        return run(self.arguments(*more, session=session), **options)

    def begin(self, *more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.arguments(*more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.path,
        )

    def checkpoints(self, session: str = "one") -> list[Path]:
        return sorted((self.sessions / session / "checkpoints").glob("step-*"))

    def weights(self, session: str = "one") -> bytes:
        """Return all numbers of the newest checkpoint: the network as stored, and what training goes on with."""
        newest = self.checkpoints(session)[-1]
        return b"".join(
            save(dict(sorted(load_file(newest / f"{name}.safetensors").items()))) for name in ("model", "optimizer")
        )


def run(command: list[str], text: str = "", **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        command, input=text, capture_output=True, text=True, timeout=SECONDS, check=False, **options
    )


@pytest.fixture
def home(tmp_path: Path, tiny: Callable[..., Recipe]) -> Home:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(dump_recipe(tiny()))
    return Home(tmp_path, recipe)


def wait_for(process: subprocess.Popen[str], text: str) -> None:
    """Read the program's lines until one holds `text`."""
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if text in line:
            return
    raise AssertionError(f"{text!r} never came: {''.join(seen)}")


def test_train_then_chat_then_list(home):
    done = home.train()
    assert (done.returncode, done.stderr) == (0, "")
    for said in ("finished at step 30 of 30", "a conversation with the model:", "turngpt-tui chat --session one"):
        assert said in done.stdout
    assert "\x1b" not in done.stdout

    places = ["--session", "one", "--sessions-dir", str(home.sessions)]
    talk = run([*COMMAND, "chat", *places, "--seed", "1"], "What colour is the cat?\n\nAnd the dog? [b]\x1b[31m\n")
    assert (talk.returncode, talk.stderr) == (0, "")
    assert len(talk.stdout.splitlines()) == 2 and "\x1b" not in talk.stdout

    listed = run([*COMMAND, "sessions", "--json", "--sessions-dir", str(home.sessions)])
    assert [(one["name"], one["step"]) for one in json.loads(listed.stdout)["sessions"]] == [("one", 30)]

    again = home.train()
    assert again.returncode == 0 and "finished at step 30 of 30" in again.stdout


def test_words_of_what_was_trained_can_be_reckoned_with(home):
    meaning = ["--set", "model.start=meaning", "--set", "model.turns=24", "--set", "model.vocabulary=400"]
    assert home.train(*meaning, "--max-steps", "2").returncode == 0
    turns = [*COMMAND, "turns", "--session", "one", "--sessions-dir", str(home.sessions)]
    done = run([*turns, "dog - cat + red"])
    assert (done.returncode, done.stderr) == (0, "")
    assert "dog - cat + red, on the turns of step 2" in done.stdout and "\nlife " in done.stdout
    wrong = run([*turns, "dog - - cat"])
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1) and "column 7" in wrong.stderr


def test_without_a_terminal_the_program_says_so_and_trains(home):
    command = [argument for argument in home.arguments("--max-steps", "2") if argument != "--train-only"]
    done = run(command)
    assert done.returncode == 0
    assert done.stdout.startswith("There is no terminal to draw on: training without the console")


def test_kill_at_random_moments_loses_nothing(home):
    """Killed for real again and again, a run ends with the very weights of one that was left alone."""
    assert home.train(session="whole").returncode == 0
    chance = random.Random(5)
    for _ in range(3):
        process = home.begin()
        wait_for(process, f"step {0}" if not home.checkpoints() else "step")
        assert process.stdout is not None
        for _ in range(chance.randrange(6)):
            process.stdout.readline()
        process.kill()
        process.communicate()
    assert home.train().returncode == 0
    assert home.weights() == home.weights("whole")


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_saves_and_the_same_command_goes_on(home, name):
    process = home.begin(*ENDLESS)
    wait_for(process, "validation loss")
    process.send_signal(getattr(signal, name))
    rest, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 128 + getattr(signal, name)
    assert "run the same command to go on" in rest and home.checkpoints()
    assert home.train(*ENDLESS, "--max-steps", "1").returncode == 0


def test_a_session_open_elsewhere_is_refused(home):
    process = home.begin(*ENDLESS)
    try:
        wait_for(process, "validation loss")
        other = home.train(*ENDLESS)
        assert other.returncode == 2 and other.stderr.count("\n") == 1 and "one" in other.stderr
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()


def test_a_changed_checkpoint_is_noticed_and_an_older_one_taken(home):
    home.train("--max-steps", "9")
    newest = home.checkpoints()[-1] / "model.safetensors"
    changed = bytearray(newest.read_bytes())
    changed[-1] ^= 1
    newest.write_bytes(changed)
    done = home.train()
    assert done.returncode == 0
    assert "going on from an older one" in done.stdout and "finished at step 30" in done.stdout


def test_a_disk_that_takes_no_more_keeps_the_old_checkpoint(home):
    assert home.train("--max-steps", "4").returncode == 0
    before = home.weights()
    largest = max(file.stat().st_size for file in home.checkpoints()[-1].iterdir())

    def full() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest - 1, largest - 1))

    done = home.train("--max-steps", "6", preexec_fn=full)
    assert "error: " in done.stdout and "what was saved before is untouched" in done.stdout
    assert home.weights() == before
    assert home.train().returncode == 0


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.txt", b""),
        ("binary.txt", bytes(range(256)) * 50),
        ("broken.jsonl", b'{"text": "fine"}\n{"text": \n'),
        ("other.jsonl", b'{"title": "x"}\n'),
        ("not.parquet", b"PAR1 but no more"),
        ("odd.xyz", b"text"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_data_that_cannot_be_used_is_one_line(home, name, content):
    path = home.path / name
    path.write_bytes(content)
    done = home.train("--data", str(path))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and name in done.stderr and "Traceback" not in done.stderr
    if name == "broken.jsonl":
        assert "line 2" in done.stderr


def test_the_console_trains_talks_and_saves(home):
    command = [argument for argument in home.arguments() if argument != "--train-only"]
    environment = {"OMP_NUM_THREADS": "1", "TURNGPT_CACHE": os.environ["TURNGPT_CACHE"]}
    with Terminal(command, columns=100, rows=30, environment=environment) as terminal:
        terminal.wait_for("to start training", SECONDS)
        terminal.press("s")
        terminal.wait_for("finished", SECONDS)
        terminal.press("c")
        terminal.wait_for("Say something", SECONDS)
        terminal.press("Hello\r")
        terminal.wait_for("first after", SECONDS)
        terminal.press("\x11")
        assert terminal.wait() == 0
    assert b"session one: done" in terminal.output
    assert home.checkpoints()[-1].name.endswith("30")


def test_a_terminal_that_goes_away_saves_and_ends(home):
    command = [argument for argument in home.arguments(*ENDLESS) if argument != "--train-only"]
    with Terminal(command, environment={"OMP_NUM_THREADS": "1"}) as terminal:
        terminal.wait_for("to start training", SECONDS)
        terminal.press("s")
        terminal.wait_for("validation loss", SECONDS)
        terminal.hang_up()
        terminal.wait()
    assert home.checkpoints()
