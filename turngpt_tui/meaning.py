"""What `turns` prints: arithmetic with words axis by axis, the axes with the words at both ends, how analogies hold."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from engine.semantics import Words
from model.lexicon import Analogy
from model.semantics import LEAST_FIRST, LEAST_RANDOM, MOST_EACH, MOST_MEAN, Near, Report, Score, Space, Term
from turngpt_tui.output import Row, one_line, table

NEAREST = 5
ENDS = 4
MOST_COLUMNS = 6
"""Words of an expression that have a column of their own."""


def arithmetic(words: Words, expression: str, *, as_json: bool) -> str:
    """Return what an expression comes to; UserError for one that does not parse or names an unknown word."""
    space, terms = words.space, words.terms(expression)
    point, given = space.point(terms), {term.word for term in terms}
    named = space.nearest(point, NEAREST, without=given)
    everywhere = space.nearest(point, NEAREST, without=given, named=False)
    random = space.random_distance(), space.random_distance(named=False)
    if as_json:
        return _json(
            step=words.step,
            terms=[{"sign": term.sign, "word": term.word} for term in terms],
            axes={axis: round(float(value), 3) for axis, value in zip(space.axes, point, strict=False)},
            nearest={"named": _near_rows(named), "all": _near_rows(everywhere)},
            random_distance={"named": random[0], "all": random[1]},
        )
    return "\n".join(
        (
            f"{_written(terms)}, on the turns of step {words.step}",
            "",
            _axis_by_axis(space, terms, named),
            "",
            table(
                [
                    ("", "nearest words, with distances in turns", "random words"),
                    ("named axes", _near_line(named), f"{random[0]:.1f} apart"),
                    (f"all {space.values.shape[1]} turns", _near_line(everywhere), f"{random[1]:.1f} apart"),
                ]
            ),
        )
    )


def axes(words: Words, *, as_json: bool) -> str:
    """Return the named axes with the words at both ends."""
    space = words.space
    stated = {word: words.lexicon.words[word] for word in sorted(words.held_out)}
    correlations = space.correlations(stated)
    ends = {axis: space.ends(axis, ENDS) for axis in space.axes}
    if as_json:
        return _json(
            step=words.step,
            axes=[
                {"name": axis, "low": low, "high": high, "held_out_correlation": None if math.isnan(r) else round(r, 4)}
                for (axis, (low, high)), r in zip(ends.items(), correlations, strict=True)
            ],
            held_out_words=len(stated),
        )
    rows: list[Row] = [("axis", "-10", "10", *(["held-out words"] if stated else []))]
    for (axis, (low, high)), r in zip(ends.items(), correlations, strict=True):
        rows.append(
            (one_line(axis), _listed(low), _listed(high), *(["-" if math.isnan(r) else f"{r:.2f}"] if stated else []))
        )
    lines = [table(rows, frozenset({3}))]
    if stated:
        known = [r for r in correlations if not math.isnan(r)]
        mean = f"{sum(known) / len(known):.2f}" if known else "-"
        lines += [
            "",
            f"held-out words: correlation of {len(stated)} words not started with what is stated; mean {mean}",
        ]
    return "\n".join(lines)


def analogies(words: Words, others: list[Analogy] | None, *, as_json: bool) -> str:
    """Return how the lexicon's analogies hold among started words, and `others` among words never started."""
    started = words.among_started()
    sets = {"started": (started, len(words.lexicon.analogies))}
    if others is not None:
        sets["never started"] = (words.never_started(others), len(others))
    reports = {
        name: {where: words.space.report(found, named=named) for where, named in _WHERE.items()}
        for name, (found, _) in sets.items()
    }
    if as_json:
        return _json(
            step=words.step,
            anchor=words.anchor,
            sets={
                name: {"of": of, **{where: _report_json(report) for where, report in reports[name].items()}}
                for name, (_, of) in sets.items()
            },
        )
    parts = [f"analogies on the turns of step {words.step}"]
    for name, (found, of) in sets.items():
        parts.append(f"\n{name}: {len(found):,} of {of:,} analogies are among such words of the vocabulary")
        rows: list[Row] = []
        for where, report in reports[name].items():
            if report is not None:
                rows += _report_rows(where, report)
        if rows:
            parts.append(table([_HEADING, *rows], frozenset({2, 3, 4, 5, 6, 7})))
        report = reports[name]["named axes"]
        if name == "started" and report is not None:
            wanted = f"mean below {MOST_MEAN:g}, each below {MOST_EACH:g}, first in {LEAST_FIRST:.0%}"
            held = "holds" if report.holds else "DOES NOT HOLD"
            parts.append(f"wanted on the named axes: {wanted}, random words {LEAST_RANDOM:g} apart: this {held}")
            if words.anchor:
                back = f"put back {words.anchor:.0%} of the way to their places after each step (optimizer.anchor)"
                parts.append(f"(started words were {back}: this tells of the lexicon and the grid, not of learning)")
    return "\n".join(parts)


_WHERE = {"named axes": True, "all turns": False}
_HEADING = ("over", "kind", "count", "distance", "largest", "right first", "nearest to 3rd", "random words")


def _report_rows(where: str, report: Report) -> list[Row]:
    def row(kind: str, score: Score, random: str) -> Row:
        shares = f"{score.first:.0%}", f"{score.nearest_to_third:.0%}"
        return where, one_line(kind), str(score.count), f"{score.mean:.2f}", f"{score.largest:.2f}", *shares, random

    kinds = report.kinds.items() if _WHERE[where] else ()
    return [*(row(kind, score, "") for kind, score in kinds), row("all", report.total, f"{report.random:.1f}")]


def _report_json(report: Report | None) -> dict[str, Any] | None:
    if report is None:
        return None
    kinds = {kind: _score_json(score) for kind, score in report.kinds.items()}
    return {"total": _score_json(report.total), "kinds": kinds, "random": report.random, "holds": report.holds}


def _score_json(score: Score) -> dict[str, float]:
    return {name: getattr(score, name) for name in Score.__slots__}


def _axis_by_axis(space: Space, terms: Sequence[Term], nearest: Sequence[Near]) -> str:
    shown = terms if len(terms) <= MOST_COLUMNS else ()
    closest = nearest[0].word if nearest else ""
    columns = [space.vector(term.word) for term in shown]
    result = space.point(terms)
    answer = [space.vector(closest)] if closest else []
    heads = [
        one_line(f"{'-' if term.sign < 0 else '+' if number else ''} {term.word}") for number, term in enumerate(shown)
    ]
    rows: list[Row] = [("axis", *heads, "result", one_line(closest))]
    for number, axis in enumerate(space.axes):
        values = [f"{vector[number]:.1f}" for vector in (*columns, result, *answer)]
        rows.append((one_line(axis), *values, *([] if answer else [""])))
    return table(rows, frozenset(range(1, len(rows[0]))))


def _written(terms: Sequence[Term]) -> str:
    signs = ("-" if term.sign < 0 else "+" if number else "" for number, term in enumerate(terms))
    return one_line(" ".join(f"{sign} {term.word}" for sign, term in zip(signs, terms, strict=True)))


def _near_line(found: Sequence[Near]) -> str:
    return one_line(", ".join(f"{near.word} {near.distance:.1f}" for near in found))


def _near_rows(found: Sequence[Near]) -> list[dict[str, Any]]:
    return [{"word": near.word, "distance": round(near.distance, 4)} for near in found]


def _listed(found: Sequence[str]) -> str:
    return one_line(", ".join(found))


def _json(**content: Any) -> str:
    return json.dumps(content, ensure_ascii=False)
