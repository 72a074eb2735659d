"""One run of a download from the hub: rows of a set, streamed by `datasets`, into a spool.

A set's parquet files are read a row group at a time, of which only the needed columns are asked for: so the cap is kept
to within a row group, and going on costs no more than one row group again. No code of a set is run: `datasets` refuses
sets that have some. Importing this imports no heavy library; running it does.
"""

from __future__ import annotations

import errno
import logging
import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from engine.conversation import Document, contents, printable
from engine.data.hub_catalogue import HubSource
from engine.data.hub_shapes import SHAPES
from engine.data.rows import document_of, in_roles, shown
from engine.data.spool import Spool
from engine.errors import EngineError, SourceUnavailable, UserError
from engine.status import Say

if TYPE_CHECKING:
    from engine.data.hub_client import HubClient

Wait = Callable[[float], None]

PART_BYTES = 4_000_000
"""Text of one part of the spool: no more than this is lost when the program is killed."""
EXCESS_BYTES = 4_000_000
"""More than the cap may be downloaded, so that as a rule the text decides where to stop: it is the same every time."""
ODD_ROWS = 20
"""Rows of another form that are passed over, and as many more as there are rows of the right one."""
SLICE_SECONDS = 0.2
"""Of a wait, after which it is looked whether to go on waiting."""


