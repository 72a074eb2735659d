"""A session is one folder: a recipe and all that training it made.

The folder can be copied, watched from another process and read after a crash. One process at a time writes to
it, by a lock on a file; readers need none.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

import filelock

from engine.conversation import printable
from engine.errors import EngineError, UserError
from engine.recipe import Recipe, differences, dump_recipe, load_recipe
from engine.store import Store

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
_STEP = re.compile(r"step-(\d+)")
LOCK_SECONDS = 0.5
"""How long to wait for the lock: longer than `list_sessions` of another process holds it to look."""

# What may change between two runs of a session: how often it is written and shown, never what is learned.
_FREE = re.compile(r"description|checkpoint_every|phases\.[^.]+\.sample_every")

SessionState = Literal["new", "open", "stopped", "finished", "failed", "unreadable"]


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """One row of the list of sessions."""

    name: str
    recipe: str
    step: int
    """The newest checkpoint's step."""
    steps: int
    state: SessionState
    modified: float
    """Seconds since the epoch."""


class SessionLock:
    """The right to write to a session, held until released."""

    def __init__(self, lock: filelock.BaseFileLock, owner: Path) -> None:
        self._lock = lock
        self._owner = owner

    def release(self) -> None:
        """Let others write; a second call does nothing."""
        if self._lock.is_locked:
            self._owner.unlink(missing_ok=True)
            self._lock.release()

    def __enter__(self) -> SessionLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class Session:
    """The folder of one session: where its things are, and what it is told to do."""

    def __init__(self, root: Path, name: str, recipe: Recipe) -> None:
        self.root = root
        self.name = name
        self.recipe = recipe

    @classmethod
    def open(cls, root: Path, name: str, recipe: Recipe | None) -> Session:
        """Create the session's folder, or reopen it: then its stored recipe leads.

        Raises UserError for a name that cannot be one, for a session that is missing when no recipe is given,
        and for a recipe other than the stored one.
        """
        stored = root / name / "recipe.toml"
        if not exists(root, name):
            if recipe is None:
                raise UserError(f"no session named {name!r} in {root}; `turngpt-tui sessions` lists those there are")
            _create(root / name, recipe)
        kept = load_recipe(str(stored))
        return cls(root, name, kept if recipe is None else _agreed(name, kept, recipe))

    @property
    def path(self) -> Path:
        """The folder itself."""
        return self.root / self.name

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints, one folder a step."""
        return self.path / "checkpoints"

    @property
    def tokenizer(self) -> Path:
        """The tokenizer's file."""
        return self.path / "tokenizer.json"

    @property
    def database(self) -> Path:
        """The SQLite database: see engine.store."""
        return self.path / "session.db"

    @property
    def log(self) -> Path:
        """The log file: see engine.log."""
        return self.path / "engine.log"

    @property
    def cache(self) -> Path:
        """Tokenised data, shared by the sessions of one root."""
        return cache_of(self.root)

    def lock(self) -> SessionLock:
        """Take the right to write; UserError naming the process that holds it."""
        return _lock(self.path)

    def checkpoint_steps(self) -> list[int]:
        """Return the steps of the complete checkpoints, oldest first."""
        return _checkpoint_steps(self.path)


def check_name(name: str) -> None:
    """Raise UserError unless `name` can be a session's name, and so a folder's on every system."""
    shown = printable(name).replace("\n", " ")
    if not _NAME.fullmatch(name) or name.endswith("."):
        raise UserError(f"--session {shown!r} cannot be a name: use letters, digits and - _ . only, at most 64")
    if name.lower() == "readme.md" or name.lower().partition(".")[0] in _DEVICES:
        raise UserError(f"--session {shown!r} is a reserved name; give another")


def exists(root: Path, name: str) -> bool:
    """Whether there is a session of this name; UserError for a name that cannot be one."""
    check_name(name)
    try:
        return (root / name / "recipe.toml").exists()
    except OSError as error:
        raise UserError(f"{root / name}: cannot be read ({error.strerror}); see --sessions-dir") from None


def cache_of(root: Path) -> Path:
    """Return where the sessions of `root` keep what they prepared and downloaded."""
    return root / ".cache"


def sessions_root(given: Path | None = None) -> Path:
    """Return where sessions are kept.

    In this order: what was given, $TURNGPT_SESSIONS, `sessions/` of a checkout, the user's data folder.
    """
    if given is not None:
        return given.expanduser().absolute()
    if named := os.environ.get("TURNGPT_SESSIONS"):
        return Path(named).expanduser().absolute()
    checkout = Path(__file__).resolve().parent.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / "sessions").is_dir():
        return checkout / "sessions"
    import platformdirs

    return platformdirs.user_data_path("turngpt-tui", appauthor=False) / "sessions"


