"""Small talk with the assistant's own steady personality."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from engine.conversation import Conversation
from engine.data.builtin.exchange import Pair, conversation
from engine.data.builtin.load import authored
from engine.data.builtin.phrasing import typed

DESCRIPTION = "greetings, feelings, tastes and thanks, with the assistant's own personality"


def generate(random: Random) -> tuple[str, Conversation]:
    """Return a chain of one to six exchanges in a natural order."""
    groups: list[str] = []
    if random.random() < 0.5:
        groups.append("hello")
    if random.random() < 0.35:
        groups.append("how")
    groups += random.choices(("about", "favourite", "other", "like"), (4, 5, 4, 4), k=random.choice((0, 1, 1, 2, 3)))
    groups += [group for group, share in (("thanks", 0.2), ("bye", 0.25)) if random.random() < share]
    said: list[Pair] = []
    keys: list[str] = []
    for group in groups or ["how"]:
        for key, pair in _like(random) if group == "like" else _intent(random, group):
            keys.append(key)
            said.append(pair)
    return "/".join(keys), conversation(random, said)


def taste(random: Random) -> tuple[str, str, str]:
    """Return a kind of thing, one of it, and what the assistant says to somebody who likes it."""
    table = authored("smalltalk")
    kind = random.choice(list(table["likes"]))
    thing = random.choice(table["likes"][kind])
    return kind, thing, _answer(random, kind, thing)


def _intent(random: Random, group: str) -> Iterator[tuple[str, Pair]]:
    intents = [intent for intent in authored("smalltalk")["intent"] if intent["group"] == group]
    intent: dict[str, Any] = random.choice(intents)
    asked, answer = random.choice(intent["ask"]), random.choice(intent["say"])
    yield f"{asked}>{answer[:12]}", (typed(random, asked, intent.get("mark", "?")), answer)
    if not answer.endswith("?") or random.random() < 0.25:
        return
    if intent.get("name"):
        name = random.choice(authored("personas")["names"])
        told = random.choice(("my name is {}", "i am {}", "{}", "i'm {}", "you can call me {}", "it is {}")).format(
            name
        )
        yield (
            name,
            (
                typed(random, told, "."),
                random.choice((f"Nice to meet you, {name}!", f"{name} is a nice name. Nice to meet you!")),
            ),
        )
    elif kind := intent.get("favourite"):
        thing = random.choice(authored("smalltalk")["likes"][kind])
        told = random.choice(
            ("{}", "mine is {}", "i like {}", "i love {}", "my favourite is {}", "i like {} best")
        ).format(thing)
        yield thing, (typed(random, told, "."), _answer(random, kind, thing))
    elif branches := intent.get("then"):
        branch = random.choice(branches)
        told = random.choice(branch["user"])
        yield told, (typed(random, told, branch.get("mark", ".")), random.choice(branch["model"]))


def _like(random: Random) -> Iterator[tuple[str, Pair]]:
    """Somebody tells a taste unasked, or asks about one."""
    _, thing, answer = taste(random)
    if random.random() < 0.75:
        told = random.choice(
            ("i like {}", "i love {}", "i really like {}", "i like {} very much", "my favourite thing is {}")
        ).format(thing)
        yield told, (typed(random, told, "."), answer)
        if answer.endswith("?"):
            said, reply = random.choice(_AFTER)
            yield said, (typed(random, said, "."), reply)
    else:
        asked = f"do you like {thing}"
        yield asked, (typed(random, asked), f"Yes, I like {thing}. Do you like {thing} too?")
        said, reply = random.choice(_AGREED)
        yield said, (typed(random, said, "."), reply)


_AFTER = (
    ("yes", "That is great! It is good to have something you like."),
    ("yes i do", "That sounds wonderful."),
    ("yes, very often", "That sounds like a lot of fun."),
    ("every day", "Every day! You must be very good at it."),
    ("sometimes", "That is nice. A little is often enough."),
    ("no", "That is all right. Maybe one day."),
    ("not really", "That is all right."),
    ("because it is fun", "Fun is a good reason!"),
    ("because they are cute", "Yes, they are very cute."),
    ("i do not know", "That is all right. Some things we just like."),
)


_AGREED = (
    ("yes", "Then we both like it!"),
    ("yes i do", "Then we have the same taste!"),
    ("no", "That is all right. Everybody likes other things."),
    ("not really", "That is fine. What do you like?"),
)


def _answer(random: Random, kind: str, thing: str) -> str:
    answer: str = random.choice(authored("smalltalk")["answers"][kind])
    return answer.format(x=thing, X=thing[0].upper() + thing[1:])
