import numpy as np
import pytest
import torch

from model.config import TURN_RANGE, named
from model.turngpt import TurnGPT
from model.turns import TurnEmbedding, chebyshev

CONFIG = named("tiny", vocabulary=300, layers=1, width=32, turns=8, degree=3)


@pytest.fixture
def embedding() -> TurnEmbedding:
    model = TurnGPT(CONFIG)
    model.initialise(1)
    return model.embedding


def test_features_are_chebyshev_polynomials():
    x = torch.linspace(-1, 1, 7, dtype=torch.float64)[:, None]
    expected = np.stack([np.polynomial.Chebyshev.basis(n)(x[:, 0].numpy()) for n in (1, 2, 3, 4)], axis=1)
    np.testing.assert_allclose(chebyshev(x, 4).numpy(), expected, atol=1e-12)


def test_turns_lie_on_the_grid_and_within_the_range(embedding):
    with torch.no_grad():
        embedding.turns[0] = 37.0
        embedding.turns[1] = -37.0
    grid = embedding.grid().detach()
    assert grid.abs().max() <= TURN_RANGE
    assert grid[0].eq(TURN_RANGE).all() and grid[1].eq(-TURN_RANGE).all()
    assert len(grid.unique()) <= CONFIG.levels
    torch.testing.assert_close(embedding.integers() * embedding.step, grid)


def test_the_stored_integers_give_the_same_table_as_training_uses(embedding):
    rebuilt = chebyshev(embedding.integers() * embedding.step / TURN_RANGE, CONFIG.degree) @ embedding.matrix
    torch.testing.assert_close(rebuilt, embedding.table(), rtol=0, atol=1e-5)


def test_gradients_pass_through_the_rounding(embedding):
    embedding.table().square().sum().backward()
    inside = embedding.turns.detach().abs() < TURN_RANGE
    assert embedding.turns.grad is not None
    assert embedding.turns.grad[inside].ne(0).float().mean() > 0.9


def test_embedding_and_scores_are_the_expanded_table(embedding):
    ids = torch.tensor([[3, 250, 7]])
    hidden = torch.randn(1, 2, CONFIG.width)
    features, table = embedding.features(), embedding.table()
    torch.testing.assert_close(embedding.embed(ids, features), table[ids])
    torch.testing.assert_close(embedding.scores(hidden, features), hidden @ table.T, rtol=1e-4, atol=1e-4)
