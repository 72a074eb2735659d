from pathlib import Path

import numpy as np
import pytest
import torch

from engine.data.tokenizer import SPECIALS, ChatTokenizer
from engine.describe import lexicon_of, model_config
from engine.device import Plan
from engine.errors import UserError
from engine.meaning import MOST_WATCHED, Started, on_axes, started_tokens, started_words, watched_words
from engine.recipe import OptimizerSettings, load_recipe
from engine.statistics import turn_vectors
from engine.trainer import Trainer
from model.config import ModelConfig
from model.grid import step
from model.lexicon import held_out, load_lexicon
from model.turngpt import TurnGPT
from tests.engine.test_trainer import batch

STEP = step(15)
LEXICON = load_lexicon()
TEXTS = [
    f"{name} said: the {animal} and the {person} may go. {animal.capitalize()} and {person} went in May."
    for animal in ("dog", "cat", "puppy", "kitten", "zyx")
    for person in ("king", "queen", "man", "woman")
    for name in ("Anna", "Tom")
] * 4


@pytest.fixture(scope="module")
def tokenizer() -> ChatTokenizer:
    return ChatTokenizer.train(TEXTS, 400, sorted(LEXICON.words))


def at(tokenizer: ChatTokenizer, text: str) -> int:
    (id_,) = tokenizer.encode(text)
    return id_


def test_every_form_of_a_word_starts_at_its_values_on_the_grid(tokenizer):
    started = started_tokens(LEXICON, LEXICON.words, tokenizer)
    rows = dict(zip(started.ids.tolist(), started.values, strict=True))
    stated = torch.tensor(LEXICON.words["dog"])
    for form in (" dog", "Dog"):
        place = rows[at(tokenizer, form)]
        assert (place - stated).abs().max() <= 0.51 * STEP
        torch.testing.assert_close(torch.round(place / STEP) * STEP, place)
    king, man, woman, queen = (rows[at(tokenizer, f" {word}")] for word in ("king", "man", "woman", "queen"))
    torch.testing.assert_close(king - man + woman, queen)
    assert at(tokenizer, " zyx") not in rows and min(rows) >= len(SPECIALS)


def test_a_form_that_two_words_share_is_that_of_which_it_is_usual(tokenizer):
    started = started_tokens(LEXICON, LEXICON.words, tokenizer)
    rows = dict(zip(started.ids.tolist(), started.values, strict=True))
    for form, word in ((" may", "may"), (" May", "May")):
        assert (rows[at(tokenizer, form)] - torch.tensor(LEXICON.words[word])).abs().max() <= 0.51 * STEP


def test_words_are_listed_once_in_their_usual_form(tokenizer):
    words = tokenizer.words()
    assert words["dog"] == at(tokenizer, " dog") and "Dog" not in words
    assert "Anna" in words and len(set(words.values())) == len(words)
    assert not any(token in words for token in ("s", "th", "."))


def test_a_fifth_is_held_out_and_only_where_asked():
    recipe = load_recipe("quick", ("model.start=meaning", "model.held_out_words=true"))
    kept = started_words(recipe, LEXICON)
    assert 0.75 < len(kept) / len(LEXICON.words) < 0.85 and not any(map(held_out, kept))
    assert len(started_words(load_recipe("quick", ("model.start=meaning",)), LEXICON)) == len(LEXICON.words)
    assert started_words(load_recipe("quick"), LEXICON) == []


def test_other_tokens_lie_where_words_of_the_same_company_do():
    """Tokens whose statistics are those of known words come near them; those never seen, at 0."""
    source = torch.Generator().manual_seed(1)
    centres = torch.randn(2, 8, generator=source)
    statistics = torch.cat([centres[group] + 0.1 * torch.randn(30, 8, generator=source) for group in (0, 1)])
    statistics[59] = 0
    ids = torch.tensor([*range(10, 20), *range(30, 40)])
    values = torch.where(ids < 30, -8.0, 8.0)[:, None].expand(-1, 2)

    placed = on_axes(statistics, Started(ids, values))
    assert torch.equal(placed[ids], values)
    assert placed[20:30].max() < -4 and placed[40:59].min() > 4
    assert placed[59].abs().max() == 0 and placed[: len(SPECIALS)].abs().max() == 0


