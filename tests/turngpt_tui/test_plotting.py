from __future__ import annotations

import math

from turngpt_tui.plotting import Axes, Series, Trace, bounds_of, draw, thin

INK = (120, 120, 120)
RED = (255, 0, 0)


def line(count: int) -> list[tuple[float, float]]:
    return [(float(x), math.exp(-x / count)) for x in range(count)]


def test_a_plot_has_the_asked_size_and_its_colours():
    for width, height in ((40, 8), (83, 21)):
        text = draw([Series(line(500), RED)], width, height, Axes(INK))
        rows = text.plain.split("\n")
        assert len(rows) == height and {len(row) for row in rows} == {width}
        assert any("#ff0000" in str(span.style) for span in text.spans)


def test_nothing_to_draw_and_no_room_are_empty():
    assert not draw([], 40, 10, Axes(INK))
    assert not draw([Series([], RED)], 40, 10, Axes(INK))
    assert not draw([Series(line(10), RED)], 5, 2, Axes(INK))
    assert draw([Series([(1.0, 2.0)], RED)], 40, 10, Axes(INK)).plain.strip()


def test_a_falling_line_falls():
    rows = draw([Series(line(200), RED)], 60, 12, Axes(INK)).plain.split("\n")
    marked = [[x for x, character in enumerate(row) if 0x2800 <= ord(character) < 0x2900] for row in rows]
    first, last = (next(columns for columns in order if columns) for order in (marked, marked[::-1]))
    assert max(first) < min(last)


def test_thinning_keeps_ends_and_extremes():
    points = [(float(x), 0.0) for x in range(1000)]
    points[500] = (500.0, 9.0)
    points[501] = (501.0, -9.0)
    kept = thin(points, 50)
    assert len(kept) <= 50 and (500.0, 9.0) in kept and (501.0, -9.0) in kept
    assert kept == sorted(kept) and thin(points[:20], 50) == points[:20]


def test_bounds_have_air_and_survive_a_constant():
    low, high = bounds_of([[(0, 1.0), (1, 3.0)]]) or (0, 0)
    assert low < 1.0 < 3.0 < high
    low, high = bounds_of([[(0, 2.0)]]) or (0, 0)
    assert low < 2.0 < high
    assert bounds_of([[]]) is None


def test_a_trace_is_bounded_smoothed_and_leaves_out_what_is_not_finite():
    trace = Trace(capacity=100)
    for step in range(1000):
        trace.add(step, math.nan if step % 10 == 0 else float(step % 2))
    assert len(trace.points) <= 100 and len(trace.points) == len(trace.smooth)
    assert trace.points[-1][0] == 999.0
    assert all(0.3 < y < 0.7 for _, y in trace.smooth[10:])


def test_a_trace_forgets_what_is_read_anew():
    trace = Trace()
    for step in (1, 2, 3, 2):
        trace.add(step, float(step * 10))
    assert trace.points == [(1, 10.0), (2, 20.0)]
