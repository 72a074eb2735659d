"""What each authored template is about, for the survey."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from engine.data.builtin.exchange import said_in
from engine.data.builtin.listening import MOODS
from engine.data.builtin.load import authored, collected
from engine.data.builtin.relations import relations


@cache
def topics() -> dict[str, str]:
    """Return template -> topic for the authored entries that name one."""
    return dict(_pairs())


def _pairs() -> Iterator[tuple[str, str]]:
    for intent in authored("smalltalk")["intent"]:
        for template in (*intent["ask"], *intent["say"], *said_in([intent.get("then", [])])):
            yield template, f"small talk: {intent['group']}"
    tastes = authored("smalltalk")
    for way in (*tastes["tastes"].values(), *(entry["model"] for entry in tastes["favourites"].values())):
        for template in way:
            yield template, "small talk: tastes"
    for chain in collected("chains", "chain"):
        for template in said_in(chain["exchanges"]):
            yield template, f"subject: {chain['topic']}"
    for name, topic in authored("personas")["topics"].items():
        for template in (*said_in([topic["tell"], topic["ask"]]), *topic["unknown"]):
            yield template, f"person: {name}"
    for correction in authored("personas")["correction"]:
        for template in said_in([correction["tell"], correction["ask"]]):
            yield template, "person: corrected"
    for between in authored("personas")["between"]:
        for template in (*between["ask"], *between["say"]):
            yield template, "person: something between"
    for game in authored("games")["game"]:
        for template in said_in(game["exchanges"]):
            yield template, "word games"
    for mood in MOODS:
        for way in authored("listening")[mood]["ways"]:
            yield from ((way["tell"], f"listening: {mood}"), (way["reply"], f"listening: {mood}"))
    for after in authored("listening")["after"]:
        yield from ((after["tell"], "listening: after"), (after["reply"], "listening: after"))
    for question in authored("characters")["question"]:
        for template in (*question["ask"], *question["say"]):
            yield template, "persona chat"
    for scenario in collected("dialogues", "scenario"):
        for template in said_in(scenario["exchanges"]):
            yield template, f"talk: {scenario['topic']}"
    for entry in collected("questions", "qa"):
        for template in (*entry["ask"], *entry["say"]):
            yield template, f"knowledge: {entry['topic']}"
    for relation in relations():
        for template in (template for way in relation.ways for templates in way for template in templates):
            yield template, f"facts: {relation.table}"
    for entry in collected("explanations", "explanation"):
        for template in (*entry["ask"], *entry["say"]):
            yield template, f"why: {entry['topic']}"
    for plot in collected("stories", "plot"):
        for template in plot["story"]:
            yield template.removeprefix("?"), f"story: {plot['kind']}"
    for template in authored("headlines")["headlines"]:
        yield template, "headlines"
