"""Documents of data sets of the Hugging Face hub, downloaded once, up to a cap, and kept.

The catalogue names the sets (engine/data/hub_catalogue.py, hub.toml). Their rows are downloaded into a spool
(engine/data/hub_download.py, spool.py) and read from there. The cap bounds the text; the bytes that are downloaded for
it exceed the cap by no more than 4 MB, one row group of a file, and the ends of the files, where parquet keeps its
tables of contents.

A set that has no validation or test split has them dealt out of its training split by a hash of the text.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.conversation import Document
from engine.data.files import Split, deal
from engine.data.hub_catalogue import HubSource, hub_source
from engine.data.hub_download import Download, Wait, size_of
from engine.data.lock import acquire
from engine.data.position import Position
from engine.data.rows import document_of
from engine.data.spool import Spool, spool_version
from engine.errors import EngineError
from engine.status import Say

HELD_OUT_SHARE = 0.05
"""Of the cap, for a validation or test split that a set has of its own."""


def open_hub(
    name: str,
    split: Split,
    folder: Path,
    say: Say,
    notes: list[str],
    *,
    megabytes: float | None = None,
    position: Position | None = None,
    wait: Wait = time.sleep,
) -> Iterator[Document]:
    """Download what is not in `folder` yet, at most `megabytes` (its cap in the catalogue), then give the documents.

    The download is done when this returns; documents are read from the disk. `notes` gets lines on what was damaged
    and what was downloaded. Raises UserError for an unknown name, SourceUnavailable if the hub or the set cannot be
    had, EngineError if the disk refuses, and whatever `say` raises.
    """
    source = hub_source(name)
    theirs = source.splits.get(split, source.splits["train"])
    share = 1.0 if theirs == source.splits["train"] else HELD_OUT_SHARE
    cap = round((source.megabytes if megabytes is None else min(megabytes, source.megabytes)) * 1e6 * share)
    place = folder / name / theirs
    with _alone(place, name, say):
        spool = Spool(place, {**source.origin, "split": theirs})
        notes += spool.notes
        download = Download(name, source, theirs, spool, cap, say, wait)
        if not download.complete:
            download.run()
            odd = f", {download.odd:,} rows of another form passed over" if download.odd else ""
            text, received = spool.size / 1e6, spool.received / 1e6
            notes.append(f"hub:{name}: {text:.1f} MB of text are here, {received:.1f} MB downloaded for it{odd}")
    return _read(spool, source, split, cap, position)


def identity(name: str, folder: Path) -> dict[str, Any]:
    """Return plain values that change when what the source holds changes, as far as it has been downloaded."""
    source = hub_source(name)
    versions = [spool_version(folder / name / theirs) for theirs in source.splits.values()]
    return {"name": f"hub:{name}", **source.origin, "splits": dict(source.splits), "versions": versions}


def _read(spool: Spool, source: HubSource, split: Split, cap: int, position: Position | None) -> Iterator[Document]:
    """Yield the documents of one of our splits among the first `cap` bytes of a spool."""
    left = cap
    for row in spool.lines(position):
        if left <= 0:
            return
        document = document_of(row, str(spool.folder))
        if document is not None:
            left -= size_of(document)
            if _belongs(document, spool.made_by["split"], source) == split:
                yield document


def _belongs(document: Document, theirs: str, source: HubSource) -> Split:
    """Return which split of ours a document of theirs belongs to."""
    for ours, name in source.splits.items():
        if name == theirs != source.splits["train"]:
            return ours
    dealt = deal(document)
    # What the set holds out itself need not be held out of its training split.
    return "train" if dealt in source.splits else dealt


@contextmanager
def _alone(place: Path, name: str, say: Say) -> Iterator[None]:
    """Hold the only right to write to a spool; wait as long as another process has it."""
    try:
        place.mkdir(parents=True, exist_ok=True)
        lock = acquire(place / "lock", lambda: say(f"waiting for another session that downloads {name}", 0, None, ""))
    except OSError as error:
        raise EngineError(f"{place}: cannot be used ({error.strerror})") from None
    try:
        yield
    finally:
        lock.release()
