from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, trainers

from engine.data.whole_words import Vocabulary, with_whole_words

TEXTS = ["abracadabra", "abba", "baobab", "cabala", "dabba", "cadabra"]


def trained(size: int) -> Vocabulary:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=size, initial_alphabet=list("abcdor l"), show_progress=False)
    )
    return vocabulary_of(tokenizer)


def vocabulary_of(tokenizer: Tokenizer) -> Vocabulary:
    model = json.loads(tokenizer.to_str())["model"]
    return Vocabulary(sorted(model["vocab"], key=model["vocab"].get), [tuple(merge) for merge in model["merges"]])


def split(vocabulary: Vocabulary, text: str) -> list[str]:
    """What `tokenizers` makes of a text."""
    ids = {token: id_ for id_, token in enumerate(vocabulary.tokens)}
    return Tokenizer(models.BPE(vocab=ids, merges=vocabulary.merges)).encode(text).tokens


words = st.lists(st.text(alphabet="abcdor", min_size=1, max_size=8), max_size=12, unique=True)


@settings(max_examples=150, deadline=None)
@given(words)
def test_all_words_become_tokens_where_there_is_room(wanted):
    vocabulary = with_whole_words(trained(20), wanted, 400, 0)
    assert all(split(vocabulary, word) == [word] for word in wanted)
    assert len(vocabulary.tokens) == len(set(vocabulary.tokens)) <= 400


@settings(max_examples=150, deadline=None)
@given(words, st.integers(0, 12), st.text(alphabet="abcdor", max_size=20))
def test_what_is_kept_of_the_learned_merges_splits_as_before_and_joins_no_less(wanted, most, text):
    before = trained(20)
    after = with_whole_words(before, wanted, 20, most)
    assert len(after.tokens) == 20
    kept = next(at for at in range(21) if at == 20 or after.tokens[at] != before.tokens[at])
    assert kept >= 20 - most
    shorter = Vocabulary(before.tokens[:kept], before.merges[: kept - 8])
    assert len(split(after, text)) <= len(split(shorter, text))
    assert "".join(split(after, text)) == text


def test_the_first_words_get_the_room():
    before = trained(16)
    lost = [word for word in ("dorada", "corda") if len(split(before, word)) > 1]
    assert lost == ["dorada", "corda"]
    costs = len(split(with_whole_words(before, [], 16, 0), "dorada")) - 1
    after = with_whole_words(before, lost, 16 + costs, 0)
    assert split(after, "dorada") == ["dorada"] and len(split(after, "corda")) > 1


def test_forms_share_the_endings_that_the_merges_left_apart():
    before = trained(8)
    assert len(with_whole_words(before, ["rocola", "docola"], 100, 0).tokens) == 8 + 4 + 2


@pytest.mark.parametrize("most", [0, 3])
def test_without_words_all_stays_as_learned(most):
    before = trained(20)
    assert with_whole_words(before, [], 20, most) == before