@dataclass
class Download:
    """From where the spool ends to the cap, or until something stops it."""

    name: str
    source: HubSource
    theirs: str
    """Their split."""
    spool: Spool
    cap: int
    """Bytes of text, and bytes downloaded."""
    say: Say
    wait: Wait
    lines: list[dict[str, Any]] = field(default_factory=list)
    """Rows that are not spooled yet."""
    size: int = 0
    """Bytes of text in `lines`."""
    received: int = 0
    """Bytes downloaded for `lines`."""
    counted: int = 0
    """Of the bytes that the client received, those for what is spooled."""
    position: Any = None
    rows: int = 0
    """Rows of the right form in this run, and of another."""
    odd: int = 0

    @property
    def complete(self) -> bool:
        """Whether there is nothing more to download."""
        received = self.spool.received + self.received
        size = self.spool.size + self.size
        return self.spool.finished or size >= self.cap or received >= self.cap + EXCESS_BYTES

    def run(self) -> None:
        """Fill the spool; what has come is kept whatever happens.

        Raises SourceUnavailable if the hub or the set cannot be had, EngineError if the disk refuses.
        """
        import datasets

        from engine.data.hub_client import HubClient, through

        _hush()
        if datasets.config.HF_HUB_OFFLINE:
            raise self._unavailable("HF_HUB_OFFLINE is set; unset it and run the same command again")
        client = HubClient(self.name, self.source.repository, self._pause)
        with through(client), self._explained():
            self._report()
            version = {"revision": self._revision(), "datasets": datasets.__version__}
            if version != self.spool.version:
                self.spool.restart(version)
            self._fill(self._rows(version["revision"]), client)

    def _revision(self) -> str:
        """Return the commit to read: the one the spool was begun with if it is still there, else the newest."""
        from huggingface_hub import HfApi

        from engine.data.hub_client import RevisionGone

        def commit(revision: str) -> str:
            return str(HfApi().dataset_info(self.source.repository, revision=revision).sha)

        if self.spool.version is not None:
            with suppress(RevisionGone):
                return commit(self.spool.version["revision"])
        try:
            return commit(self.source.revision)
        except RevisionGone:
            raise self._changed(f"no branch {self.source.revision!r}") from None

    def _rows(self, revision: str) -> Any:
        """Return the `IterableDataset` of a split with the columns that are needed, a shard for each row group."""
        needed = list(self.source.columns.values())
        sets = self._load(revision, needed)
        if self.theirs not in sets:
            raise self._changed(f"no split {self.theirs!r}; it has {shown(sets)}")
        names = sets[self.theirs].column_names
        if missing := [column for column in needed if column not in names]:
            there = self._load(revision, None)[self.theirs].column_names
            raise self._changed(f"no column {missing[0]!r}; it has {shown(there)}")
        return sets[self.theirs].reshard()

    def _load(self, revision: str, columns: list[str] | None) -> Any:
        import datasets
        from huggingface_hub import HfFileSystem

        HfFileSystem.clear_instance_cache()  # it remembers what could not be had
        with TemporaryDirectory() as cache:  # nothing of a streamed set is kept there but locks
            return datasets.load_dataset(
                f"hf://datasets/{self.source.repository}",  # never a folder of that name
                self.source.config,
                data_dir=self.source.folder,
                revision=revision,
                streaming=True,
                cache_dir=cache,
                storage_options={"hf": {"block_size": 1}},  # nothing is asked for ahead
                columns=columns,
            )

    def _fill(self, rows: Any, client: HubClient) -> None:
        self.position = self.spool.position
        if self.position is not None:
            rows.load_state_dict(self.position)
        iterator = iter(rows)
        finished = False
        try:
            for row in iterator:
                self._take(row)
                self.position = rows.state_dict()
                if self.size >= PART_BYTES:
                    self._flush(client, False)
                self.received = client.received - self.counted
                if self.complete:
                    break
                self._report()
            else:
                finished = True
        finally:
            iterator.close()
            if finished or self.position != self.spool.position:
                self._flush(client, finished)

    def _take(self, row: Mapping[str, Any]) -> None:
        shaped = SHAPES[self.source.shape](in_roles(row, self.source.columns))
        try:
            document = document_of(shaped, f"a row of {self.source.repository}")
            self.rows += 1
        except UserError as error:
            self.odd += 1
            if self.odd > ODD_ROWS + self.rows:
                raise self._changed(f"rows of another form ({error})") from None
            return
        if document is not None:
            self.lines.append(shaped)
            self.size += size_of(document)

    def _flush(self, client: HubClient, finished: bool) -> None:
        lines, size, received = self.lines, self.size, client.received - self.counted
        self.lines, self.size, self.received, self.counted = [], 0, 0, client.received
        self.spool.add(lines, self.position, size, received, finished)

    def _report(self) -> None:
        self.say(f"downloading {self.name}", self.spool.size + self.size, self.cap, "bytes")

    def _pause(self, seconds: float, why: str) -> None:
        for _ in range(math.ceil(seconds / SLICE_SECONDS)):
            self.say(f"waiting to download {self.name}: {why}", 0, None, "")
            self.wait(SLICE_SECONDS)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what the libraries raise into one line."""
        import pyarrow
        from huggingface_hub.utils import httpx

        try:
            yield
        except EngineError:
            raise
        except (OSError, ValueError, LookupError, RuntimeError, pyarrow.ArrowException, httpx.HTTPError) as error:
            if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise EngineError(f"{error.filename or self.spool.folder}: the disk is full; make room") from None
            reason = printable(" ".join(str(error).split())[:160]) or type(error).__name__
            message = f"{self.source.repository} cannot be read ({reason}); leave the source out"
            raise self._unavailable(message) from error

    def _changed(self, what: str) -> SourceUnavailable:
        return self._unavailable(f"{self.source.repository} has changed: {what}; leave the source out")

    def _unavailable(self, message: str) -> SourceUnavailable:
        return SourceUnavailable(f"hub:{self.name}: {message}")


def size_of(document: Document) -> int:
    """Return the bytes of what a document says."""
    return sum(len(content.encode()) for content in contents(document))


@cache
def _hush() -> None:
    """Keep the libraries off the terminal, where a console may be drawing, and from talking to others than the hub."""
    import datasets.utils.logging
    import huggingface_hub.utils.logging

    datasets.utils.disable_progress_bars()
    huggingface_hub.utils.disable_progress_bars()
    datasets.utils.logging.set_verbosity(logging.CRITICAL + 1)
    huggingface_hub.utils.logging.set_verbosity(logging.CRITICAL + 1)
    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False  # told to another server, which may be out of reach
    warnings.filterwarnings("ignore", module=r"(datasets|huggingface_hub|fsspec|pyarrow|tqdm)\b")
