"""Drawing a reply token by token.

The same tokens come out as from running the whole network over everything said so far (tested).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.status import Sampling
from model.decoding import Decoding, DecodingWeights


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
        self._forbidden = torch.tensor(list(forbidden), dtype=torch.long)
        self._random = torch.Generator()
        if sampling.seed is None:
            self._random.seed()
        else:
            self._random.manual_seed(sampling.seed)
        self._pending = list(prompt)
        self.reply: list[int] = []

    def next(self) -> int | None:
        """Draw the next token; None at the end of the message, the token limit or the context."""
        decoding = self._decoding
        if len(self.reply) >= self._sampling.max_tokens or decoding.position + len(self._pending) > decoding.room:
            return None
        token = self._draw(decoding.logits(self._pending).cpu().clone())
        if token == self._end:
            return None
        self.reply.append(token)
        self._pending = [token]
        return token

    def _draw(self, logits: Tensor) -> int:
        s = self._sampling
        logits[self._forbidden] = -torch.inf
        if not self.reply:
            logits[self._end] = -torch.inf
        elif s.repetition_penalty != 1:
            seen = torch.tensor(sorted(set(self.reply)))
            old = logits[seen]
            logits[seen] = torch.where(old > 0, old / s.repetition_penalty, old * s.repetition_penalty)
        if s.temperature <= 0:
            return int(logits.argmax())
        logits = logits / s.temperature
        kept = min(s.top_k, len(logits)) if s.top_k > 0 else len(logits)
        values, indices = logits.topk(kept)
        probabilities = values.softmax(-1)
        if s.top_p < 1:
            before = probabilities.cumsum(-1) - probabilities
            probabilities = probabilities.masked_fill(before >= s.top_p, 0)
        return int(indices[torch.multinomial(probabilities, 1, generator=self._random)])
