"""Numbers and text as the terminal shows them: short, aligned, one line each."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from engine.conversation import printable

Row = tuple[str, ...]


def one_line(text: str) -> str:
    """Return `text` on one line without control characters."""
    return " ".join(printable(text).split())


def duration(seconds: float | None) -> str:
    """Write seconds as `42s`, `3m 05s` or `2h 07m`; `?` when unknown."""
    if seconds is None or not 0 <= seconds < 1e9:
        return "?"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02}m"


def quantity(value: float | None, digits: int = 3) -> str:
    """Write a measured number, `-` when it was not measured."""
    return "-" if value is None else f"{value:,.{digits}f}"


def megabytes(count: int) -> str:
    """Write bytes as MB (10^6)."""
    return f"{count / 1e6:,.2f} MB"


def table(rows: Sequence[Row], right: frozenset[int] = frozenset()) -> str:
    """Align rows in columns two spaces apart; columns in `right` are flush right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = (
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
    return "\n".join(lines)


def has_terminal() -> bool:
    """Whether there is a terminal to draw on and to type at."""
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