def list_sessions(root: Path) -> list[SessionInfo]:
    """Return the sessions below `root`, the one changed last first; also those that cannot be read."""
    try:
        folders = [file.parent for file in root.glob("*/recipe.toml") if not file.parent.name.startswith(".")]
    except OSError as error:
        raise UserError(f"{root}: cannot be read ({error.strerror})") from None
    return sorted(map(_describe, folders), key=lambda info: (-info.modified, info.name))


def _create(folder: Path, recipe: Recipe) -> None:
    """Write the recipe of a new session, whole or not at all; another process may be about to do the same."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _lock(folder):
            if not (folder / "recipe.toml").exists():
                half = folder / "recipe.toml.part"
                with half.open("w", encoding="utf-8") as file:
                    file.write(dump_recipe(recipe))
                    file.flush()
                    os.fsync(file.fileno())
                half.replace(folder / "recipe.toml")
    except UnicodeEncodeError:
        raise UserError("the recipe names a file whose name is not UTF-8; rename the file") from None
    except OSError as error:
        raise EngineError(f"{folder}: cannot make the session here ({error.strerror}); see --sessions-dir") from error


def _agreed(name: str, kept: Recipe, given: Recipe) -> Recipe:
    """Return the recipe to go on with: what is learned as it was begun, the rest as given now."""
    changed = differences(kept, given)
    unlike = [
        f"{path} is {old!r} there and {new!r} here" for path, (old, new) in changed.items() if not _FREE.fullmatch(path)
    ]
    if not unlike:
        return given
    more = f" and {len(unlike) - 3} more" if len(unlike) > 3 else ""
    raise UserError(
        f"session {name!r} was begun with another recipe ({printable('; '.join(unlike[:3]))}{more});"
        " give another --session name, or leave the changes out to go on with it"
    )


def _lock(folder: Path) -> SessionLock:
    owner = folder / "lock.pid"
    # The engine's thread may release what another thread took.
    lock = filelock.FileLock(folder / "lock", thread_local=False)
    try:
        lock.acquire(timeout=LOCK_SECONDS, poll_interval=0.05)
    except filelock.Timeout:
        raise UserError(
            f"session {folder.name!r} is open in another process{_holder(owner)};"
            " end that one, or give another --session name"
        ) from None
    except OSError as error:
        raise EngineError(f"{folder / 'lock'}: cannot be locked ({error.strerror})") from error
    with suppress(OSError):  # only a help for whoever waits
        owner.write_text(str(os.getpid()), "ascii")
    return SessionLock(lock, owner)


def _holder(owner: Path) -> str:
    try:
        return f" (pid {int(owner.read_text('ascii'))})"
    except (OSError, ValueError):
        return ""


def _held(folder: Path) -> bool:
    """Whether some process writes to the session now; a crash leaves the pid file, but no lock."""
    if not (folder / "lock.pid").exists():
        return False
    lock = filelock.FileLock(folder / "lock", thread_local=False)
    try:
        lock.acquire(timeout=0)
    except (filelock.Timeout, OSError):
        return True
    lock.release()
    return False


def _checkpoint_steps(folder: Path) -> list[int]:
    found = (
        _STEP.fullmatch(manifest.parent.name) for manifest in (folder / "checkpoints").glob("step-*/manifest.json")
    )
    return sorted(int(match[1]) for match in found if match)


def _describe(folder: Path) -> SessionInfo:
    steps = _checkpoint_steps(folder)
    step = steps[-1] if steps else 0
    modified = 0.0
    try:
        modified = max(file.stat().st_mtime for file in folder.iterdir())
        recipe = load_recipe(str(folder / "recipe.toml"))
        return SessionInfo(folder.name, recipe.name, step, recipe.steps, _state(folder), modified)
    except (UserError, EngineError, OSError):
        return SessionInfo(folder.name, "?", step, 0, "unreadable", modified)


def _state(folder: Path) -> SessionState:
    """Say how a session stands, from its lock and the last change of state among its events."""
    if _held(folder):
        return "open"
    if not (folder / "session.db").exists():
        return "new"
    with Store.reader(folder / "session.db") as store:
        kinds = [event.kind for event in store.events(limit=200)]
    ends: dict[str, SessionState] = {"finished": "finished", "failed": "failed", "phase": "stopped"}
    return next((ends[kind] for kind in reversed(kinds) if kind in ends), "new")
