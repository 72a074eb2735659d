"""Pairs of messages put together as a conversation."""

from __future__ import annotations

from random import Random

from engine.conversation import Conversation, Message

Pair = tuple[str, str]
"""What the person says, and the reply."""

SYSTEM = "You are Tern, a small friendly model."
GREETINGS = ("Hello", "Hi", "Hey", "hello", "hi", "hey", "Hello Tern", "hi tern")
_GREETED = ("hello", "hi ", "hi!", "hey", "good ", "morning", "evening", "bye", "thank")


def conversation(random: Random, said: list[Pair]) -> Conversation:
    """Return pairs as a conversation, now and then with a greeting in the first message or a system message."""
    user, model = said[0]
    if random.random() < 0.15 and not user.lower().startswith(_GREETED):
        answer = f"Hello! {model}" if random.random() < 0.5 and not model.startswith("Hello") else model
        said = [(f"{random.choice(GREETINGS)}{random.choice('!!!,.')} {user}", answer), *said[1:]]
    messages = [message for user, model in said for message in (Message("user", user), Message("assistant", model))]
    if random.random() < 0.06:
        messages.insert(0, Message("system", SYSTEM))
    return Conversation(tuple(messages))
