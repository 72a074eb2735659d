"""From a recipe to packed batches: sources -> filters -> tokenizer -> shards -> mix and packing.

Each source gives up to `data.megabytes` of text for training and a twentieth of it for validation; the endless built-in
corpus gives no more than a run reads. Sets of the hub are filtered, and one's own files if the recipe says so. The
tokenizer learns from at most 8 MB of the phases' own mix. Shards and tokenizer are kept in the cache, keyed by
everything that made them; a shard that was interrupted goes on where it last rested.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import cast

import numpy as np

from engine.conversation import Document, characters, contents
from engine.data.files import Split
from engine.data.filters import FilterReport, FilterStage, FilterState, filtered
from engine.data.position import Position
from engine.data.prepared import PreparedData
from engine.data.shards import Shard, ShardWriter, key_of, open_shard
from engine.data.sources import Part, Sources
from engine.data.tokenizer import ChatTokenizer
from engine.describe import lexicon_of
from engine.errors import CancelledError, EngineError, UserError
from engine.recipe import Recipe
from engine.status import Progress

TOKENIZER_CHARACTERS = 8_000_000
VALIDATION_SHARE = 0.05
CHARACTERS_A_TOKEN = 5.0
"""More than any tokenizer packs into one, so that a run does not read the corpus twice for want of text."""
LEAST_CHARACTERS = 200_000.0
REPORT_SECONDS = 0.15
CHUNK_DOCUMENTS = 1024
REST_SECONDS = 5.0
"""Time between two points from which an interrupted shard goes on."""


def prepare(
    recipe: Recipe,
    vocabulary: int,
    cache: Path,
    report: Callable[[Progress], None],
    cancelled: Callable[[], bool],
    only: Collection[str] | None = None,
) -> PreparedData:
    """Read, filter, tokenise and cache all that a recipe names; `only` those sources, where a run goes on with them.

    Raises UserError for data that cannot be used, SourceUnavailable for a source that the recipe cannot do without,
    EngineError if the disk refuses, CancelledError when told to stop.
    """
    return _Preparation(recipe, vocabulary, cache, _Reporter(report, cancelled), only).run()


class _Preparation:
    """What one preparation knows."""

    def __init__(
        self, recipe: Recipe, vocabulary: int, cache: Path, reporter: _Reporter, only: Collection[str] | None
    ) -> None:
        self.recipe, self.vocabulary, self.cache, self.reporter, self.only = recipe, vocabulary, cache, reporter, only
        self.notes: list[str] = []
        self.sources = Sources(recipe.data, recipe.seed, cache, reporter.say, self.notes)

    def run(self) -> PreparedData:
        self.reporter.say("looking at the data", 0, None)
        mixes = self.sources.mixes(self.recipe, self.only)
        parts = sorted({part for mix in mixes.values() for part in mix}, key=str)
        caps = {part: _cap(self.recipe, mixes, part) for part in parts}
        tokenizer = self._tokenizer(mixes, caps)
        shards: dict[tuple[Part, Split], Shard] = {}
        for number, part in enumerate(parts):
            splits: tuple[Split, ...] = ("train", "validation")
            for split in splits:
                what = f"tokenising {part[0]} ({number + 1} of {len(parts)})"
                shards[part, split] = self._shard(part, split, caps[part], tokenizer, what)
        tokens = sum(shard.tokens for (_, split), shard in shards.items() if split == "train")
        self.notes.append(f"{tokens:,} tokens to train on from {len(parts)} sources, vocabulary {tokenizer.size}")
        prepared = PreparedData(self.recipe, tokenizer, mixes, shards, self.notes)
        self.notes += [f"{name}: {report.summary()}" for name, report in prepared.reports.items()]
        return prepared

    def _documents(
        self, part: Part, split: Split, cap: float, start: int = 0, position: Position | None = None
    ) -> Iterator[Document]:
        """Yield a source's documents up to `cap` characters (for validation a twentieth), from the `start`th on."""
        left = _most(cap, split)
        for number, document in enumerate(self.sources.open(part[0], split, part[1], position)):
            if number >= start:
                yield document
            left -= characters(document)
            if left <= 0:
                return

    def _tokenizer(self, mixes: dict[str, dict[Part, float]], caps: dict[Part, float]) -> ChatTokenizer:
        shares = {part: sum(mix.get(part, 0.0) / sum(mix.values()) for mix in mixes.values()) for part in caps}
        words = sorted(lexicon_of(self.recipe).words)
        key = key_of(
            {
                "what": "tokenizer, frequent tokens first",
                "vocabulary": self.vocabulary,
                "seed": self.recipe.seed,
                "words": words,
                "sources": [
                    [self.sources.identity(part[0]), part[1], self._filter_key(part[0]), round(shares[part], 6), cap]
                    for part, cap in caps.items()
                ],
            }
        )
        path = self.cache / key / "tokenizer.json"
        if path.exists():
            try:
                return ChatTokenizer.load(path)
            except EngineError as error:
                self.notes.append(f"the cached tokenizer was damaged and is made anew ({error})")
        wanted = {part: TOKENIZER_CHARACTERS * share / len(mixes) for part, share in shares.items()}
        total = int(sum(min(wanted[part], cap) for part, cap in caps.items()))

        def texts() -> Iterator[str]:
            read = 0
            for part, cap in caps.items():
                left, settings = wanted[part], self.sources.filters(part[0], self.recipe)
                documents = self._documents(part, "train", cap)
                if settings is not None:
                    documents = filtered(documents, settings, FilterReport(), self.recipe.seed)
                for document in documents:
                    yield from contents(document)
                    read += characters(document)
                    left -= characters(document)
                    self.reporter.say("reading for the tokenizer", read, total, "characters")
                    if left <= 0:
                        break
            self.reporter.say("training the tokenizer", 0, None)

        tokenizer = ChatTokenizer.train(texts(), self.vocabulary, words)
        if tokenizer.size < self.vocabulary:
            self.notes.append(
                f"the text gives {tokenizer.size} tokens, not the {self.vocabulary} asked for: nothing more to merge"
            )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EngineError(f"{path.parent}: cannot be written ({error.strerror})") from None
        tokenizer.save(path)
        return tokenizer

    def _filter_key(self, name: str) -> object:
        settings = self.sources.filters(name, self.recipe)
        return None if settings is None else settings.model_dump()

    def _shard(self, part: Part, split: Split, cap: float, tokenizer: ChatTokenizer, what: str) -> Shard:
        name, kind = part
        key = key_of(
            {
                "what": "shard",
                "source": self.sources.identity(name),
                "filters": self._filter_key(name),
                "kind": kind,
                "split": split,
                "seed": self.recipe.seed,
                "cap": cap,
                "tokenizer": tokenizer.fingerprint,
            }
        )
        folder = self.cache / key
        shard = open_shard(folder)
        if shard is None:
            if folder.exists():
                self.notes.append(f"the cache of {name} was damaged and is made anew")
            waiting = f"waiting for another session: {what}"
            with ShardWriter(folder, lambda: self.reporter.say(waiting, 0, None)) as writer:
                # Another session may have made it meanwhile.
                shard = open_shard(folder) or self._write(writer, part, split, cap, tokenizer, what)
        if len(shard) == 0:
            dropped = FilterReport.from_dict(dict(shard.report)).summary() if shard.report else ""
            raise UserError(
                f"{name}: no document for {split}; give more data (about a hundred documents at least), "
                "or a file named ...-validation beside ...-train" + (f" ({dropped})" if dropped else "")
            )
        return shard

    def _write(
        self,
        writer: ShardWriter,
        part: Part,
        split: Split,
        cap: float,
        tokenizer: ChatTokenizer,
        what: str,
    ) -> Shard:
        """Filter and tokenise documents into a shard, from where an earlier attempt rested."""
        settings = self.sources.filters(part[0], self.recipe)
        stage = None if settings is None else FilterStage(settings, self.recipe.seed)
        taken, read = 0, 0
        if writer.state is not None:
            taken, read = writer.state["taken"], writer.state["read"]
            if stage is not None:
                stage.restore(cast("FilterState", {**writer.state["filters"], "signatures": writer.signatures}))
            self.notes.append(f"{part[0]}: goes on after {taken:,} documents that an earlier attempt made ready")
        position, most = Position(), _most(cap, split)
        documents = self._documents(part, split, cap, taken, position)
        rested = time.monotonic()
        while chunk := list(islice(documents, CHUNK_DOCUMENTS)):
            kept: Sequence[Document] = chunk
            if stage is not None:
                kept = [good for document in chunk if (good := stage.apply(document)) is not None]
            writer.add(tokenizer.encode_documents(kept))
            taken, read = taken + len(chunk), read + sum(map(characters, chunk))
            if time.monotonic() - rested > REST_SECONDS:
                state, signatures = _split_state(stage)
                writer.rest({"taken": taken, "read": read, "filters": state}, signatures)
                rested = time.monotonic()
            self.reporter.say(what, read, _expected(read, most, position), "characters")
        return writer.finish({} if stage is None else stage.report.as_dict())


