import numpy as np
import torch

from engine.statistics import turn_vectors
from model.config import TURN_RANGE

PAD = 0
ANIMALS, COLOURS, OTHERS = range(1, 6), range(6, 11), range(11, 30)


def corpus(documents: int = 3000) -> np.ndarray:
    """Animals and colours each keep company with words of their own."""
    random = np.random.default_rng(5)
    rows = []
    for _ in range(documents):
        group, company = (ANIMALS, (11, 12)) if random.random() < 0.5 else (COLOURS, (13, 14))
        rows += [
            random.choice(company),
            random.choice(group),
            random.choice(company),
            random.choice(OTHERS),
            PAD,
        ]
    return np.array(rows, dtype=np.uint16)


def test_tokens_used_alike_start_alike():
    turns = turn_vectors(corpus(), 40, 8, pad=PAD, seed=1)
    unit = torch.nn.functional.normalize(turns, dim=1)
    similar = unit @ unit.T
    within = similar[1:6, 1:6].mean() + similar[6:11, 6:11].mean()
    across = similar[1:6, 6:11].mean()
    assert within / 2 > across + 0.3


def test_every_dimension_is_spread_evenly_over_the_range():
    turns = turn_vectors(corpus(), 40, 8, pad=PAD, seed=1)
    expected = torch.linspace(-TURN_RANGE, TURN_RANGE, 40)
    for column in turns.T:
        torch.testing.assert_close(column.sort().values, expected)


def test_the_same_seed_gives_the_same_and_leaves_the_random_state_alone():
    state = torch.get_rng_state()
    first = turn_vectors(corpus(), 40, 8, pad=PAD, seed=1)
    assert torch.equal(first, turn_vectors(corpus(), 40, 8, pad=PAD, seed=1))
    assert torch.equal(state, torch.get_rng_state())


def test_a_vocabulary_smaller_than_the_turns_still_works():
    turns = turn_vectors(np.array([1, 2, 3, 1, 2], dtype=np.uint16), 5, 16, pad=PAD, seed=1)
    assert turns.shape == (5, 16) and turns.isfinite().all()


def test_tokens_used_exactly_alike_can_be_told_apart():
    turns = turn_vectors(corpus(), 40, 16, pad=PAD, seed=1)
    animals = torch.nn.functional.normalize(turns[1:6], dim=1)
    alike = (animals @ animals.T).fill_diagonal_(0)
    assert alike.max() < 0.95
    assert len(torch.unique(turns[:, -4:].round().int(), dim=0)) == 40


def test_tokens_of_one_word_share_the_turns_that_are_not_statistics():
    same_word = list(range(40))
    same_word[20] = 1
    turns = turn_vectors(corpus(), 40, 16, pad=PAD, seed=1, same_word=same_word)
    step = 2 * TURN_RANGE / 39
    assert (turns[20, -4:] - turns[1, -4:]).abs().max() < 1.5 * step
    assert (turns[20, :12] - turns[1, :12]).abs().max() > 4 * step
