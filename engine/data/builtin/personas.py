"""Somebody tells who they are, and what was told is remembered later."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from engine.conversation import Conversation
from engine.data.builtin.exchange import Pair, conversation
from engine.data.builtin.load import authored
from engine.data.builtin.phrasing import typed

DESCRIPTION = "people who tell their name, job, home, pet and tastes, and ask for them again"


@dataclass(frozen=True, slots=True)
class _Told:
    """A thing told, and how it is asked for later."""

    topic: str
    value: str
    pair: Pair
    later: Pair


def generate(random: Random) -> tuple[str, Conversation]:
    """Return one to three things told, something between, and one or two of them asked for."""
    table = authored("personas")
    topics = random.sample(list(table["topics"]), random.choice((1, 2, 2, 3)))
    if "name" not in topics and random.random() < 0.5:
        topics[0] = "name"
    told = [_tell(random, topic) for topic in topics]
    said: list[Pair] = []
    if random.random() < 0.3:
        said.append(
            (
                typed(random, random.choice(("hello", "hi", "hey", "good morning")), "!"),
                "Hello! Tell me something about you.",
            )
        )
    said += _together(random, told) if random.random() < 0.2 else [one.pair for one in told]
    for _ in range(random.choice((0, 0, 1, 1, 2))):
        entry = random.choice(table["between"])
        said.append((typed(random, random.choice(entry["ask"])), random.choice(entry["say"])))
    asked = random.sample(told, min(len(told), random.choice((1, 2, 3))))
    said += [one.later for one in asked]
    if random.random() < 0.15:
        topic = random.choice([topic for topic in table["topics"] if topic not in topics])
        entry = table["topics"][topic]
        asked_for = random.choice(entry["asked"]).format(x=random.choice(entry.get("values", [""])))
        said.append((typed(random, asked_for), entry["unknown"]))
    if random.random() < 0.2:
        said.append(
            (
                typed(
                    random,
                    random.choice(("thanks", "thank you", "great", "that is right", "yes, right")),
                    "!",
                ),
                _closing(random, told),
            )
        )
    key = "/".join(f"{one.topic}:{one.value}" for one in told) + asked[0].later[0].lower().strip("?.! ")
    return key, conversation(random, said)


def _tell(random: Random, topic: str) -> _Told:
    entry = authored("personas")["topics"][topic]
    value = random.choice(entry.get("values") or authored("personas")["names"])
    slots = {
        "x": value,
        "X": value[0].upper() + value[1:],
        "n": random.choice(
            authored("personas")["names" if topic == "sister" or random.random() < 0.3 else "pet_names"]
        ),
    }
    say, answer = random.choice(entry["told"]).format(**slots), random.choice(entry["reply"]).format(**slots)
    asked, recalled = (
        random.choice(entry["asked"]).format(**slots),
        random.choice(entry["recall"]).format(**slots),
    )
    return _Told(topic, value, (typed(random, say, "."), answer), (typed(random, asked), recalled))


def _together(random: Random, told: list[_Told]) -> list[Pair]:
    """Return what was told with the first two things in one message."""
    if len(told) < 2:
        return [one.pair for one in told]
    first, second = told[0].pair, told[1].pair
    if second[0].lower().startswith(("hello", "hi")):
        return [one.pair for one in told]
    said = f"{first[0].rstrip('.!')} and {second[0][0].lower()}{second[0][1:]}"
    return [(said, random.choice((first[1], second[1]))), *(one.pair for one in told[2:])]


def _closing(random: Random, told: list[_Told]) -> str:
    name = next((one.value for one in told if one.topic == "name"), "")
    return random.choice(
        (f"You are welcome, {name}!", f"I like to talk with you, {name}.")
        if name
        else ("You are welcome!", "I like to talk with you.")
    )
