"""From a recipe to packed batches: documents -> tokenizer -> shards -> rows.

Each source gives up to `data.megabytes` of text for training and a twentieth of it for validation; the endless built-in
corpus gives no more than a run reads. The tokenizer learns from at most 8 MB of the phases' own mix. Both are kept in
the cache, keyed by everything that made them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engine.conversation import Document, Text
from engine.data.files import Split
from engine.data.packing import Batch, PackedBatches, first_rows
from engine.data.shards import Shard, key_of, open_shard, write_shard
from engine.data.sources import Kind, characters, identity, kinds_in, open_source, resolve_mix
from engine.data.tokenizer import ChatTokenizer
from engine.errors import CancelledError, EngineError, UserError
from engine.recipe import Recipe
from engine.status import Progress

TOKENIZER_CHARACTERS = 8_000_000
VALIDATION_SHARE = 0.05
CHARACTERS_A_TOKEN = 5.0
"""More than any tokenizer packs into one, so that a run does not read the corpus twice for want of text."""
LEAST_CHARACTERS = 200_000.0
REPORT_SECONDS = 0.15

Part = tuple[str, Kind | None]


@dataclass
class PreparedData:
    """All a run reads."""

    recipe: Recipe
    tokenizer: ChatTokenizer
    mixes: dict[str, dict[Part, float]]
    """By phase: (source, kind) -> weight."""
    shards: dict[tuple[Part, Split], Shard]
    notes: list[str] = field(default_factory=list)
    """What was chosen and why, one line each."""

    def batches(self, phase: str, split: Split) -> PackedBatches:
        """Return the endless batches of a phase, from their start."""
        settings, (shards, weights) = self.recipe.phases[phase], self._sources(phase, split)
        return PackedBatches(shards, weights, settings.batch, settings.length, self.recipe.seed)

    def validation(self, phase: str, rows: int) -> Iterator[Batch]:
        """Yield the first `rows` rows of a phase's validation data: the same every time."""
        settings = self.recipe.phases[phase]
        return first_rows(*self._sources(phase, "validation"), rows, settings.length, settings.batch)

    def conversation_share(self, phase: str) -> float:
        """Return how much of a phase's mix is spoken, 0 to 1."""
        mix = self.mixes[phase]
        spoken = 0.0
        for part, weight in mix.items():
            shard = self.shards[part, "train"]
            if np.isin(ChatTokenizer.assistant_id, shard.ids[: min(len(shard.ids), 4096)]):
                spoken += weight
        return spoken / sum(mix.values())

    def token_sample(self, count: int) -> np.ndarray:
        """Return up to `count` ids of the phases' mix, uint16, each document ended by the pad id."""
        totals: dict[Part, float] = {}
        for phase, mix in self.mixes.items():
            settings = self.recipe.phases[phase]
            read = settings.steps * settings.batch * settings.length
            for part, weight in mix.items():
                totals[part] = totals.get(part, 0.0) + read * weight / sum(mix.values())
        whole = sum(totals.values())
        parts = []
        for part, total in totals.items():
            shard = self.shards[part, "train"]
            last = int(np.searchsorted(shard.offsets, count * total / whole))
            end = int(shard.offsets[min(max(last, 1), len(shard))])
            ids = np.asarray(shard.ids[:end])
            ends = shard.offsets[1:][shard.offsets[1:] <= end]
            parts.append(np.insert(ids, ends, ChatTokenizer.pad_id))
        return np.concatenate(parts)[:count]

    def _sources(self, phase: str, split: Split) -> tuple[list[Shard], list[float]]:
        mix = self.mixes[phase]
        return [self.shards[part, split] for part in mix], list(mix.values())


def prepare(
    recipe: Recipe,
    vocabulary: int,
    cache: Path,
    report: Callable[[Progress], None],
    cancelled: Callable[[], bool],
) -> PreparedData:
    """Read, tokenise and cache all that a recipe names.

    Raises UserError for data that cannot be used, EngineError if the disk refuses, CancelledError when told to stop.
    """
    reporter = _Reporter(report, cancelled)
    reporter.say("looking at the data", 0, None)
    own = kinds_in(recipe.data.paths)
    mixes = {name: resolve_mix(phase.mix, own) for name, phase in recipe.phases.items()}
    parts = sorted({part for mix in mixes.values() for part in mix}, key=str)
    caps = {part: _cap(recipe, mixes, part) for part in parts}
    notes: list[str] = []
    tokenizer = _tokenizer(recipe, vocabulary, mixes, caps, cache, reporter, notes)
    shards: dict[tuple[Part, Split], Shard] = {}
    for number, part in enumerate(parts):
        for split in ("train", "validation"):
            what = f"tokenising {part[0]} ({number + 1} of {len(parts)})"
            shards[part, split] = _shard(recipe, part, split, caps[part], tokenizer, cache, reporter, what, notes)
    tokens = sum(shard.tokens for (_, split), shard in shards.items() if split == "train")
    notes.append(f"{tokens:,} tokens to train on from {len(parts)} sources, vocabulary {tokenizer.size}")
    return PreparedData(recipe, tokenizer, mixes, shards, notes)


