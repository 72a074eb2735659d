from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine import session as sessions
from engine.errors import EngineError, UserError
from engine.log import close_log, logger, open_log
from engine.recipe import load_recipe
from engine.session import Session, list_sessions, sessions_root
from engine.status import Event
from engine.store import Store

HOLDER = """
import sys
from pathlib import Path
from engine.session import Session
lock = Session.open(Path(sys.argv[1]), "demo", None).lock()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session.open(tmp_path, "demo", load_recipe("quick"))


def finish(session: Session, *kinds: str) -> None:
    with Store.writer(session.database) as store:
        store.append(events=[Event(0, 0.0, "info", kind, kind) for kind in kinds])


def checkpoint(session: Session, step: int, *, whole: bool = True) -> None:
    folder = session.checkpoints / f"step-{step:06}"
    folder.mkdir(parents=True)
    if whole:
        (folder / "manifest.json").write_text("{}")


def test_a_new_session_keeps_its_recipe_and_reopens_with_it(session: Session, tmp_path: Path) -> None:
    assert Session.open(tmp_path, "demo", None).recipe == session.recipe == load_recipe("quick")
    assert Session.open(tmp_path, "demo", load_recipe("quick")).recipe == session.recipe


def test_paths_lie_in_the_folder(session: Session, tmp_path: Path) -> None:
    for path in (session.checkpoints, session.tokenizer, session.database, session.log):
        assert path.parent == session.path == tmp_path / "demo"
    assert session.cache == tmp_path / ".cache"


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../up", "a/b", "a\\b", "/abs", ".hidden", "-option", "a b", "a\n", "a\0", "ä", "x" * 65,
     "end.", "CON", "nul.txt", "com1", "README.md", "\x1b[31m"],
)  # fmt: skip
def test_a_name_that_cannot_be_a_folder_everywhere_is_refused(tmp_path: Path, name: str) -> None:
    root = tmp_path / "sessions"
    with pytest.raises(UserError, match="--session") as caught:
        Session.open(root, name, load_recipe("quick"))
    assert str(caught.value).isprintable()
    assert not root.exists()


@pytest.mark.parametrize("name", ["a", "demo-2", "v1.2_final", "x" * 64, "console"])
def test_plain_names_are_fine(tmp_path: Path, name: str) -> None:
    assert Session.open(tmp_path, name, load_recipe("quick")).path == tmp_path / name


def test_a_session_that_is_not_there_needs_a_recipe(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no session named 'nope'"):
        Session.open(tmp_path, "nope", None)
    assert not (tmp_path / "nope").exists()


def test_another_recipe_is_refused_with_what_differs(session: Session, tmp_path: Path) -> None:
    given = load_recipe("quick", ("seed=5", "phases.foundation.batch=3"))
    with pytest.raises(UserError) as caught:
        Session.open(tmp_path, "demo", given)
    assert "seed is 1 there and 5 here" in str(caught.value)
    assert "phases.foundation.batch is" in str(caught.value)
    assert "another --session name" in str(caught.value)
    assert Session.open(tmp_path, "demo", None).recipe == session.recipe


def test_how_often_to_save_and_show_may_change(session: Session, tmp_path: Path) -> None:
    given = load_recipe("quick", ("checkpoint_every=7", "phases.foundation.sample_every=9"))
    reopened = Session.open(tmp_path, "demo", given)
    assert reopened.recipe.checkpoint_every == 7
    assert Session.open(tmp_path, "demo", None).recipe == session.recipe


def test_a_damaged_recipe_is_named(session: Session, tmp_path: Path) -> None:
    (session.path / "recipe.toml").write_text("name = ")
    with pytest.raises(UserError, match=r"recipe\.toml: not valid TOML"):
        Session.open(tmp_path, "demo", None)


def test_a_root_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match="cannot make the session here"):
        Session.open(tmp_path / "file", "demo", load_recipe("quick"))


def test_a_recipe_that_cannot_be_written_leaves_no_session(tmp_path: Path) -> None:
    recipe = load_recipe("quick").model_copy(update={"description": "\udcff"})
    with pytest.raises(UserError, match="UTF-8"):
        Session.open(tmp_path, "demo", recipe)
    assert not (tmp_path / "demo" / "recipe.toml").exists()


def test_one_writer_at_a_time(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "LOCK_SECONDS", 0)
    with session.lock() as lock:
        with pytest.raises(UserError, match=rf"open in another process \(pid {os.getpid()}\)"):
            session.lock()
        lock.release()
        lock.release()
        session.lock().release()
    assert not (session.path / "lock.pid").exists()


def test_another_process_is_named_and_its_death_frees_the_session(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "LOCK_SECONDS", 0)
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=rf"\(pid {holder.pid}\)"):
            session.lock()
        assert Session.open(tmp_path, "demo", None).recipe == session.recipe
        assert list_sessions(tmp_path)[0].state == "open"
        holder.kill()
    assert (session.path / "lock.pid").exists()
    assert list_sessions(tmp_path)[0].state == "new"
    with session.lock():
        assert (session.path / "lock.pid").read_text() == str(os.getpid())


@pytest.mark.parametrize(
    ("kinds", "state"),
    [
        (("phase", "gate", "finished"), "finished"),
        (("phase", "checkpoint"), "stopped"),
        (("phase", "failed"), "failed"),
        (("phase", "failed", "phase", "stopped"), "stopped"),
        ((), "new"),
    ],
)
def test_the_list_says_how_a_session_stands(
    session: Session, tmp_path: Path, kinds: tuple[str, ...], state: str
) -> None:
    finish(session, *kinds)
    assert list_sessions(tmp_path)[0].state == state


def test_the_list_counts_whole_checkpoints_only(session: Session, tmp_path: Path) -> None:
    checkpoint(session, 100)
    checkpoint(session, 1_000_000)
    checkpoint(session, 2_000_000, whole=False)
    (info,) = list_sessions(tmp_path)
    assert session.checkpoint_steps() == [100, 1_000_000]
    assert (info.name, info.recipe, info.step, info.steps) == (
        "demo",
        "quick",
        1_000_000,
        session.recipe.steps,
    )


def test_the_list_survives_what_cannot_be_read(session: Session, tmp_path: Path) -> None:
    broken = Session.open(tmp_path, "broken", load_recipe("quick"))
    broken.database.write_bytes(b"not a database" * 100)
    (tmp_path / "empty").mkdir()
    os.utime(session.path / "recipe.toml", (2e9, 2e9))
    assert [(info.name, info.state) for info in list_sessions(tmp_path)] == [
        ("demo", "new"),
        ("broken", "unreadable"),
    ]
    assert list_sessions(tmp_path / "missing") == []


def test_where_sessions_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNGPT_SESSIONS", str(tmp_path / "named"))
    assert sessions_root(tmp_path / "given") == tmp_path / "given"
    assert sessions_root() == tmp_path / "named"
    monkeypatch.delenv("TURNGPT_SESSIONS")
    assert sessions_root() == Path(sessions.__file__).resolve().parent.parent / "sessions"
    monkeypatch.setattr(sessions, "__file__", str(tmp_path / "site-packages" / "engine" / "session.py"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert sessions_root().parts[-2:] == ("turngpt-tui", "sessions")


def test_the_log_goes_to_the_file_and_nowhere_else(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    handler = open_log(session.log)
    logger.getChild("worker").warning("a line")
    close_log(handler)
    logger.getChild("worker").warning("too late")
    assert session.log.read_text().endswith("engine.worker: a line\n")
    assert len(session.log.read_text().splitlines()) == 1
    assert capsys.readouterr().err == ""


def test_a_log_that_cannot_be_written_disturbs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    handler = open_log(tmp_path)
    logger.warning("a line")
    close_log(handler)
    assert capsys.readouterr().err == ""
