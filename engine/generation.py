"""Drawing a reply token by token.

The same tokens come out as from running the whole network over everything said so far (tested).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.status import Sampling
from model.decoding import Decoding, DecodingWeights

IN_A_ROW = 3
"""Times that a token may come after itself, where repetitions are penalised: small models get stuck."""


class Decoder:
    """One reply in the making: feed the prompt, then draw token after token."""

    def __init__(
        self,
        weights: DecodingWeights,
        prompt: Sequence[int],
        sampling: Sampling,
        *,
        end: int,
        forbidden: Sequence[int] = (),
        window: int | None = None,
    ) -> None:
        """Prepare to continue `prompt`; ValueError if it leaves no room in `window` (or the model's context).

        `end` stops the reply and never comes first; `forbidden` tokens never come.
        """
        room = min(window or weights.config.context, weights.config.context)
        if not 0 < len(prompt) < room:
            raise ValueError(f"a prompt of {len(prompt)} tokens does not fit into {room}")
        self._decoding = Decoding(weights, room)
        self._sampling, self._end = sampling, end
        self._forbidden = np.array(forbidden, dtype=np.intp)
        self._random = np.random.default_rng(sampling.seed)
        self._pending = list(prompt)
        self.reply: list[int] = []

    def next(self) -> int | None:
        """Draw the next token; None at the end of the message, the token limit or the context."""
        decoding = self._decoding
        if len(self.reply) >= self._sampling.max_tokens or decoding.position + len(self._pending) > decoding.room:
            return None
        token = self._draw(decoding.logits(self._pending))
        if token == self._end:
            return None
        self.reply.append(token)
        self._pending = [token]
        return token

    def _draw(self, logits: NDArray[np.float32]) -> int:
        s = self._sampling
        logits[self._forbidden] = -np.inf
        if not self.reply:
            logits[self._end] = -np.inf
        elif s.repetition_penalty != 1:
            seen = list(set(self.reply))
            old = logits[seen]
            logits[seen] = np.where(old > 0, old / s.repetition_penalty, old * s.repetition_penalty)
            if len(self.reply) >= IN_A_ROW and len(set(self.reply[-IN_A_ROW:])) == 1:
                logits[self.reply[-1]] = -np.inf
        return sample(logits, s, self._random)


def sample(logits: NDArray[np.float32], sampling: Sampling, random: np.random.Generator) -> int:
    """Draw one index of `logits`, (vocabulary,): the largest at temperature 0, else by top-k, then top-p."""
    if sampling.temperature <= 0:
        return int(logits.argmax())
    kept = np.arange(len(logits))
    if 0 < sampling.top_k < len(logits):
        kept = np.argpartition(-logits, sampling.top_k)[: sampling.top_k]
    kept = kept[np.argsort(-logits[kept], kind="stable")]
    shares = np.exp((logits[kept] - logits[kept[0]]) / sampling.temperature, dtype=np.float64)
    reached = np.cumsum(shares / shares.sum())
    if sampling.top_p < 1:
        reached = reached[: np.searchsorted(reached, sampling.top_p) + 1]
    return int(kept[np.searchsorted(reached[:-1], random.random() * reached[-1], side="right")])
