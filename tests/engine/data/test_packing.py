import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data import packing
from engine.data.packing import IGNORED, Batch, PackedBatches, first_rows
from engine.data.shards import Shard
from engine.data.tokenizer import ChatTokenizer as T
from engine.errors import UserError

LENGTH = 24


def text(start: int, length: int) -> tuple[list[int], list[bool]]:
    return [T.begin_id, *range(start, start + length), T.end_id], [False] + [True] * (length + 1)


def talk(start: int, *lengths: int) -> tuple[list[int], list[bool]]:
    ids, learn = [T.begin_id], [False]
    for number, length in enumerate(lengths):
        ids += [T.user_id if number % 2 == 0 else T.assistant_id, *range(start, start + length), T.end_id]
        learn += [False] + [number % 2 == 1] * (length + 1)
        start += length
    return ids, learn


def shard(documents) -> Shard:
    ids = np.concatenate([np.array(i, dtype=np.uint16) for i, _ in documents])
    learn = np.concatenate([np.array(flags, dtype=bool) for _, flags in documents])
    offsets = np.cumsum([0] + [len(i) for i, _ in documents])
    return Shard(ids, learn, offsets.astype(np.int64))


def many(count: int, seed: int = 0, start: int = 100) -> Shard:
    random = np.random.default_rng(seed)
    return shard([text(start + 20 * n, int(random.integers(1, 18))) for n in range(count)])


def learned_pairs(batch: Batch) -> list[tuple[int, int]]:
    here = batch.targets != IGNORED
    return list(zip(batch.ids[here].tolist(), batch.targets[here].tolist(), strict=True))


def same(a: Batch, b: Batch) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def test_every_learned_token_comes_exactly_once_an_epoch(monkeypatch):
    monkeypatch.setattr(packing, "WINDOW", 40)
    source = many(40)
    stream = PackedBatches([source], [1.0], 1, LENGTH, seed=3)
    seen: list[int] = []
    while len(seen) < source.learn.sum():
        seen += [target for _, target in learned_pairs(stream.next())]
    assert sorted(seen) == sorted(source.ids[source.learn].tolist())


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.integers(1, 40), min_size=2, max_size=7), min_size=1, max_size=12),
    st.integers(10, 40),
)
def test_targets_are_next_tokens_of_the_same_document(conversations, length):
    source = shard([talk(100 + 400 * n, *lengths) for n, lengths in enumerate(conversations)])
    stream = PackedBatches([source], [1.0], 2, length, seed=1)
    following = {}
    for index in range(len(source)):
        ids = source.ids[source.offsets[index] : source.offsets[index + 1]].tolist()
        following.update(dict.fromkeys(itertools.pairwise(ids)))
    for _ in range(5):
        batch = stream.next()
        assert batch.ids.shape == batch.targets.shape == batch.segments.shape == (2, length)
        for ids, targets, segments in zip(*batch, strict=True):
            for at in np.flatnonzero(targets != IGNORED):
                assert segments[at] == segments[at + 1] > 0
                assert ids[at + 1] == targets[at]
                assert (int(ids[at]), int(targets[at])) in following
            for number in range(1, segments.max() + 1):
                assert ids[segments == number][0] == T.begin_id
            assert (ids[segments == 0] == T.pad_id).all()


def test_a_long_conversation_is_cut_before_messages_of_the_user():
    source = shard([talk(100, 5, 5, 5, 5, 5, 5)])
    stream = PackedBatches([source], [1.0], 1, LENGTH, seed=1)
    for _ in range(6):
        batch = stream.next()
        for number in range(1, batch.segments.max() + 1):
            assert batch.ids[batch.segments == number][:2].tolist() == [T.begin_id, T.user_id]


def test_a_message_longer_than_a_row_is_no_endless_loop():
    stream = PackedBatches([shard([talk(100, 60, 60)])], [1.0], 1, LENGTH, seed=1)
    assert stream.next().ids.shape == (1, LENGTH)


@pytest.mark.parametrize("taken", [0, 1, 7, 33, 60])
def test_a_restored_stream_goes_on_exactly(monkeypatch, taken):
    monkeypatch.setattr(packing, "WINDOW", 16)

    def fresh() -> PackedBatches:
        return PackedBatches([many(30), many(9, 1, 5000)], [0.7, 0.3], 2, LENGTH, seed=5)

    stream = fresh()
    for _ in range(taken):
        stream.next()
    other = fresh()
    other.restore(stream.state())
    assert all(same(stream.next(), other.next()) for _ in range(40))
    assert max(stream.epochs) > 1


def test_weights_are_shares_of_tokens():
    first, second = many(300, 0, 100), shard([text(30000 + 20 * n, 3) for n in range(300)])
    stream = PackedBatches([first, second], [0.75, 0.25], 8, LENGTH, seed=1)
    batches = [stream.next() for _ in range(60)]
    ids = np.concatenate([batch.ids[batch.segments > 0] for batch in batches])
    ids = ids[ids >= 100]
    # Of the second's documents 3 in 5 tokens count here, of the first's about 9 in 11.
    assert 0.17 < (ids >= 30000).mean() < 0.25


def test_another_seed_is_another_order_and_the_same_seed_the_same():
    def draw(seed: int) -> Batch:
        return PackedBatches([many(50)], [1.0], 4, LENGTH, seed=seed).next()

    assert same(draw(1), draw(1)) and not same(draw(1), draw(2))


def test_processes_share_the_rows_of_one_stream():
    whole = PackedBatches([many(50)], [1.0], 4, LENGTH, seed=1).next()
    halves = [PackedBatches([many(50)], [1.0], 4, LENGTH, seed=1, rank=r, world=2).next() for r in (0, 1)]
    assert np.array_equal(whole.ids[0::2], halves[0].ids) and np.array_equal(whole.ids[1::2], halves[1].ids)


def test_padding_is_little_and_reported():
    stream = PackedBatches([many(600)], [1.0], 8, 128, seed=1)
    padding = np.mean([(stream.next().segments == 0).mean() for _ in range(20)])
    assert stream.waste == pytest.approx(padding) and padding < 0.03


def test_validation_rows_are_always_the_same():
    def rows() -> list[Batch]:
        return list(first_rows([many(50)], [1.0], 8, LENGTH, 4))

    assert len(rows()) == 2 and all(same(a, b) for a, b in zip(rows(), rows(), strict=True))


def test_a_source_that_is_used_up_gives_its_share_to_the_others(monkeypatch):
    monkeypatch.setattr(packing, "WINDOW", 16)
    short, long = many(8), many(200, 1, 5000)
    stream = PackedBatches([short, long], [0.9, 0.1], 1, LENGTH, seed=1, repeats=2)
    for _ in range(60):
        stream.next()
    few, many_ = stream.epochs
    assert few == 2
    assert 0 < many_ < 2


def test_the_end_of_all_sources_is_said(monkeypatch):
    monkeypatch.setattr(packing, "WINDOW", 16)
    stream = PackedBatches([many(10)], [1.0], 1, LENGTH, seed=1, repeats=1)
    with pytest.raises(UserError, match=r"used up.*data\.repeats"):
        for _ in range(100):
            stream.next()
