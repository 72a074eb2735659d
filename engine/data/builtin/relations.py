"""The truth of the built-in world: one table behind facts and questions.

`authored/facts/*.toml` holds tables of rows, and relations that say and ask one thing of every row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from engine.data.builtin.grammar import Writer
from engine.data.builtin.load import collected

COUNTED = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
           "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty")  # fmt: skip

PHRASINGS = ("ask", "say", "ask_it", "ask_yes", "say_yes", "ask_no", "say_no")
Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Relation:
    """One thing that is said and asked of every row of a table."""

    name: str
    table: str
    rows: tuple[Row, ...]
    subject: str
    """What may stand after "And what about"."""
    ask: tuple[str, ...]
    say: tuple[str, ...]
    """The first two stand alone as well; the others are answers only."""
    ask_yes: tuple[str, ...] = ()
    say_yes: tuple[str, ...] = ()
    ask_no: tuple[str, ...] = ()
    say_no: tuple[str, ...] = ()
    ask_it: tuple[str, ...] = ()
    """How it is asked of what the talk is about already; answered by `say`."""
    needs: str = ""
    """The column that a row must have, if any."""
    weight: int = 1
    """How often it is talked about."""
    alone: bool = True
    """Whether it is said in texts."""

    @property
    def ways(self) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
        """Ways to ask with the ways to answer: openly, and where there are such, for a yes and for a no."""
        return (self.ask, self.say), (self.ask_yes, self.say_yes), (self.ask_no, self.say_no)


@dataclass(frozen=True, slots=True)
class Fact:
    """One relation of one row."""

    relation: Relation
    row: Row

    @property
    def key(self) -> str:
        """What tells it from every other fact."""
        return f"{self.relation.name}/{'/'.join(self.row.values())}"

    def bind(self, writer: Writer) -> None:
        """Let a writer's slots stand for the row's values."""
        writer.begin()
        for column, value in self.row.items():
            writer.bind(column, value)

    def state(self, writer: Writer) -> str:
        """Return the fact as a sentence that stands alone."""
        self.bind(writer)
        return writer.say(writer.random.choice(self.relation.say[:2]))


@cache
def relations() -> tuple[Relation, ...]:
    """Return every relation."""
    tables = {table["name"]: rows_of(table) for table in collected("facts", "table")} | _arithmetic()
    return tuple(_relation(entry, tables[entry["table"]]) for entry in collected("facts", "relation"))


@cache
def talked_about() -> tuple[Relation, ...]:
    """Return every relation as often as its weight says."""
    return tuple(relation for relation in relations() for _ in range(relation.weight))


@cache
def _asked_as_it(table: str, subject: str) -> tuple[Relation, ...]:
    return tuple(one for one in relations() if one.ask_it and (one.table, one.subject) == (table, subject))


def more_of(fact: Fact) -> list[Fact]:
    """Return what else can be asked of the same subject when the talk is about it already."""
    alike = _asked_as_it(fact.relation.table, fact.relation.subject)
    return [Fact(one, fact.row) for one in alike if one is not fact.relation and (not one.needs or fact.row[one.needs])]


@cache
def facts() -> tuple[Fact, ...]:
    """Return every fact."""
    return tuple(Fact(relation, row) for relation in relations() for row in relation.rows)


@cache
def subjects() -> tuple[tuple[Fact, ...], ...]:
    """Return the facts that can be told in a text, of which at least two are about the same row, row by row."""
    found: dict[tuple[str, ...], list[Fact]] = {}
    for fact in facts():
        if fact.relation.alone:
            found.setdefault(tuple(fact.row.values()), []).append(fact)
    return tuple(tuple(about) for about in found.values() if len(about) > 1)


def _relation(entry: Mapping[str, Any], rows: tuple[Row, ...]) -> Relation:
    needs = entry.get("needs", "")
    phrasings: dict[str, Any] = {key: tuple(entry.get(key, ())) for key in PHRASINGS}
    return Relation(
        name=entry["name"],
        table=entry["table"],
        rows=tuple(row for row in rows if not needs or row[needs]),
        subject=entry["subject"],
        needs=needs,
        weight=entry.get("weight", 1),
        alone=entry.get("alone", True),
        **phrasings,
    )


def rows_of(table: Mapping[str, Any]) -> tuple[Row, ...]:
    """Return a table's lines as rows; ValueError for a line with another number of columns."""
    rows = []
    for line in table["rows"].strip().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) != len(table["columns"]):
            raise ValueError(f"table {table['name']}: {len(cells)} columns, not {len(table['columns'])}: {line}")
        rows.append(dict(zip(table["columns"], cells, strict=True)))
    return tuple(rows)


def _arithmetic() -> dict[str, tuple[Row, ...]]:
    """Return the sums and differences of numbers up to ten."""

    def row(left: int, right: int, result: int) -> Row:
        words = {"one": COUNTED[left], "other": COUNTED[right], "result": COUNTED[result]}
        return words | {"left": str(left), "right": str(right), "answer": str(result)}

    pairs = sorted(
        ((left, right) for left in range(1, 11) for right in range(1, 11)), key=lambda pair: (max(pair), pair)
    )
    return {
        "sums": tuple(row(left, right, left + right) for left, right in pairs),
        "differences": tuple(row(left + right, right, left) for left, right in pairs if left + right <= 12),
    }
