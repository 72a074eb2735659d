"""What each authored template is about, for the survey."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from engine.data.builtin.load import authored, collected
from engine.data.builtin.relations import relations


@cache
def topics() -> dict[str, str]:
    """Return template -> topic for the authored entries that name one."""
    return dict(_pairs())


def _pairs() -> Iterator[tuple[str, str]]:
    for entry in authored("smalltalk")["intent"]:
        for template in (*entry["ask"], *entry["say"]):
            yield template, f"small talk: {entry['group']}"
    for name, topic in authored("personas")["topics"].items():
        for key in ("told", "reply", "asked", "recall", "unknown"):
            for template in topic[key]:
                yield template, f"person: {name}"
    for question in authored("characters")["question"]:
        for template in (*question["ask"], *question["say"]):
            yield template, "persona chat"
    for scenario in collected("dialogues", "scenario"):
        for exchange in scenario["exchanges"]:
            for user, model in exchange:
                yield user, f"talk: {scenario['topic']}"
                yield model, f"talk: {scenario['topic']}"
    for entry in collected("questions", "qa"):
        for template in (*entry["ask"], *entry["say"]):
            yield template, f"knowledge: {entry['topic']}"
    for relation in relations():
        for template in (*relation.ask, *relation.say, *relation.say_yes, *relation.say_no):
            yield template, f"facts: {relation.table}"
    for entry in collected("explanations", "explanation"):
        for template in (*entry["ask"], *entry["say"]):
            yield template, f"why: {entry['topic']}"
    for plot in collected("stories", "plot"):
        for template in plot["story"]:
            yield template.removeprefix("?"), f"story: {plot['kind']}"
    for template in authored("headlines")["headlines"]:
        yield template, "headlines"
