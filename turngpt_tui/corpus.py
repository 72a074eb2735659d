"""What `data` prints: the sources of a recipe, documents to read, and the survey of its text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from itertools import islice
from typing import TextIO

from engine.conversation import Conversation, Document
from engine.data.filters import FilterReport
from engine.data.sources import Sources
from engine.data.survey import Survey, Variety
from engine.recipe import Recipe
from engine.status import Say
from turngpt_tui.output import Row, one_line, table

SHOWN_TOPICS = 40
SHOWN_EXAMPLE = 60


def teller(out: TextIO) -> Say:
    """Return what writes a line about each download when it begins."""
    last = ""

    def say(what: str, done: int, total: int | None, unit: str) -> None:
        nonlocal last
        if what != last:
            last = what
            out.write(f"{one_line(what)} ...\n")

    return say


def sources_table(recipe: Recipe, sources: Sources) -> str:
    """Return the sources of a recipe's phases with their share of what a run reads."""
    read: dict[str, float] = {}
    for phase in recipe.phases.values():
        mix = sources.mix(phase.mix)
        for (name, _), weight in mix.items():
            tokens = phase.tokens * weight / sum(mix.values())
            read[name] = read.get(name, 0.0) + tokens
    whole = sum(read.values())
    rows: list[Row] = [("source", "share", "what it is")]
    rows += [(one_line(name), f"{tokens / whole:.1%}", sources.describe(name)) for name, tokens in read.items()]
    return table(rows, frozenset({1}))


def samples(recipe: Recipe, count: int, sources: Sources) -> Iterator[str]:
    """Yield the first `count` training documents of each source of a recipe, written out."""
    parts = {part for mix in sources.mixes(recipe).values() for part in mix}
    for name, kind in sorted(parts, key=str):
        yield f"== {one_line(name)}\n"
        for document in islice(sources.open(name, "train", kind), count):
            yield _written(document) + "\n"


def survey_text(found: Survey, beside: Mapping[str, Variety]) -> str:
    """Return a survey for people, with other texts measured in the same way beside it."""
    measured = {f"recipe {found.recipe}": found.variety, **beside}
    rows: list[Row] = [("text", "tokens", "distinct 4-grams", "repeated sentences", "vocabulary")]
    rows += [
        (one_line(name), f"{one.tokens:,}", f"{one.distinct_4grams:.3f}", f"{one.repeated_sentences:.3f}",
         f"{one.vocabulary:,}")
        for name, one in measured.items()
    ]  # fmt: skip
    given: list[Row] = [("source", "documents", "tokens", "MB/s")]
    given += [
        (one_line(one.name), f"{one.documents:,}", f"{one.tokens:,}", f"{one.characters / one.seconds / 1e6:.1f}")
        for one in found.sources
    ]
    read, spent = sum(one.characters for one in found.sources), sum(one.seconds for one in found.sources)
    given.append(("together", f"{sum(one.documents for one in found.sources):,}",
                  f"{found.variety.tokens:,}", f"{read / spent / 1e6:.1f}"))  # fmt: skip
    parts = [table(rows, frozenset({1, 2, 3, 4})), table(given, frozenset({1, 2, 3}))]
    parts += [_filter_table(name, report) for name, report in found.filters.items()]
    if found.topics:
        parts.append(_shares("topic", dict(islice(found.topics.items(), SHOWN_TOPICS))))
    if found.acts:
        parts.append(_shares("speech act", found.acts))
    if found.largest_template:
        template, share = found.largest_template
        parts.append(f"largest template: {share:.2%} of the text: {one_line(template)}")
    words = ", ".join(f"{word} ({count})" for word, count in found.unfriendly.items())
    parts.append(f"unfriendly words: {words or 'none'}")
    return "\n\n".join(parts)


def survey_json(found: Survey, beside: Mapping[str, Variety]) -> str:
    """Return a survey as one JSON object."""
    return json.dumps(asdict(found) | {"beside": {name: asdict(one) for name, one in beside.items()}})


def _filter_table(name: str, report: FilterReport) -> str:
    rows: list[Row] = [(one_line(name), "kept", "repaired", "dropped", "characters lost", "such as")]
    for (filter_, kept, repaired, dropped, lost), count in zip(report.rows(), report.filters.values(), strict=True):
        example = one_line(count.examples[0])[:SHOWN_EXAMPLE] if count.examples else ""
        rows.append((filter_, f"{kept:,}", f"{repaired:,}", f"{dropped:,}", f"{lost:,}", example))
    return table(rows, frozenset({1, 2, 3, 4})) + f"\n{report.summary()}"


def _shares(title: str, shares: Mapping[str, float]) -> str:
    rows: list[Row] = [(title, "share"), *((name, f"{share:.1%}") for name, share in shares.items())]
    return table(rows, frozenset({1}))


def _written(document: Document) -> str:
    if isinstance(document, Conversation):
        return "\n".join(f"{one.role:>9}: {one_line(one.content)}" for one in document.messages) + "\n"
    return "\n".join(one_line(line) for line in document.content.split("\n")) + "\n"
