"""What a session's model says, beside an untrained one: `python -m benchmarks.quality SESSION_FOLDER`.

On held-out conversations of the built-in corpus: the loss of replies in nats a token, and *copies*, the share of
replies in which the greedy model repeats all that the reply takes over from what the person said, the most frequent
words aside. Then the conversations of conversations.txt at the default temperature, for a person to read.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections import Counter
from itertools import islice
from pathlib import Path

from engine import checkpoint as checkpoints
from engine.chat import Chat, conversation_of
from engine.conversation import Conversation, contents
from engine.data import builtin
from engine.data.packing import first_rows
from engine.data.shards import ShardWriter
from engine.data.tokenizer import ChatTokenizer
from engine.device import Plan
from engine.recipe import load_recipe
from engine.setup import load_model
from engine.status import Sampling
from engine.trainer import Trainer
from model.turngpt import TurnGPT

SOURCES = ("personas", "smalltalk", "questions")
COPIED_FROM = ("personas", "smalltalk")
FREQUENT = 400
DOCUMENTS, COPIES, ROWS, WINDOW = 300, 120, 48, 256
GREEDY = Sampling(temperature=0, repetition_penalty=1, max_tokens=40)


def main(folder: Path) -> None:
    """Measure, then talk."""
    checkpoint, _ = checkpoints.load_newest(folder / "checkpoints")
    if checkpoint is None:
        sys.exit(f"{folder}: no checkpoint there")
    tokenizer = ChatTokenizer.load(folder / "tokenizer.json")
    trained = load_model(checkpoint)
    untrained = TurnGPT(trained.config)
    untrained.initialise(1)
    frequent = _frequent()
    for name, model in ((f"step {checkpoint.step}", trained), ("untrained", untrained)):
        chat = Chat(model, tokenizer, WINDOW)
        losses = ", ".join(f"{source} {_loss(model, tokenizer, source):.3f}" for source in SOURCES)
        copies = ", ".join(f"{source} {_copies(chat, source, frequent):.2f}" for source in COPIED_FROM)
        print(f"{name:>12}: loss {losses}; copies {copies}")
    _talk(Chat(trained, tokenizer, WINDOW))


def _documents(source: str, split: builtin.Split, count: int) -> list[Conversation]:
    found = islice(builtin.documents(source, split, seed=1), count)
    return [document for document in found if isinstance(document, Conversation)]


def _words(text: str) -> set[str]:
    return set(re.findall(r"[\w']+", text.lower()))


def _frequent() -> set[str]:
    counts: Counter[str] = Counter()
    for source in SOURCES:
        for document in _documents(source, "train", DOCUMENTS):
            counts.update(re.findall(r"[\w']+", " ".join(contents(document)).lower()))
    return {word for word, _ in counts.most_common(FREQUENT)}


def _copies(chat: Chat, source: str, frequent: set[str]) -> float:
    tried = done = 0
    for document in _documents(source, "validation", DOCUMENTS):
        said: set[str] = set()
        for number, message in enumerate(document.messages):
            if message.role == "user":
                said |= _words(message.content)
            elif message.role == "assistant" and (taken := (_words(message.content) & said) - frequent):
                reply = chat.say(Conversation(document.messages[:number]), GREEDY)
                tried, done = tried + 1, done + (taken <= _words(reply))
            if tried == COPIES:
                return done / tried
    return done / tried


def _loss(model: TurnGPT, tokenizer: ChatTokenizer, source: str) -> float:
    trainer = Trainer(model, load_recipe("quick").optimizer, Plan("cpu"))
    with tempfile.TemporaryDirectory() as name, ShardWriter(Path(name) / "shard") as writer:
        writer.add(tokenizer.encode_documents(_documents(source, "validation", DOCUMENTS)))
        return trainer.validate(first_rows([writer.finish({})], [1.0], ROWS, WINDOW, 8))


def _talk(chat: Chat) -> None:
    text = Path(__file__).with_name("conversations.txt").read_text("utf-8")
    for number, messages in enumerate(text.strip().split("\n\n")):
        print()
        said: list[str] = []
        for message in messages.split("\n"):
            reply = chat.say(conversation_of(*said, message), Sampling(seed=number))
            said += [message, reply]
            print(f"    you: {message}\n  model: {reply}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m benchmarks.quality SESSION_FOLDER")
    main(Path(sys.argv[1]))
