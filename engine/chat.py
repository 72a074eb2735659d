"""Replies in the making, served a slice of time at a time so that training goes on beside them."""

from __future__ import annotations

import time
from collections import deque

from engine.conversation import Conversation, Message, printable
from engine.data.tokenizer import ChatTokenizer, StreamDecoder
from engine.generation import Decoder
from engine.reply import Reply
from engine.status import Sampling
from model.decoding import DecodingWeights
from model.turngpt import TurnGPT


class Chat:
    """The queue of asked-for replies of one model."""

    def __init__(self, model: TurnGPT, tokenizer: ChatTokenizer, window: int) -> None:
        self.model, self.tokenizer, self.window = model, tokenizer, window
        self._waiting: deque[tuple[Conversation, Sampling, Reply]] = deque()
        self._current: tuple[Decoder, StreamDecoder, Reply] | None = None
        self._weights: DecodingWeights | None = None

    def weights_changed(self) -> None:
        """Make the next reply with the model's weights as they are then."""
        self._weights = None

    @property
    def busy(self) -> bool:
        """True while a reply is unfinished."""
        return self._current is not None or bool(self._waiting)

    def ask(self, conversation: Conversation, sampling: Sampling, reply: Reply) -> None:
        """Queue a reply."""
        self._waiting.append((conversation, sampling, reply))

    def serve(self, seconds: float) -> None:
        """Draw tokens for at most about `seconds`."""
        until = time.perf_counter() + seconds
        try:
            while self.busy and time.perf_counter() < until:
                if self._current is None:
                    self._begin()
                else:
                    self._advance(*self._current)
        except Exception:
            self.give_up("the reply failed")  # whoever waits must not wait for ever; the cause goes on up
            raise

    def give_up(self, error: str) -> None:
        """Finish all replies with an error."""
        if self._current:
            self._current[2].finish(error)
        for _, _, reply in self._waiting:
            reply.finish(error)
        self._current = None
        self._waiting.clear()

    def say(self, conversation: Conversation, sampling: Sampling) -> str:
        """Return a whole reply at once."""
        return self._whole(self.prompt(conversation, sampling), sampling)

    def continue_text(self, start: str, sampling: Sampling) -> str:
        """Return `start` continued as a text."""
        t = self.tokenizer
        prompt = [t.begin_id, *t.encode(start)]
        return start + self._whole(prompt, sampling)

    def _whole(self, prompt: list[int], sampling: Sampling) -> str:
        decoder = self._decoder(prompt, sampling)
        while decoder.next() is not None:
            pass
        return printable(self.tokenizer.decode(decoder.reply))

    def prompt(self, conversation: Conversation, sampling: Sampling) -> list[int]:
        """Return the newest messages that leave room for a reply, as ids; the system message always stays.

        Raises ValueError if the last message alone is too long.
        """
        system = tuple(message for message in conversation.messages if message.role == "system")
        spoken = [message for message in conversation.messages if message.role != "system"]
        room = self.window - min(sampling.max_tokens, self.window // 3)
        while spoken:
            ids = self.tokenizer.encode_prompt(Conversation((*system, *spoken)))
            if len(ids) <= room:
                return ids
            del spoken[0]
            while spoken and spoken[0].role != "user":
                del spoken[0]
        raise ValueError(f"the message is too long for this model, which reads {self.window} tokens at a time")

    def _begin(self) -> None:
        conversation, sampling, reply = self._waiting[0]
        try:
            if not conversation.messages or conversation.messages[-1].role != "user":
                raise ValueError("there is no message to reply to")
            decoder = self._decoder(self.prompt(conversation, sampling), sampling)
        except ValueError as error:
            reply.finish(str(error))
            self._waiting.popleft()
            return
        self._waiting.popleft()
        self._current = decoder, StreamDecoder(self.tokenizer), reply

    def _decoder(self, prompt: list[int], sampling: Sampling) -> Decoder:
        if self._weights is None:
            self._weights = DecodingWeights(self.model)
        t = self.tokenizer
        return Decoder(self._weights, prompt, sampling, end=t.end_id, forbidden=t.silent_ids, window=self.window)

    def _advance(self, decoder: Decoder, text: StreamDecoder, reply: Reply) -> None:
        token = None if reply.cancelled else decoder.next()
        if token is not None:
            reply.grow(reply.text + text.push(token), len(decoder.reply))
            return
        reply.finish()
        self._current = None


def conversation_of(*contents: str) -> Conversation:
    """Return a conversation of user and assistant in turn, the user first."""
    roles = ("user", "assistant")
    return Conversation(tuple(Message(roles[i % 2], content) for i, content in enumerate(contents)))  # type: ignore[arg-type]
