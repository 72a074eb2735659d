import json
from dataclasses import asdict

import pytest

from model.config import SIZES, ModelConfig, named, parameter_table
from model.turngpt import TurnGPT


@pytest.mark.parametrize("head", ["turns", "table"])
@pytest.mark.parametrize("degree", [1, 3])
def test_parameter_table_counts_what_the_network_has(head, degree):
    config = named("tiny", vocabulary=512, layers=2, width=64, turns=16, degree=degree, head=head)
    parts = parameter_table(config)
    counted = sum(part.parameters for part in parts[:-1])
    assert counted == sum(parameter.numel() for parameter in TurnGPT(config).parameters())


def test_base_is_the_class_of_100_million_and_its_tables_shrink_more_than_30_times():
    trunk, turns, generator, head, table = parameter_table(SIZES["base"])
    assert 80e6 < trunk.parameters < 120e6
    assert table.stored_bytes / (turns.stored_bytes + generator.stored_bytes + head.stored_bytes) > 30


def test_a_changed_width_keeps_a_sound_shape():
    config = named("tiny", width=100)
    assert config.head_width % 2 == 0
    assert config.width == 100
    assert config.mlp_width % 32 == 0


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"turns": 7}, "turns"),
        ({"turns": 65}, "turns"),
        ({"degree": 0}, "degree"),
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
        named("tiny", axes=tuple(map(str, range(65))))
