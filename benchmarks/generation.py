"""Generated tokens/s, one conversation at a time, against Hugging Face's generate on the same shape."""

from __future__ import annotations

import time

import torch

from benchmarks.report import compare
from benchmarks.shapes import SHAPE, ours, theirs
from engine.device import choose_device, processor
from engine.generation import Decoder
from engine.status import Sampling
from model.decoding import DecodingWeights

PROMPT, NEW = 32, 128


def main() -> None:
    """Time greedy replies of a fixed length."""
    device, _ = choose_device("auto")
    print(f"{processor()}, {device}, torch {torch.__version__}; prompt {PROMPT}, {NEW} new tokens, greedy, batch 1")
    model, peer = ours().to(device), theirs().to(device).eval()
    prompt = list(range(10, 10 + PROMPT))
    began = time.perf_counter()
    weights = DecodingWeights(model)  # once for all replies, as the chat does while the weights stay
    print(f"copying the weights: {1000 * (time.perf_counter() - began):.1f} ms, not counted below")

    def we() -> float:
        began = time.perf_counter()
        sampling = Sampling(temperature=0, repetition_penalty=1, max_tokens=NEW)
        decoder = Decoder(weights, prompt, sampling, end=2, forbidden=[2])
        while decoder.next() is not None:
            pass
        assert len(decoder.reply) == NEW
        return NEW / (time.perf_counter() - began)

    def they() -> float:
        ids = torch.tensor([prompt], device=device)
        began = time.perf_counter()
        with torch.inference_mode():
            out = peer.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=NEW,
                min_new_tokens=NEW,
                do_sample=False,
                pad_token_id=0,
            )
        assert out.shape[1] == PROMPT + NEW
        return NEW / (time.perf_counter() - began)

    compare(
        f"generation, {SHAPE.layers} x {SHAPE.width}",
        "tokens/s",
        {"TurnGPT": we, "transformers generate": they},
    )


if __name__ == "__main__":
    main()
