"""Word games: what is asked for is always there to be read, in any words, so that a model learns to look it up."""

from __future__ import annotations

from functools import cache

from engine.conversation import Conversation
from engine.data.builtin.exchange import conversation, told
from engine.data.builtin.grammar import Writer, words
from engine.data.builtin.load import authored, forms

DESCRIPTION = "word games: saying again, lists, who has what, where something is"

WORDS = ("first", "second", "third", "fourth", "fifth")


def generate(writer: Writer) -> tuple[tuple[str, ...], Conversation]:
    """Return one game; the key is its first message."""
    random = writer.random
    writer.begin()
    for slot, word in zip(WORDS, random.sample(_any_words(), len(WORDS)), strict=True):
        writer.bind(slot, word)
    game = random.choice(authored("games")["game"])
    said = list(told(writer, game["exchanges"]))
    return (said[0][0],), conversation(writer, said)


@cache
def _any_words() -> tuple[str, ...]:
    """Return all single words, and nouns of two."""
    nouns = forms()["s"]
    listed = dict.fromkeys(word for category in words().values() for word in category)
    return tuple(word for word in listed if word.count(" ") < (2 if word in nouns else 1))
