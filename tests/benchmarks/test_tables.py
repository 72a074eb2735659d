"""The comparison of tables: arms are what they claim, runs are alike but for the arm, and a sweep goes on."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.table_analogies import analogy_scores
from benchmarks.table_arms import ARMS, SHAPE, Arm, build, round_as_stored
from benchmarks.table_report import plot, table
from benchmarks.table_speed import TableDecoding, TableWeights
from benchmarks.table_text import Text, load_text
from benchmarks.tables import GRID, Results, sweep, tune
from engine.data.packing import Batch
from engine.device import Plan
from engine.trainer import NotFiniteError, StepResult, Trainer
from model.lexicon import Analogy
from model.stored import load_stored, stored_tensors
from model.turngpt import TurnGPT

SMALL = replace(SHAPE, vocabulary=300, width=32, layers=2, heads=2, head_width=16, mlp_width=48, context=32)
PLAN = Plan("cpu")


def statistics(turns: int, seed: int) -> Tensor:
    return torch.empty(SMALL.vocabulary, turns).uniform_(-10, 10, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def text(tmp_path: Path) -> Text:
    folder = tmp_path / "texts"
    folder.mkdir()
    for split, first, last in (("train", 0, 300), ("validation", 300, 340)):
        rows = [
            {"text": f"Page {n} is about a café, and page {n + 1} about {n % 7} ships."} for n in range(first, last)
        ]
        (folder / f"pages-{split}.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return load_text(folder, tmp_path / "kept", SMALL, validation_tokens=256)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Batch]:
    """The batches that were trained on."""
    batches: list[Batch] = []
    step = Trainer.step

    def watched(self: Trainer, batch: Batch, rate: float) -> StepResult:
        batches.append(batch)
        return step(self, batch, rate)

    monkeypatch.setattr(Trainer, "step", watched)
    return batches


@pytest.mark.parametrize("arm", ARMS.values(), ids=ARMS)
def test_arms_store_what_they_claim_on_the_same_trunk(arm: Arm) -> None:
    model = build(arm, SMALL, 5, statistics)
    if arm.full:
        output = model.bias if arm.tied else model.head
        assert output is not None
        read = 2 * model.embedding.turns.numel()
        stored = read + 2 * output.numel()
    else:
        tensors = stored_tensors(model)
        read = sum(tensor.nbytes for name, tensor in tensors.items() if name.startswith("embedding."))
        stored = read + sum(tensors[name].nbytes for name in ("bias", "head") if name in tensors)
    assert arm.stored_bytes(SMALL) == (read, stored)
    trunk = build(ARMS["full-random"], SMALL, 5, statistics).blocks.state_dict()
    assert all(torch.equal(weight, trunk[name]) for name, weight in model.blocks.state_dict().items())


def test_the_scale_of_a_full_table_does_not_change_its_first_logits() -> None:
    ids = torch.arange(20).view(1, 20)
    arm = ARMS["full-random"]
    one, other = (build(replace(arm, scale=scale), SMALL, 1, statistics) for scale in (1.0, 0.1))
    assert one.embedding.turns.std() > 5 * other.embedding.turns.std()
    assert torch.allclose(one(ids, torch.ones_like(ids)), other(ids, torch.ones_like(ids)), atol=1e-3)


@pytest.mark.parametrize("name", ["full-random", "wide"])
def test_tables_are_validated_as_they_are_stored(name: str) -> None:
    model = build(ARMS[name], SMALL, 1, statistics)
    before = model.embedding.table().detach().clone()
    round_as_stored(model)
    table = model.embedding.table()
    assert torch.equal(before, table) == (name == "wide")
    if name == "full-random":
        assert torch.equal(table, table.bfloat16().float())
    else:
        read = TurnGPT(model.config)
        load_stored(read, stored_tensors(model))
        assert torch.equal(read.embedding.table(), table)


def test_decoding_from_the_table_gives_the_networks_logits() -> None:
    model = build(ARMS["wide"], SMALL, 1, statistics)
    source = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in (*model.blocks.parameters(), model.bias):
            assert parameter is not None
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=source))
    ids = list(range(5, 15))
    expected = model(torch.tensor([ids]), torch.ones(1, 10, dtype=torch.long))[0].detach().numpy()
    decoding = TableDecoding(TableWeights(model), room=10)
    assert np.allclose(decoding.logits(ids[:9]), expected[8], atol=1e-4)
    assert np.allclose(decoding.logits(ids[9:]), expected[9], atol=1e-4)


def test_bytes_are_those_of_the_text(text: Text) -> None:
    said = "A café, 7 ships – and naïveté."
    assert text.bytes_v[text.data.tokenizer.encode(said)].sum() == len(said.encode())


def test_every_arm_reads_the_same_batches_and_leaves_a_row(text: Text, seen: list[Batch], tmp_path: Path) -> None:
    arms = [ARMS[name] for name in ("full-random", "full-statistics", "wide", "input")]
    rows = sweep([(arm, 1) for arm in arms], 3, text, PLAN, Results(tmp_path / "out.jsonl"))
    assert len(seen) == 3 * len(arms)
    for number, batch in enumerate(seen):
        assert np.array_equal(batch.ids, seen[number % 3].ids)
    assert not np.array_equal(seen[0].ids, seen[1].ids)
    tokens, size = text.validation_size
    for row, arm in zip(rows, arms, strict=True):
        assert row["arm"] == arm.name
        assert row["bits_per_byte"] == pytest.approx(row["validation_nats"] * tokens / size / math.log(2))
        assert 0 < row["validation_nats"] < math.log(text.shape.vocabulary)
    assert [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()] == rows


def test_a_finished_run_is_not_made_again_and_a_torn_line_does_no_harm(
    text: Text, seen: list[Batch], tmp_path: Path
) -> None:
    out, arm = tmp_path / "out.jsonl", ARMS["least"]
    first = sweep([(arm, 1)], 2, text, PLAN, Results(out))
    with out.open("a") as file:
        file.write('{"arm": "lea')
    assert sweep([(arm, 1)], 2, text, PLAN, Results(out)) == first
    assert len(seen) == 2
    # Other rates, another seed and other steps are other runs.
    for other, seed, steps in ((replace(arm, table_rate=1), 1, 2), (arm, 2, 2), (arm, 1, 3)):
        trained = len(seen)
        sweep([(other, seed)], steps, text, PLAN, Results(out))
        assert len(seen) == trained + steps
    again = sweep([(arm, 2)], 2, text, PLAN, Results(out))
    assert again[0]["seed"] == 2
    assert len(seen) == 9


def test_a_sweep_ends_after_as_many_runs_as_asked_for(text: Text, tmp_path: Path) -> None:
    out, runs = tmp_path / "out.jsonl", [(ARMS["least"], seed) for seed in (1, 2)]
    with pytest.raises(SystemExit, match="goes on"):
        sweep(runs, 1, text, PLAN, Results(out, 1))
    assert len(sweep(runs, 1, text, PLAN, Results(out, 1))) == 2


def test_training_that_comes_apart_is_a_row_as_well(
    text: Text, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> StepResult:
        raise NotFiniteError

    monkeypatch.setattr(Trainer, "step", fail)
    results = Results(tmp_path / "out.jsonl")
    row = sweep([(ARMS["wide"], 1)], 3, text, PLAN, results)[0]
    assert math.isinf(row["validation_nats"])
    assert sweep([(ARMS["wide"], 1)], 3, text, PLAN, results) == [row]


def test_the_same_run_gives_the_same_loss(text: Text, tmp_path: Path) -> None:
    losses = [
        sweep([(ARMS["wide"], 1)], 3, text, PLAN, Results(tmp_path / f"{n}.jsonl"))[0]["validation_nats"]
        for n in range(2)
    ]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("name", ["full-random", "wide"])
def test_tuning_climbs_to_the_best_rates(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked: set[Arm] = set()

    def loss(arm: Arm) -> float:
        asked.add(arm)
        parts = (arm.learning_rate / 1e-3, arm.table_rate / 20, arm.scale / 0.1 if arm.full else 1.0)
        return sum(math.log(part) ** 2 for part in parts)

    best = tune(ARMS[name], loss)
    assert (best.learning_rate, best.table_rate, best.scale) == (1e-3, 20, 0.1 if ARMS[name].full else 1.0)
    assert len(asked) < math.prod(map(len, GRID.values())) / 2
    assert f"best: {name} (rate 0.001, table x20" in capsys.readouterr().out


def test_the_report_gives_means_and_differences_paired_by_seed() -> None:
    rows = [
        {
            "arm": name,
            "seed": seed,
            "validation_nats": 5.0,
            "bits_per_byte": bits,
            "tokens_per_second": 1000,
            "version": "v1",
            "machine": "here",
            "plan": "cpu",
        }
        for name, all_bits in (("full-random", (2.0, 2.2)), ("wide", (1.9, 2.08)))
        for seed, bits in enumerate(all_bits)
    ]
    line = next(line for line in table(rows, ARMS).splitlines() if line.startswith("| wide"))
    assert "1.9900 ± 0.0900" in line
    assert "-0.1100 ± 0.0100" in line
    assert f"| {ARMS['wide'].stored_bytes()[1]:,} | x3" in line
    drawn = ElementTree.fromstring(plot(rows, ARMS))
    assert {"full-random", "wide"} <= {element.text for element in drawn.iter()}


def test_analogies_are_right_where_words_differ_alike_and_by_chance_elsewhere(text: Text) -> None:
    words = text.data.tokenizer.words()
    names = list(words)[:6]
    analogies = [Analogy("pairs", names[1], names[0], names[2 * n], names[2 * n + 1]) for n in (1, 2)]
    model = build(ARMS["full-random"], text.shape, 1, lambda turns, seed: torch.zeros(0))
    assert analogy_scores(model, text, [])["analogies"] == 0
    untrained = analogy_scores(model, text, analogies)
    assert untrained["analogies"] == 2
    assert untrained["analogies_right"] < 1
    assert untrained["analogies_chance"] == 1 / (len(words) - 3)
    with torch.no_grad():
        for n in (0, 2, 4):
            first, second = words[names[n]], words[names[n + 1]]
            model.embedding.turns[second] = model.embedding.turns[first] + 0.5 * torch.eye(text.shape.width)[0]
    assert analogy_scores(model, text, analogies)["analogies_right"] == 1
