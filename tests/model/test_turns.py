import pytest
import torch

from engine.device import compiler
from model.config import FINE_LEVELS, TURN_RANGE, ModelConfig, named
from model.grid import in_bf16, in_bytes, pack, positions, rounded_to_bf16, rows_of_bytes, step, unpack
from model.layout import digits, region_bytes, regions
from model.turngpt import TurnGPT
from model.turns import TurnEmbedding

CONFIG = named("tiny", vocabulary=300, layers=1, width=32, turns=18, fine_turns=0, axes=("size", "time"))


@pytest.fixture
def embedding() -> TurnEmbedding:
    model = TurnGPT(CONFIG)
    model.initialise(1)
    return model.embedding


def test_turns_lie_on_their_grids_and_within_the_range(embedding):
    with torch.no_grad():
        embedding.turns[-1] = 37.0
        embedding.turns[-2] = -37.0
    values = embedding.values()
    top = torch.cat((torch.full((2,), 7 * 20 / 15), torch.full((16,), 20 / 3)))
    torch.testing.assert_close(values[-2:], torch.stack((-top, top)))
    assert values.abs().max() < TURN_RANGE
    common = CONFIG.common
    assert 0 < common < 300
    assert len(values[:common].unique()) == FINE_LEVELS
    assert len(values[common:, :2].unique()) == FINE_LEVELS
    assert values[common:, 2:].unique().tolist() == pytest.approx([-20 / 3, 0, 20 / 3])


@pytest.mark.parametrize("levels", [3, 5, 15, 57, 255])
def test_levels_are_the_middles_of_equal_shares_of_the_range(levels):
    turns = torch.linspace(-TURN_RANGE, TURN_RANGE, 100_001)
    found, counts = positions(turns, levels).unique(return_counts=True)
    assert found.tolist() == list(range(-(levels // 2), levels // 2 + 1))
    assert counts.max() - counts.min() <= 2
    values = found * step(levels)
    assert torch.equal(positions(values, levels), found)
    assert (turns - positions(turns, levels) * step(levels)).abs().max() < 1.001 * TURN_RANGE / levels


@pytest.mark.parametrize(("levels", "bits"), [(3, 1.6), (5, 8 / 3), (15, 4), (57, 8), (255, 8)])
@pytest.mark.parametrize("turns", [8, 17, 160])
def test_packed_turns_are_found_again(levels, bits, turns):
    drawn = torch.randint(-(levels // 2), levels // 2 + 1, (50, turns), generator=torch.Generator().manual_seed(1))
    packed = pack(drawn, levels)
    assert packed.dtype == torch.uint8
    assert packed.shape[1] == -(-turns // digits(levels)) < turns * bits / 8 + 1
    assert torch.equal(unpack(packed, turns, levels), drawn)


def test_regions_cover_the_table_once():
    for config in (CONFIG, ModelConfig(300, 32, 1, 1, 32, 64, 64, common_share=0.0), named("tiny", common_share=1.0)):
        seen = torch.zeros(config.vocabulary, config.turns)
        for region in regions(config):
            seen[region.rows, region.columns] += 1
            assert region_bytes(region) > 0
        assert seen.eq(1).all()


def test_a_row_of_bytes_keeps_a_matrix_within_half_a_step_and_is_its_own_nearest():
    matrix = torch.randn(40, 64, generator=torch.Generator().manual_seed(2)) * torch.logspace(-3, 2, 40)[:, None]
    matrix[7] = 0
    rounded = in_bytes(matrix)
    assert ((rounded - matrix).abs() <= matrix.abs().amax(1, keepdim=True) / 127 * 0.51).all()
    assert torch.equal(in_bytes(rounded), rounded)
    assert rows_of_bytes(matrix)[0].abs().amax() == 127
    assert not rounded[7].any()


def test_gradients_pass_through_the_rounding(embedding):
    embedding.table().square().sum().backward()
    for parameter in (embedding.turns, embedding.matrix):
        assert parameter.grad is not None
        assert parameter.grad.ne(0).float().mean() > 0.5
    x = torch.tensor([1.001, -3.3], requires_grad=True)
    in_bf16(x).sum().backward()
    assert x.grad is not None and x.grad.eq(1).all()


def test_turns_beyond_the_range_come_back_to_where_gradients_reach_them(embedding):
    with torch.no_grad():
        embedding.turns[5] = 11.0
    embedding.keep_in_range()
    assert embedding.turns[5].eq(TURN_RANGE).all()
    embedding.table().sum().backward()
    assert embedding.turns.grad is not None
    assert embedding.turns.grad[5].any()


@pytest.mark.skipif(not compiler(), reason="nothing to compile with")
def test_compiled_code_sees_what_is_stored(embedding):
    source = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in embedding.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=source))
    for plain, compiled in zip(embedding.kept(), torch.compile(embedding.kept)(), strict=True):
        assert torch.equal(plain, compiled)


def test_rounding_by_bits_is_that_of_bf16():
    x = torch.randn(10_000, generator=torch.Generator().manual_seed(4)) * torch.logspace(-30, 30, 10_000)
    x = torch.cat((x, torch.tensor([0.0, -0.0, 1.00390625, 1.01171875, -3.3e38, 1e-40])))
    assert torch.equal(rounded_to_bf16(x), x.bfloat16().float())


def test_embedding_and_scores_are_the_expanded_table(embedding):
    ids = torch.tensor([[3, 250, 7]])
    hidden = torch.randn(1, 2, CONFIG.width)
    kept, table = embedding.kept(), embedding.table()
    torch.testing.assert_close(embedding.embed(ids, kept), table[ids])
    torch.testing.assert_close(embedding.scores(hidden, kept), hidden @ table.T, rtol=1e-4, atol=1e-4)
