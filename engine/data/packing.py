"""Rows of one length from whole documents: mixed by weight, packed best-fit, resumable exactly.

Documents are drawn from each source in an order shuffled anew every epoch; which source comes next is decided
by how far its share of tokens is behind its weight. A window of documents is packed at a time, the longest first, each
into the fullest row that has room; rows then come out in a shuffled order. Documents longer than a row are cut:
texts anywhere, conversations before a message, each piece starting with `<|begin|>`.

State is a few integers: where each source stands at the start of the window, and the next row in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypedDict

import numpy as np

from engine.data.shards import Shard
from engine.data.tokenizer import ChatTokenizer
from engine.errors import UserError

IGNORED = -100
WINDOW = 512
"""Pieces packed together; more waste less and shuffle further, and cost memory."""


class Batch(NamedTuple):
    """Rows of one length, each array int64 (rows, length)."""

    ids: np.ndarray
    targets: np.ndarray
    """The next token, IGNORED where nothing is learned."""
    segments: np.ndarray
    """1, 2, ... by document of a row; 0 for padding."""


class BatchState(TypedDict):
    """Where a PackedBatches stands."""

    drawn: list[int]
    """Documents drawn from each source before the window."""
    tokens: list[int]
    """Tokens drawn from each source before the window."""
    window: int
    """Windows before this one."""
    row: int
    """Rows of the window already given, over all processes."""


@dataclass(frozen=True, slots=True)
class _Piece:
    source: int
    start: int
    end: int
    begin: bool
    """Whether `<|begin|>` must be put before it."""

    @property
    def length(self) -> int:
        return self.end - self.start + self.begin


class PackedBatches:
    """An endless stream of batches from several shards."""

    def __init__(
        self,
        shards: Sequence[Shard],
        weights: Sequence[float],
        rows: int,
        length: int,
        seed: int,
        *,
        rank: int = 0,
        world: int = 1,
        repeats: float = math.inf,
    ) -> None:
        """`rows` rows of `length` a batch; process `rank` of `world` gets every world-th row.

        A source that was gone through `repeats` times gives its share to the others; `next` raises UserError when
        none is left.
        """
        assert len(shards) == len(weights) and any(weights) and rows % world == 0
        used = [(shard, weight) for shard, weight in zip(shards, weights, strict=True) if weight > 0]
        self._shards = [shard for shard, _ in used]
        total = sum(weight for _, weight in used)
        self._weights = [weight / total for _, weight in used]
        self._rows, self._length, self._seed = rows, length, seed
        self._rank, self._world = rank, world
        self._most = [repeats * len(shard) for shard in self._shards]
        self._state: BatchState = {
            "drawn": [0] * len(used), "tokens": [0] * len(used), "window": 0, "row": 0
        }  # fmt: skip
        self._orders: dict[tuple[int, int], np.ndarray] = {}
        self._plan: list[list[_Piece]] | None = None
        self._after: tuple[list[int], list[int]] = ([], [])
        self._positions = self._padding = 0

    @property
    def waste(self) -> float:
        """Share of positions given so far that were padding."""
        return self._padding / self._positions if self._positions else 0.0

    @property
    def epochs(self) -> list[float]:
        """How often each source (of those with weight) has been gone through."""
        return [drawn / len(shard) for drawn, shard in zip(self._state["drawn"], self._shards, strict=True)]

    def next(self) -> Batch:
        """Return the next batch."""
        planned = [self._next_row() for _ in range(self._rows)][self._rank :: self._world]
        shape = (len(planned), self._length)
        ids = np.zeros(shape, dtype=np.int64)
        targets = np.full(shape, IGNORED, dtype=np.int64)
        segments = np.zeros(shape, dtype=np.int64)
        for row, pieces in enumerate(planned):
            at = 0
            for number, piece in enumerate(pieces, 1):
                at = self._fill(piece, number, at, ids[row], targets[row], segments[row])
            self._padding += self._length - at
        self._positions += ids.size
        return Batch(ids, targets, segments)

    def state(self) -> BatchState:
        """Return where the stream stands."""
        state = self._state
        return {
            "drawn": list(state["drawn"]),
            "tokens": list(state["tokens"]),
            "window": state["window"],
            "row": state["row"],
        }

    def restore(self, state: BatchState) -> None:
        """Go on from `state` of a stream over the same shards."""
        self._state = {
            "drawn": list(state["drawn"]),
            "tokens": list(state["tokens"]),
            "window": state["window"],
            "row": state["row"],
        }
        self._plan = None

    def _fill(
        self, piece: _Piece, number: int, at: int, ids: np.ndarray, targets: np.ndarray, segments: np.ndarray
    ) -> int:
        shard = self._shards[piece.source]
        tokens, learn = shard.ids[piece.start : piece.end], shard.learn[piece.start : piece.end]
        start, end = at, at + piece.length
        if piece.begin:
            ids[at] = ChatTokenizer.begin_id
            at += 1
        ids[at:end] = tokens
        segments[start:end] = number
        # Position i predicts token i + 1, where that one is learned; the last position of a piece predicts nothing.
        first = at - 1 if piece.begin else at
        following = tokens if piece.begin else tokens[1:]
        learned = learn if piece.begin else learn[1:]
        targets[first : end - 1] = np.where(learned, following.astype(np.int64), IGNORED)
        return end

    def _next_row(self) -> list[_Piece]:
        if self._plan is None:
            self._plan = self._plan_window()
        if self._state["row"] >= len(self._plan):
            drawn, tokens = self._after
            self._state = {"drawn": drawn, "tokens": tokens, "window": self._state["window"] + 1, "row": 0}
            self._plan = self._plan_window()
        row = self._plan[self._state["row"]]
        self._state["row"] += 1
        return row

    def _plan_window(self) -> list[list[_Piece]]:
        drawn, tokens = list(self._state["drawn"]), list(self._state["tokens"])
        pieces: list[_Piece] = []
        while len(pieces) < WINDOW:
            behind = [
                count / weight if done < most else math.inf
                for count, weight, done, most in zip(tokens, self._weights, drawn, self._most, strict=True)
            ]
            source = behind.index(min(behind))
            if math.isinf(behind[source]):
                break
            document = self._document(source, drawn[source])
            drawn[source] += 1
            cut = list(_cut(self._shards[source], source, document, self._length))
            tokens[source] += sum(piece.length for piece in cut)
            pieces += cut
        if not pieces:
            raise UserError(
                "the data is used up: every source was read as often as data.repeats allows; give more data, "
                "raise data.repeats or take fewer steps"
            )
        self._after = drawn, tokens
        rows = _best_fit(pieces, self._length)
        order = np.random.default_rng([self._seed, 1, self._state["window"]]).permutation(len(rows))
        return [rows[index] for index in order]

    def _document(self, source: int, number: int) -> int:
        epoch, index = divmod(number, len(self._shards[source]))
        if (source, epoch) not in self._orders:
            self._orders = {key: order for key, order in self._orders.items() if key[0] != source}
            random = np.random.default_rng([self._seed, 0, source, epoch])
            self._orders[source, epoch] = random.permutation(len(self._shards[source]))
        return int(self._orders[source, epoch][index])


def first_rows(
    shards: Sequence[Shard], weights: Sequence[float], rows: int, length: int, batch: int
) -> Iterator[Batch]:
    """Yield batches of the first rows of a fixed order: the same every time, for validation."""
    stream = PackedBatches(shards, weights, batch, length, seed=0)
    for _ in range(max(1, -(-rows // batch))):
        yield stream.next()


def _cut(shard: Shard, source: int, document: int, length: int) -> Iterator[_Piece]:
    """Yield pieces of a document that fit into a row."""
    start, end = int(shard.offsets[document]), int(shard.offsets[document + 1])
    if end - start <= length:
        yield _Piece(source, start, end, begin=False)
        return
    starts = np.flatnonzero(np.isin(shard.ids[start:end], _ROLE_IDS)) + start
    if len(starts) == 0:
        yield _Piece(source, start, start + length, begin=False)
        at = start + length
        while at < end:
            stop = min(at + length - 1, end)
            yield _Piece(source, at, stop, begin=True)
            at = stop
        return
    bounds = [*map(int, starts), end]
    # A reply is only learned after what it replies to: pieces begin with a message of the user (or system).
    opens = [b for b in bounds[:-1] if shard.ids[b] != ChatTokenizer.assistant_id]
    at = 0
    while at < len(opens):
        first = opens[at]
        stops = [b for b in bounds if first < b <= first + length - 1]
        fit = [b for b in stops if b == end or shard.ids[b] != ChatTokenizer.assistant_id]
        stop = fit[-1] if fit else min(first + length - 1, end)
        yield _Piece(source, first, stop, begin=True)
        at = next((i for i, b in enumerate(opens) if b >= stop), len(opens))


def _best_fit(pieces: Sequence[_Piece], length: int) -> list[list[_Piece]]:
    """Pack pieces, longest first, each into the row with the least room that still holds it."""
    rows: list[list[_Piece]] = []
    by_room: dict[int, list[int]] = {}
    for piece in sorted(pieces, key=lambda one: (-one.length, one.source, one.start)):
        room = next((r for r in range(piece.length, length + 1) if by_room.get(r)), None)
        if room is None:
            rows.append([piece])
            left = length - piece.length
            by_room.setdefault(left, []).append(len(rows) - 1)
        else:
            row = by_room[room].pop()
            rows[row].append(piece)
            by_room.setdefault(room - piece.length, []).append(row)
    return rows


_ROLE_IDS = np.array([ChatTokenizer.system_id, ChatTokenizer.user_id, ChatTokenizer.assistant_id], dtype=np.uint16)