def _most(cap: float, split: Split) -> float:
    """Return the characters of a split to take: of training the cap, of validation a share of it."""
    return cap * (1.0 if split == "train" else VALIDATION_SHARE)


def _expected(read: int, most: float, position: Position) -> int | None:
    """Return the characters at which a source will end: at its cap or its last byte; None as long as nobody knows."""
    if not position.whole:
        return int(most)
    return max(read, int(min(most, read / position.share))) if position.share else None


def _split_state(stage: FilterStage | None) -> tuple[dict[str, object], np.ndarray]:
    """Return what filters know as JSON values and an array."""
    if stage is None:
        return {}, np.empty(0, np.uint8)
    state = dict(stage.state())
    signatures = state.pop("signatures")
    assert isinstance(signatures, np.ndarray)
    return state, signatures


def _cap(recipe: Recipe, mixes: dict[str, dict[Part, float]], part: Part) -> float:
    """Return the characters to take from a source: of the endless corpus no more than the run will read."""
    most = recipe.data.megabytes * 1e6
    if not part[0].startswith("builtin:"):
        return most
    tokens = 0.0
    for name, mix in mixes.items():
        tokens += recipe.phases[name].tokens * mix.get(part, 0.0) / sum(mix.values())
    return min(most, max(tokens * CHARACTERS_A_TOKEN, LEAST_CHARACTERS))


class _Reporter:
    """Passes progress on a few times a second, with the time left, and stops when told to."""

    def __init__(self, report: Callable[[Progress], None], cancelled: Callable[[], bool]) -> None:
        self._report, self._cancelled = report, cancelled
        self._what, self._began, self._said = "", 0.0, 0.0

    def say(self, what: str, done: int, total: int | None, unit: str = "") -> None:
        now = time.monotonic()
        if what == self._what and now - self._said < REPORT_SECONDS:
            return
        if what != self._what:
            self._what, self._began = what, now
        self._said = now
        if self._cancelled():
            raise CancelledError
        eta = (now - self._began) * (total - done) / done if total and 0 < done <= total else None
        self._report(Progress(what, done, total, unit, eta))
