import numpy as np
import pytest
import torch

from engine.generation import Decoder, sample
from engine.status import Sampling
from model.config import ModelConfig
from model.decoding import DecodingWeights
from model.turngpt import TurnGPT

END = 2
GREEDY = Sampling(temperature=0, repetition_penalty=1, max_tokens=20)


@pytest.fixture(params=["turns", "table"])
def model(request) -> TurnGPT:
    model = TurnGPT(ModelConfig(50, 32, 2, 2, 16, 64, 40, turns=16, head=request.param))
    model.initialise(1, induction=False)  # with it, an untrained network repeats one token
    source = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=source), alpha=0.3)
    return model


def drawn(decoder: Decoder) -> list[int]:
    while decoder.next() is not None:
        pass
    return decoder.reply


@pytest.mark.parametrize("use_numpy", [True, False])
def test_cached_decoding_is_uncached_decoding(model, use_numpy):
    prompt = [1, 4, 20, 33, 7]
    cached = drawn(Decoder(DecodingWeights(model, use_numpy=use_numpy), prompt, GREEDY, end=END))
    ids = list(prompt)
    for _ in range(20):
        with torch.no_grad():
            logits = model(torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.long))[0, -1]
        if len(ids) == len(prompt):
            logits[END] = -torch.inf
        token = int(logits.argmax())
        if token == END:
            break
        ids.append(token)
    assert cached == ids[len(prompt) :]
    assert len(set(cached)) > 3


def test_a_seed_draws_the_same_and_another_not(model):
    def draw(seed: int) -> list[int]:
        return drawn(
            Decoder(DecodingWeights(model), [1, 4], Sampling(temperature=2, top_k=0, top_p=1, seed=seed), end=END)
        )

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_forbidden_tokens_never_come_and_the_end_never_first(model):
    forbidden = list(range(3, 45))
    for seed in range(20):
        sampling = Sampling(temperature=3, top_k=0, top_p=1, max_tokens=3, seed=seed)
        reply = drawn(Decoder(DecodingWeights(model), [1], sampling, end=END, forbidden=forbidden))
        assert reply and not set(reply) & set(forbidden) and END not in reply


def test_top_k_of_one_and_a_small_top_p_are_greedy(model):
    greedy = drawn(Decoder(DecodingWeights(model), [1, 9], GREEDY, end=END))
    for sampling in (
        Sampling(temperature=1, top_k=1, top_p=1, repetition_penalty=1, max_tokens=20),
        Sampling(temperature=1, top_k=0, top_p=1e-6, repetition_penalty=1, max_tokens=20),
    ):
        assert drawn(Decoder(DecodingWeights(model), [1, 9], sampling, end=END)) == greedy


def test_a_repetition_penalty_repeats_less(model):
    plain = drawn(Decoder(DecodingWeights(model), [1, 9], GREEDY, end=45, forbidden=[END]))
    penalty = Sampling(temperature=0, repetition_penalty=1e9, max_tokens=20)
    assert len(set(drawn(Decoder(DecodingWeights(model), [1, 9], penalty, end=45, forbidden=[END])))) > len(set(plain))


def test_a_stuck_reply_goes_on_with_something_else():
    stuck = TurnGPT(ModelConfig(50, 32, 2, 2, 16, 64, 40, turns=8))
    stuck.initialise(1)
    with torch.no_grad():
        assert stuck.bias is not None
        stuck.bias[7] = 50.0
    free, held = (
        drawn(Decoder(DecodingWeights(stuck), [1, 9], Sampling(0, repetition_penalty=penalty, max_tokens=20), end=END))
        for penalty in (1, 1.05)
    )
    assert set(free) == {7}
    assert held[:3] == [7, 7, 7] and held[3] != 7


def test_the_reply_stops_at_its_limit_and_at_the_window(model):
    assert (
        len(drawn(Decoder(DecodingWeights(model), [1], Sampling(max_tokens=4, temperature=0), end=49, forbidden=[])))
        <= 4
    )
    window = drawn(
        Decoder(DecodingWeights(model), [1] * 10, Sampling(max_tokens=99, temperature=0), end=END, window=16)
    )
    assert len(window) <= 7


def test_a_prompt_without_room_is_refused(model):
    with pytest.raises(ValueError, match="40 tokens does not fit into 40"):
        Decoder(DecodingWeights(model), [1] * 40, GREEDY, end=END)
    with pytest.raises(ValueError, match="does not fit"):
        Decoder(DecodingWeights(model), [], GREEDY, end=END)


def test_tokens_are_drawn_as_often_as_the_model_says():
    logits = np.full(7, -np.inf, np.float32)
    logits[3:] = np.log([0.1, 0.2, 0.3, 0.4])
    random = np.random.default_rng(1)

    def shares(**settings) -> list[float]:
        sampling = Sampling(**{"temperature": 1, "top_k": 0, "top_p": 1, **settings})
        drawn = [sample(logits, sampling, random) for _ in range(4000)]
        return list(np.bincount(drawn, minlength=7)[3:] / 4000)

    assert shares() == pytest.approx([0.1, 0.2, 0.3, 0.4], abs=0.03)
    assert shares(top_k=2) == pytest.approx([0, 0, 3 / 7, 4 / 7], abs=0.03)
    assert shares(top_p=0.6) == pytest.approx([0, 0, 3 / 7, 4 / 7], abs=0.03)
    assert shares(temperature=0.5) == pytest.approx([1 / 30, 4 / 30, 9 / 30, 16 / 30], abs=0.03)
