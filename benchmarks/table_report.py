"""What came of the comparison of tables: a table with spreads and differences, and a plot of loss against bytes."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from benchmarks.table_arms import Arm, full_bytes

REFERENCES = ("full-random", "full-statistics")
SIDE, TOP, WIDTH, HEIGHT = 70, 40, 760, 460
"""Margins and extent of the plot, in pixels."""
COLOURS = {True: "#8a5a00", False: "#0060a8"}
"""Of full tables and of turns."""


def table(rows: Sequence[Mapping[str, Any]], arms: Mapping[str, Arm]) -> str:
    """Return Markdown: an arm a line, means over seeds with half the range, differences paired by seed."""
    by_arm = _bits(rows)
    heads = ["arm", "seeds", "rate, table's", "nats a token", "bits a byte"]
    heads += [f"beside {name}" for name in REFERENCES]
    heads += ["bytes at base size", "smaller, both / input", "tokens/s"]
    lines = [heads, ["---"] * len(heads)]
    for name, bits in by_arm.items():
        mine, arm = [row for row in rows if row["arm"] == name], arms[name]
        read, both = arm.stored_bytes()
        line = [name, str(len(bits)), f"{arm.learning_rate:g} x{arm.table_rate:g}"]
        line += [_spread([row["validation_nats"] for row in mine], "{:.3f}"), _spread(list(bits.values()), "{:.4f}")]
        for reference in REFERENCES:
            shared = by_arm.get(reference, {}).keys() & bits.keys()
            line.append(_spread([bits[seed] - by_arm[reference][seed] for seed in sorted(shared)], "{:+.4f}"))
        line += [f"{both:,}", f"x{full_bytes() / both:.1f} / x{full_bytes() / read:.1f}"]
        line.append(f"{statistics.median(row['tokens_per_second'] for row in mine):,.0f}")
        lines.append(line)
    versions = sorted({row["version"] for row in rows})
    machines = sorted({f"{row['machine']}, {row['plan']}" for row in rows})
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"{text}\n\n{len(rows)} runs; code {', '.join(versions)}; {'; '.join(machines)}"


def plot(rows: Sequence[Mapping[str, Any]], arms: Mapping[str, Arm]) -> str:
    """Return an SVG: bits a byte (mean, and the range over seeds) against bytes of input and output at base size."""
    ended = [row for row in rows if math.isfinite(row["bits_per_byte"])]
    points = [(name, arms[name], list(bits.values())) for name, bits in _bits(ended).items()]
    sizes = [math.log10(arm.stored_bytes()[1]) for _, arm, _ in points]
    losses = [bit for _, _, bits in points for bit in bits]
    left, right = min(sizes) - 0.1, max(sizes) + 0.5
    low, high = min(losses), max(losses)
    low, high = low - 0.05 * (high - low) - 0.005, high + 0.05 * (high - low) + 0.005

    def x(size: float) -> float:
        return SIDE + (size - left) / (right - left) * WIDTH

    def y(bit: float) -> float:
        return TOP + (high - bit) / (high - low) * HEIGHT

    bottom = TOP + HEIGHT
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH + 2 * SIDE}" height="{HEIGHT + 2 * TOP + 20}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<rect x="{SIDE}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#444"/>',
        f'<text x="{SIDE}" y="{TOP - 14}">validation loss, bits a byte</text>',
        f'<text x="{SIDE + WIDTH}" y="{bottom + 38}" text-anchor="end">'
        "bytes of input and output at base size, as stored</text>",
    ]
    for exponent in range(math.floor(left), math.ceil(right) + 1):
        for factor in (1, 2, 5):
            if left <= (size := exponent + math.log10(factor)) <= right:
                name = f"{factor * 10**exponent / 1e6:g} MB"
                lines.append(f'<path d="M{x(size):.1f} {TOP}V{bottom}" stroke="#ddd"/>')
                lines.append(f'<text x="{x(size):.1f}" y="{bottom + 18}" text-anchor="middle">{name}</text>')
    step = 0.02 if high - low < 0.3 else 0.1
    for number in range(math.ceil(low / step), math.floor(high / step) + 1):
        at = y(number * step)
        lines.append(f'<path d="M{SIDE} {at:.1f}H{SIDE + WIDTH}" stroke="#ddd"/>')
        lines.append(f'<text x="{SIDE - 6}" y="{at + 4:.1f}" text-anchor="end">{number * step:.2f}</text>')
    for (name, arm, bits), size in zip(points, sizes, strict=True):
        colour, at, mean = COLOURS[arm.full], x(size), statistics.fmean(bits)
        lines.append(f'<path d="M{at:.1f} {y(max(bits)):.1f}V{y(min(bits)):.1f}" stroke="{colour}" stroke-width="2"/>')
        lines.append(f'<circle cx="{at:.1f}" cy="{y(mean):.1f}" r="4" fill="{colour}"/>')
        lines.append(f'<text x="{at + 8:.1f}" y="{y(mean) + 4:.1f}" fill="{colour}">{escape(name)}</text>')
    return "\n".join([*lines, "</svg>", ""])


def _bits(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[int, float]]:
    """Return arm -> seed -> bits a byte."""
    found: dict[str, dict[int, float]] = {}
    for row in rows:
        found.setdefault(row["arm"], {})[row["seed"]] = row["bits_per_byte"]
    return found


def _spread(values: Sequence[float], form: str) -> str:
    """Return the mean, and with several values half their range."""
    if not values:
        return ""
    mean = form.format(statistics.fmean(values))
    half = (max(values) - min(values)) / 2
    return mean if len(values) == 1 else f"{mean} ± {form.replace('+', '').format(half)}"