def _cap(recipe: Recipe, mixes: dict[str, dict[Part, float]], part: Part) -> float:
    """Return the characters to take from a source: of the endless corpus no more than the run will read."""
    most = recipe.data.megabytes * 1e6
    if not part[0].startswith("builtin:"):
        return most
    tokens = 0.0
    for name, mix in mixes.items():
        phase = recipe.phases[name]
        tokens += phase.steps * phase.batch * phase.length * mix.get(part, 0.0) / sum(mix.values())
    return min(most, max(tokens * CHARACTERS_A_TOKEN, LEAST_CHARACTERS))


def _documents(recipe: Recipe, part: Part, split: Split, cap: float) -> Iterator[Document]:
    """Yield a source's documents up to `cap` characters, a twentieth of it for validation."""
    left = cap * (1.0 if split == "train" else VALIDATION_SHARE)
    for document in open_source(part[0], split, recipe.seed, part[1], recipe.data.paths):
        yield document
        left -= characters(document)
        if left <= 0:
            return


def _tokenizer(
    recipe: Recipe,
    vocabulary: int,
    mixes: dict[str, dict[Part, float]],
    caps: dict[Part, float],
    cache: Path,
    reporter: _Reporter,
    notes: list[str],
) -> ChatTokenizer:
    shares = {part: sum(mix.get(part, 0.0) / sum(mix.values()) for mix in mixes.values()) for part in caps}
    key = key_of(
        {
            "what": "tokenizer",
            "vocabulary": vocabulary,
            "seed": recipe.seed,
            "sources": [
                [identity(name, recipe.data.paths), kind, round(shares[name, kind], 6), cap]
                for (name, kind), cap in caps.items()
            ],
        }
    )
    path = cache / key / "tokenizer.json"
    if path.exists():
        try:
            return ChatTokenizer.load(path)
        except EngineError as error:
            notes.append(f"the cached tokenizer was damaged and is made anew ({error})")
    total = int(sum(min(TOKENIZER_CHARACTERS * share / len(mixes), caps[part]) for part, share in shares.items()))

    def texts() -> Iterator[str]:
        read = 0
        for part, cap in caps.items():
            wanted = TOKENIZER_CHARACTERS * shares[part] / len(mixes)
            for document in _documents(recipe, part, "train", cap):
                contents = [document.content] if isinstance(document, Text) else [m.content for m in document.messages]
                yield from contents
                read += characters(document)
                wanted -= characters(document)
                reporter.say("reading for the tokenizer", read, total, "characters")
                if wanted <= 0:
                    break
        reporter.say("training the tokenizer", 0, None)

    tokenizer = ChatTokenizer.train(texts(), vocabulary)
    if tokenizer.size < vocabulary:
        notes.append(
            f"the text gives {tokenizer.size} tokens, not the {vocabulary} asked for: there is no more to merge"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EngineError(f"{path.parent}: cannot be written ({error.strerror})") from None
    tokenizer.save(path)
    return tokenizer


def _shard(
    recipe: Recipe,
    part: Part,
    split: Split,
    cap: float,
    tokenizer: ChatTokenizer,
    cache: Path,
    reporter: _Reporter,
    what: str,
    notes: list[str],
) -> Shard:
    name, kind = part
    key = key_of(
        {
            "what": "shard",
            "source": identity(name, recipe.data.paths),
            "kind": kind,
            "split": split,
            "seed": recipe.seed,
            "cap": cap,
            "tokenizer": tokenizer.fingerprint,
        }
    )
    folder = cache / key
    shard = open_shard(folder)
    if shard is None:
        if folder.exists():
            notes.append(f"the cache of {name} was damaged and is made anew")
        total = int(cap) if name.startswith("builtin:") and split == "train" else None
        read = 0

        def counted() -> Iterator[Document]:
            nonlocal read
            for document in _documents(recipe, part, split, cap):
                read += characters(document)
                reporter.say(what, read, total, "characters")
                yield document

        shard = write_shard(folder, tokenizer.encode_documents(counted()))
    if len(shard) == 0:
        raise UserError(
            f"{name}: no document for {split}; give more data (about a hundred documents at least), "
            "or a file named ...-validation beside ...-train"
        )
    return shard


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
