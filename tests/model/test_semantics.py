import numpy as np
import pytest

from model.lexicon import Analogy, load_lexicon
from model.semantics import ExpressionError, Space, Term, parse

LEXICON = load_lexicon()
WORDS = list(LEXICON.words)
AXES = [axis.name for axis in LEXICON.axes]
STEP = 20 / 15
VALUES = np.round(np.array(list(LEXICON.words.values())) / STEP) * STEP


def space(values: np.ndarray = VALUES) -> Space:
    return Space(WORDS, values, AXES)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("king - man + woman", [(1, "king"), (-1, "man"), (1, "woman")]),
        ("king-man+woman", [(1, "king"), (-1, "man"), (1, "woman")]),
        ("-king", [(-1, "king")]),
        ("  + king − queen ", [(1, "king"), (-1, "queen")]),
        ("don't", [(1, "don't")]),
        (" + ".join(["big"] * 500), [(1, "big")] * 500),
    ],
)
def test_expressions_of_any_length_parse(text, terms):
    assert [(term.sign, term.word) for term in parse(text)] == terms


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("king - + woman", "a word is wanted at column 8, not '+'"),
        ("king man", "+ or - is wanted before 'man' at column 6"),
        ("king * man", "'*' at column 6 is neither a word nor"),
        ("king -", "a word is wanted at the end, column 7"),
        ("", "a word is wanted at the end, column 1"),
        ("- - king", "a word is wanted at column 3"),
        ("king + 3", "'3' at column 8"),
    ],
)
def test_an_expression_that_does_not_parse_says_where(text, said):
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert said in str(caught.value)


def test_king_without_man_and_with_woman_is_queen():
    point = space().point(parse("king - man + woman"))
    first, second = space().nearest(point, 2, without=("king", "man", "woman"))
    assert (first.word, round(first.distance, 4)) == ("queen", 0)
    assert second.distance > 1


def test_words_are_found_however_they_are_written():
    assert [space().find(word) for word in ("KING", "paris", "i", "nosuch")] == ["king", "Paris", "I", None]
    assert space().suggest("kingg") == "king" and space().suggest("zzzzzz") is None


def test_the_lexicon_holds_and_random_words_lie_far_apart():
    report = space().report(LEXICON.analogies)
    assert report is not None and report.holds
    assert (report.total.count, report.total.first) == (len(LEXICON.analogies), 1.0)
    assert report.total.mean < 1e-3 and report.total.nearest_to_third < 0.7
    assert report.random > 10 and sum(score.count for score in report.kinds.values()) == report.total.count


@pytest.mark.parametrize("spread", [0.0, 1e-4, 0.1])
def test_a_collapsed_space_fails_however_near_everything_is(spread):
    report = space(VALUES * spread).report(LEXICON.analogies)
    assert report is not None and report.total.mean < 1 and report.total.largest < 1.5
    assert not report.holds


def test_a_tie_is_no_right_answer():
    tied = VALUES.copy()
    tied[WORDS.index("apple")] = tied[WORDS.index("queen")]
    analogy = Analogy("gender", "king", "man", "woman", "queen")
    report = space(tied).report([analogy])
    assert report is not None and report.total.mean < 1e-3 and report.total.first == 0


def test_one_level_off_is_within_the_bound_of_each_and_two_are_not():
    analogy = Analogy("gender", "king", "man", "woman", "queen")
    for levels, holds in ((1, True), (2, False)):
        moved = VALUES.copy()
        moved[WORDS.index("queen"), 0] += levels * STEP
        report = space(moved).report([analogy])
        assert report is not None and (report.total.largest < 1.5) == holds


def test_analogies_with_unknown_words_are_left_out():
    assert space().report([Analogy("x", "king", "man", "nosuch", "queen")]) is None


def test_all_turns_count_where_asked():
    wide = np.concatenate([VALUES, np.zeros_like(VALUES)], axis=1)
    wide[WORDS.index("queen"), -1] = 1
    both = space(wide)
    point = both.point([Term(1, "king"), Term(-1, "man"), Term(1, "woman")])
    without = ("king", "man", "woman")
    assert both.nearest(point, 1, without=without)[0].distance < 1e-3
    assert both.nearest(point, 1, without=without, named=False)[0].distance == pytest.approx(1, abs=0.01)


def test_the_ends_of_an_axis_are_its_extremes():
    low, high = space().ends("gender", 3)
    assert {VALUES[WORDS.index(word), AXES.index("gender")] for word in low} == {VALUES[:, AXES.index("gender")].min()}
    assert all(VALUES[WORDS.index(word), AXES.index("gender")] > 7 for word in high)


def test_correlations_are_those_of_each_axis():
    stated = {word: LEXICON.words[word] for word in WORDS[:200]}
    assert min(space().correlations(stated)) > 0.95
    assert max(space(-VALUES).correlations(stated)) < -0.95
    assert np.isnan(space(np.zeros_like(VALUES)).correlations(stated)).all()
    assert np.isnan(space().correlations({})).all()
