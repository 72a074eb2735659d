import json
from dataclasses import asdict

import pytest

from model.config import EMBEDDINGS, SIZES, ModelConfig, named
from model.layout import parameter_table, times_fewer
from model.turngpt import TurnGPT


@pytest.mark.parametrize("head", ["turns", "table"])
@pytest.mark.parametrize("embedding", EMBEDDINGS)
def test_parameter_table_counts_what_the_network_has(head, embedding):
    config = named("tiny", vocabulary=512, layers=2, width=64, head=head, **EMBEDDINGS[embedding])
    parts = parameter_table(config)
    counted = sum(part.parameters for part in parts[:-1])
    assert counted == sum(parameter.numel() for parameter in TurnGPT(config).parameters())


def test_base_is_the_class_of_100_million():
    assert 80e6 < parameter_table(SIZES["base"])[0].parameters < 120e6


@pytest.mark.parametrize(("embedding", "least"), [("wide", 31), ("plain", 31), ("least", 100)])
def test_tables_of_base_shrink_as_claimed_with_named_axes_too(embedding, least):
    for axes in ((), tuple("abcdefghijklmnop")):
        assert times_fewer(parameter_table(named("base", axes=axes, **EMBEDDINGS[embedding])))[0] >= least


def test_a_changed_width_keeps_a_sound_shape():
    config = named("tiny", width=100)
    assert config.head_width % 2 == 0
    assert config.width == 100
    assert config.mlp_width % 32 == 0


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"turns": 7}, "turns"),
        ({"turns": 257}, "turns"),
        ({"common_share": 1.5}, "common"),
        ({"levels": 16}, "levels"),
        ({"vocabulary": 20000}, "16384"),
        ({"head": "other"}, "head"),
    ],
)
def test_impossible_shapes_are_refused_by_name(change, word):
    with pytest.raises(ValueError, match=word):
        named("tiny", **change)


def test_an_unknown_size_lists_the_known():
    with pytest.raises(ValueError, match="tiny, small, base"):
        named("huge")


def test_axes_name_turns_and_survive_json():
    config = named("tiny", axes=("size", "time"))
    assert ModelConfig(**json.loads(json.dumps(asdict(config)))) == config
    with pytest.raises(ValueError, match="65 named axes need as many turns, not 64"):
        named("tiny", turns=64, axes=tuple(map(str, range(65))))
