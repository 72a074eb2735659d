"""Relations of the built-in world: one truth behind facts and questions.

A relation turns a row of `facts.toml` into a statement, the ways people ask for it, and the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from engine.data.builtin.load import authored


@dataclass(frozen=True, slots=True)
class Fact:
    """One true thing: its key, what it is about, and how it is asked and said."""

    key: str
    subject: str
    ask: tuple[str, ...]
    """Questions without capital and question mark."""
    say: tuple[str, ...]
    """Whole sentences; the first is the plainest."""
    follow: str = ""
    """What may stand after "and" to ask the same of it: `a cat`, `Spain`."""
    false: tuple[str, str] | None = None
    """(a yes/no question whose answer is no, the beginning of the denial)."""


def article(noun: str) -> str:
    """Return the noun with `a` or `an`."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def sentence(text: str) -> str:
    """Return the text with a capital."""
    return text[0].upper() + text[1:]


@cache
def relations() -> dict[str, tuple[Fact, ...]]:
    """Return all facts by relation."""
    table = authored("facts")
    numbers = table["numbers"]
    found: dict[str, list[Fact]] = {}

    def add(
        relation: str,
        subject: str,
        ask: tuple[str, ...],
        say: tuple[str, ...],
        follow: str = "",
        false: tuple[str, str] | None = None,
        key: str = "",
    ) -> None:
        fact = Fact(key or f"{relation} {subject}", subject, ask, say, follow, false)
        found.setdefault(relation, []).append(fact)

    for name, plural, legs, sound, home, food, young, colour, size in table["animals"]:
        a = article(name)
        count = f"{numbers[legs]} legs" if legs else "no legs"
        add(
            "legs",
            name,
            (f"how many legs does {a} have", f"how many legs do {plural} have", f"how many legs has {a}"),
            (sentence(f"{a} has {count}."),),
            follow=a,
        )
        if sound:
            add(
                "sound",
                name,
                (
                    f"what sound does {a} make",
                    f"what does {a} say",
                    f"what noise does {a} make",
                    f"what sound do {plural} make",
                    f"how does {a} sound",
                ),
                (sentence(f"{a} says {sound}."),),
                follow=a,
            )
        add(
            "home",
            name,
            (f"where does {a} live", f"where do {plural} live", f"what is the home of {a}"),
            (sentence(f"{a} lives {_place(home)}."),),
            follow=a,
        )
        add(
            "food",
            name,
            (f"what does {a} eat", f"what do {plural} eat", f"what do {plural} like to eat"),
            (sentence(f"{plural} eat {food}."),),
            follow=a,
        )
        if young:
            add(
                "young",
                name,
                (
                    f"what is a baby {name} called",
                    f"what do you call a baby {name}",
                    f"what is the name for a young {name}",
                ),
                (f"A baby {name} is called {article(young)}.",),
                follow=f"a baby {name}",
            )
        add(
            "animal colour",
            name,
            (f"what colour is {a}", f"what colour are {plural}"),
            (sentence(f"{a} is often {colour}."),),
            follow=a,
        )
        if size in {"big", "small", "huge", "tiny"}:
            wrong = "small" if size in {"big", "huge"} else "big"
            add(
                "size",
                name,
                (f"is {a} {size}", f"are {plural} {size}", f"how big is {a}"),
                (f"Yes, {a} is {size}." if size != "tiny" else f"Yes, {a} is very small.",),
                false=(f"is {a} {wrong}", f"No, {a} is {size}."),
            )
    for country, capital, continent, language in table["countries"]:
        add(
            "capital",
            country,
            (
                f"what is the capital of {country}",
                f"which city is the capital of {country}",
                f"what is {country}'s capital",
                f"what is the capital city of {country}",
            ),
            (f"The capital of {country} is {capital}.",),
            follow=country,
        )
        add(
            "city",
            country,
            (f"where is {capital}", f"in which country is {capital}", f"what country is {capital} in"),
            (f"{capital} is in {country}.",),
        )
        add(
            "continent",
            country,
            (f"where is {country}", f"on which continent is {country}"),
            (f"{country} is in {continent}." if country != continent else f"{country} is a country and a continent.",),
            follow=country,
        )
        add(
            "language",
            country,
            (
                f"what language do people speak in {country}",
                f"which language is spoken in {country}",
                f"what do they speak in {country}",
            ),
            (f"People in {country} speak {language}.",),
        )
    every = sorted({colour for _, _, colour in table["colours"]})
    for number, (thing, verb, colour) in enumerate(table["colours"]):
        wrong = next(c for c in every[number % len(every) :] + every if c != colour)
        add(
            "colour",
            thing,
            (f"what colour {verb} {thing}", f"which colour {verb} {thing}", f"what is the colour of {thing}"),
            (sentence(f"{thing} {verb} {colour}."),),
            follow=thing,
            false=(f"{verb} {thing} {wrong}", f"No, {thing} {verb} {colour}."),
        )
        add("is colour", thing, (f"{verb} {thing} {colour}",), (f"Yes, {thing} {verb} {colour}.",))
    for job, does, place in table["jobs"]:
        bare = job.split(" ", 1)[1]
        add(
            "job",
            job,
            (f"what does {job} do", f"what is the job of {job}", f"what do {bare}s do"),
            (sentence(f"{job} {does}."),),
            follow=job,
        )
        add(
            "work",
            job,
            (f"where does {job} work", f"where can i find {job}"),
            (sentence(f"{job} works {_place(place)}."),),
            follow=job,
        )
        add("who", job, (f"who {does}",), (sentence(f"{job} {does}."),))
    for one, other in table["opposites"]:
        for word, answer in ((one, other), (other, one)):
            if sum(word in pair for pair in table["opposites"]) == 1:
                add(
                    "opposite",
                    word,
                    (
                        f"what is the opposite of {word}",
                        f"what is the opposite of the word {word}",
                        f"tell me the opposite of {word}",
                    ),
                    (f"The opposite of {word} is {answer}.",),
                    follow=word,
                )
    for thing, use in table["uses"]:
        add(
            "use",
            thing,
            (
                f"what is {thing} for" if " " in thing else f"what are {thing} for",
                f"what do you use {thing} for",
                f"what do you do with {thing}",
                f"what can you do with {thing}",
            ),
            (f"You use {thing} to {use}.",),
            follow=thing,
        )
    for part, use in table["body"]:
        add(
            "body",
            part,
            (f"what are {part} for" if " " not in part else f"what is {part} for", f"what do we do with {part}"),
            (f"We use {part} to {use}.",),
        )
    for thing, kind in table["kinds"]:
        add(
            "kind",
            thing,
            (f"what is {thing}", f"what kind of thing is {thing}", f"can you tell me what {thing} is"),
            (sentence(f"{thing} is {kind}."),),
            follow=thing,
        )
        add("is kind", thing, (f"is {thing} {kind}",), (f"Yes, {thing} is {kind}.",))
    for names, what in ((table["days"], "day"), (table["months"], "month")):
        for index, name in enumerate(names):
            after, before = names[(index + 1) % len(names)], names[index - 1]
            add(
                "after",
                name,
                (f"what comes after {name}", f"which {what} comes after {name}", f"what {what} is after {name}"),
                (f"{after} comes after {name}.",),
                follow=f"after {after}",
            )
            add(
                "before",
                name,
                (f"what comes before {name}", f"which {what} comes before {name}"),
                (f"{before} comes before {name}.",),
            )
    for left in range(1, 11):
        for right in range(1, 11):
            total = f"{numbers[left]} plus {numbers[right]} is {numbers[left + right]}."
            add(
                "sum",
                "sum",
                (
                    f"what is {left} plus {right}",
                    f"how much is {left} plus {right}",
                    f"what is {numbers[left]} plus {numbers[right]}",
                    f"{left} + {right}",
                    f"what is {left} + {right}",
                ),
                (sentence(total),),
                key=f"sum {left} {right}",
            )
    for entry in table["single"]:
        add("single", "single", tuple(entry["ask"]), tuple(entry["say"]), key=f"single {entry['ask'][0]}")
    return {relation: tuple(facts) for relation, facts in found.items()}


WEIGHTS = {
    "legs": 6,
    "sound": 8,
    "home": 6,
    "food": 6,
    "young": 4,
    "animal colour": 3,
    "size": 3,
    "capital": 9,
    "city": 3,
    "continent": 3,
    "language": 3,
    "colour": 10,
    "is colour": 3,
    "job": 5,
    "work": 3,
    "who": 2,
    "opposite": 7,
    "use": 5,
    "body": 2,
    "kind": 5,
    "is kind": 2,
    "after": 3,
    "before": 2,
    "sum": 7,
    "single": 9,
}
"""How often each relation is talked about."""


def draw(random: Random, accept: Callable[[Fact], bool] = lambda _: True) -> tuple[str, Fact]:
    """Return a relation and one of its facts."""
    every = relations()
    while True:
        relation = random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        fact = random.choice(every[relation])
        if accept(fact):
            return relation, fact


def _place(place: str) -> str:
    at = {
        "a farm": "on",
        "the ice": "on",
        "the grassland": "on",
        "a building site": "on",
        "a boat": "on",
        "the ground": "in",
    }
    return f"{at.get(place, 'in')} {place}"


def table(name: str) -> Any:
    """Return a table of `facts.toml` as it stands."""
    return authored("facts")[name]