def test_turns_are_axes_then_statistics_then_identity(tokenizer):
    ids = np.concatenate([[*tokenizer.encode(text), 0] for text in TEXTS]).astype(np.uint16)
    started = started_tokens(LEXICON, LEXICON.words, tokenizer)
    arguments = {"pad": 0, "seed": 1, "same_word": tokenizer.same_word()}
    turns = turn_vectors(ids, tokenizer.size, 32, started=started, **arguments)
    assert turns.shape == (tokenizer.size, 32) and turns.isfinite().all()
    assert torch.equal(turns[started.ids, :16], started.values)
    spread = torch.linspace(-10, 10, tokenizer.size)
    for column in turns[:, 16:].T:
        torch.testing.assert_close(column.sort().values, spread)
    # The last quarter is the same for all forms of a word.
    dog = turns[[at(tokenizer, " dog"), at(tokenizer, "Dog")], 24:]
    assert (dog[0] - dog[1]).abs().max() < 0.2
    narrow = turn_vectors(ids, tokenizer.size, 16, started=started, **arguments)
    assert narrow.shape == (tokenizer.size, 16)


def trained(anchor: float, steps: int = 8) -> tuple[Trainer, torch.Tensor]:

    model = TurnGPT(ModelConfig(60, 32, 2, 2, 16, 64, 32, turns=8, axes=("a", "b")))
    model.initialise(1)
    ids = torch.arange(6, 40)
    start = model.embedding.turns[ids, :2].detach().clone()
    trainer = Trainer(model, OptimizerSettings(anchor=anchor), Plan("cpu"), Started(ids, start))
    for seed in range(steps):
        trainer.step(batch(seed=seed), 1e-2)
    return trainer, (model.embedding.turns.detach()[ids, :2] - start).abs()


def test_started_words_are_kept_where_they_began_and_only_on_the_axes():
    kept, moved = trained(1.0)
    assert moved.max() == 0
    assert trained(0.0)[1].mean() > 3 * trained(0.3)[1].mean() > 0
    fresh = TurnGPT(kept.model.config)
    fresh.initialise(1)
    change = (kept.model.embedding.turns - fresh.embedding.turns).detach().abs()
    assert change[6:40, 2:].min() > 0 and change[40:55, :2].max() > 0


def test_where_words_began_is_saved_with_the_optimiser():
    first, _ = trained(0.3)
    other, _ = trained(0.3, steps=0)
    other.model.load_state_dict(first.model.state_dict())
    other.started = None
    other.load_optimizer_tensors({name: tensor.clone() for name, tensor in first.optimizer_tensors().items()})
    for trainer in (first, other):
        trainer.step(batch(seed=99), 1e-2)
    assert torch.equal(first.model.embedding.turns, other.model.embedding.turns)


def test_watched_words_are_bounded_and_the_same_again(tokenizer):
    watched = watched_words(tokenizer)
    assert {"king", "queen", "dog"} <= set(watched) and len(watched) <= MOST_WATCHED
    assert watched == watched_words(tokenizer)


def test_too_few_turns_for_the_axes_are_refused():
    with pytest.raises(UserError, match=r"16 axes, but a token 8 turns; give model\.turns"):
        model_config(load_recipe("quick", ("model.start=meaning", "model.turns=8")))
    assert model_config(load_recipe("quick")).axes == ()
    assert len(model_config(load_recipe("quick", ("model.start=meaning",))).axes) == 16


def test_the_lexicon_that_the_page_shows_is_one(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "turns.md").read_text("utf-8")
    file = tmp_path / "medical.toml"
    file.write_text(page.split("```toml\n")[1].split("```")[0])
    lexicon = load_lexicon([file])
    assert lexicon.axes[-1].name == "urgency" and lexicon.words["ambulance"][-1] == 8


def test_a_lexicon_of_ones_own_adds_words_and_its_faults_are_one_line(tmp_path):
    file = tmp_path / "medical.toml"
    file.write_text("[words.medicine]\nnurse2 = {}\n".replace("nurse2", "stethoscope"))
    recipe = load_recipe("quick", (f'model.lexicons=["{file}"]',))
    assert "stethoscope" in lexicon_of(recipe).words
    file.write_text("[words.medicine]\nsyringe = { sharpness = 3 }\n")
    with pytest.raises(UserError, match=r"lexicon .*medical\.toml: .*no axis 'sharpness'") as caught:
        lexicon_of(recipe)
    assert "\n" not in str(caught.value)
