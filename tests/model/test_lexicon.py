import re
from collections import Counter

import numpy as np
import pytest

from model.lexicon import MARGIN, Analogy, Lexicon, check, forms, load_lexicon

SHIPPED = load_lexicon()
WORDS = list(SHIPPED.words)
VALUES = np.array(list(SHIPPED.words.values()))
SIZES = {
    "conversation": 50, "emotions": 40, "questions": 20, "relationships": 30, "actions": 60, "temporal": 40,
    "descriptors": 50, "technology": 70, "science": 70, "everyday": 70, "nature": 25, "animals": 25, "food": 25,
    "colours": 25, "places": 25, "numbers": 25,
}  # fmt: skip
KINDS = {"gender", "young", "capital", "nation", "past", "more", "most", "opposite", "size", "plural"}


def with_changes(changes: dict[str, tuple[float, ...]]) -> Lexicon:
    return Lexicon(SHIPPED.axes, SHIPPED.words | changes, SHIPPED.categories, SHIPPED.analogies)


def vector(values: np.ndarray, word: str) -> np.ndarray:
    return values[WORDS.index(word)]


def test_it_is_large_enough_and_every_word_is_in_one_category():
    assert len(WORDS) >= 550
    too_small = {name for name, size in SIZES.items() if len(SHIPPED.categories[name]) < size}
    assert not too_small and set(SHIPPED.categories) == set(SIZES)
    assert sorted(word for words in SHIPPED.categories.values() for word in words) == sorted(WORDS)


def test_axes_say_what_they_mean():
    assert 8 <= len(SHIPPED.axes) <= 16
    for axis in SHIPPED.axes:
        assert axis.low and axis.high and axis.rule and axis.low != axis.high
    assert np.array_equal(VALUES * 2, np.round(VALUES * 2)) and np.abs(VALUES).max() <= 10
    assert VALUES.shape == (len(WORDS), len(SHIPPED.axes))


def test_capitals_are_for_names():
    for category, words in SHIPPED.categories.items():
        named = [word for word in words if not word.islower()]
        assert not named or category in ("places", "temporal") or named == ["I"]


def test_what_ships_has_no_faults():
    assert check(SHIPPED) == []


def test_any_two_words_keep_their_distance():
    for row, values in enumerate(VALUES):
        distances = np.linalg.norm(VALUES - values, axis=1)
        distances[row] = np.inf
        assert distances.min() >= 2.0, WORDS[row]


def test_there_are_analogies_of_every_kind():
    assert len(SHIPPED.analogies) >= 60 and {analogy.kind for analogy in SHIPPED.analogies} >= KINDS
    assert {
        "king - man + woman = queen", "he - man + woman = she", "Paris - France + Italy = Rome",
        "went - go + see = saw", "puppy - dog + cat = kitten", "better - good + bad = worse",
        "mountain - hill + pond = lake",
    } <= {str(analogy) for analogy in SHIPPED.analogies}  # fmt: skip


@pytest.mark.parametrize("levels", [None, 15, 21, 255])
def test_analogies_are_exact_on_every_grid_and_nothing_else_is_as_near(levels):
    values = VALUES
    if levels:
        values = np.clip(np.round(VALUES * levels / 20), -(levels // 2), levels // 2) * 20 / levels
    for analogy in SHIPPED.analogies:
        point = vector(values, analogy.first) - vector(values, analogy.second) + vector(values, analogy.third)
        np.testing.assert_allclose(point, vector(values, analogy.answer), atol=1e-9, err_msg=str(analogy))
        distances = np.linalg.norm(values - point, axis=1)
        given = {analogy.first, analogy.second, analogy.third, analogy.answer}
        assert min(d for d, word in zip(distances, WORDS, strict=True) if word not in given) >= MARGIN, analogy


def test_a_collapsed_lexicon_is_found_out():
    found = check(with_changes({word: (0.0,) * len(SHIPPED.axes) for word in WORDS}))
    assert sum("apart" in line for line in found) >= len(WORDS) // 2
    assert sum("tells nothing apart" in line for line in found) == len(SHIPPED.axes)
    assert sum(" = " in line for line in found) == len(SHIPPED.analogies)


def test_words_too_near_are_named():
    found = check(with_changes({"happy": tuple(value + 0.5 for value in SHIPPED.words["glad"])}))
    assert "happy and glad lie 2.0 apart, at least 2 is wanted" not in found  # 0.5 on 16 axes is just 2
    found = check(with_changes({"happy": SHIPPED.words["glad"]}))
    assert "happy and glad lie 0.0 apart, at least 2 is wanted" in found


def test_an_axis_without_spread_is_named():
    at = [axis.name for axis in SHIPPED.axes].index("gender")
    found = check(with_changes({word: (*v[:at], v[at] / 2, *v[at + 1 :]) for word, v in SHIPPED.words.items()}))
    assert "axis gender tells nothing apart: its values spread over 8, not 10" in found


def test_a_broken_analogy_is_named_with_what_lies_nearer():
    found = check(with_changes({"queen": SHIPPED.words["carrot"]}))
    assert any(
        re.fullmatch(r"king - man \+ woman = queen: it lies [1-9][\d.]+ away, \w+ [\d.]+", line) for line in found
    )


def test_a_tie_is_no_answer():
    king_as_well = with_changes({"carrot": SHIPPED.words["queen"]})
    assert "king - man + woman = queen: it lies 0.0 away, carrot 0.0" in check(king_as_well)


def test_a_lexicon_of_a_domain_builds_on_what_ships(tmp_path):
    path = tmp_path / "chess.toml"
    path.write_text("""
        [axes]
        board = { low = "edge", high = "centre", rule = "where a piece stands" }
        [defaults]
        chess = { concreteness = 7, board = 3 }
        [words.chess]
        pawn = { like = "bishop", status = -6.5 }
        bishop = { status = 4, board = 9 }
        [words.animals]
        gnu = { size = 5 }
        [analogies]
        chess = ["queen - king + man = woman"]
    """)
    lexicon = load_lexicon([path])
    named = {axis.name: at for at, axis in enumerate(lexicon.axes)}
    pawn, gnu = lexicon.words["pawn"], lexicon.words["gnu"]
    assert (pawn[named["status"]], pawn[named["board"]], pawn[named["concreteness"]]) == (-6.5, 9, 7)
    assert gnu[named["technology"]] == -7, "the shipped defaults of its category hold"
    assert lexicon.words["king"] == (*SHIPPED.words["king"], 0.0)
    assert lexicon.categories["chess"] == ("pawn", "bishop") and lexicon.categories["animals"][-1] == "gnu"
    assert lexicon.analogies[-1] == Analogy("chess", "queen", "king", "man", "woman")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[words", r"is not TOML \(.*\)"),
        ("[words.x]\ngnu = {}\ngnu = {}\n", r"is not TOML \(.*at line 3, .*\)"),
        ("[words.x]\nking = {}", r"\[words\.x\] 'king': the word is given twice, first at .*\[words\.relationships\]"),
        ("[words.x]\ngnu = {}\n[words.y]\ngnu = {}", r"\[words\.y\] 'gnu': the word is given twice"),
        ("[words.x]\ngnu = { sise = 1 }", r"\[words\.x\] 'gnu': there is no axis 'sise'; there are life, "),
        ("[words.x]\ngnu = { size = 10.5 }", r"'gnu': size = 10\.5, but values are whole or half numbers in -10\.\.10"),
        ("[words.x]\ngnu = { size = 0.25 }", r"'gnu': size = 0\.25, but"),
        ("[words.x]\ngnu = { size = nan }", r"'gnu': size = nan, but"),
        ("[words.x]\ngnu = { size = inf }", r"'gnu': size = inf, but"),
        ("[words.x]\ngnu = { size = true }", r"'gnu': size = True, but"),
        ("[words.x]\ngnu = { size = 'big' }", r"'gnu': size = 'big', but"),
        ("[words.x]\ngnu = 3", r"'gnu': values by axis are wanted"),
        ("[words.x]\ngnu = { like = 'gnoo' }", r"'gnu': there is no word 'gnoo' to be like"),
        ("[words.x]\ngnu = { like = 3 }", r"'gnu': like is another word, not 3"),
        ("[words.x]\na = { like = 'b' }\nb = { like = 'a' }", r"'b': goes round in a circle \(a like b like a\)"),
        ("[words.x]\na = { like = 'a' }", r"'a': goes round in a circle \(a like a\)"),
        ("[words.x]\n\"guinea pig\" = {}", r"'guinea pig': a word has letters alone"),
        ('[words.x]\n"a\\nb" = {}', r"'a\\nb': a word has letters alone"),
        ('[words."a\\nb"]\ngnu = {}', r"\[words\] 'a\\nb': a name has letters"),
        ("words = 3", r"\[words\]: must be a table"),
        ("[words]\nx = 3", r"\[words\.x\]: must be a table"),
        ("[colours]\nred = 3", r"table 'colours' is unknown; there are axes, defaults, words, analogies"),
        ("[axes]\nsize = { low = 'a', high = 'b', rule = '' }", r"\[axes\.size\]: there is an axis of that name"),
        ("[axes]\nboard = { low = 'a', high = 'b' }", r"\[axes\.board\]: low, high and rule are wanted"),
        ("[axes]\nboard = { low = 'a', high = 'b', rule = 3 }", r"\[axes\.board\]: low, high and rule are wanted"),
        ("[defaults]\nanimals = { size = 3 }", r"\[defaults\.animals\]: this category has its defaults already"),
        ("[defaults]\nx = { sise = 3 }", r"\[defaults\.x\]: there is no axis 'sise'"),
        ("[analogies]\nx = 'king - man + woman = queen'", r"\[analogies\.x\]: must be a list"),
        ("[analogies]\nx = ['king - man = queen']", r"\[analogies\.x\]: 'king - man = queen' does not read as 'king"),
        ("[analogies]\nx = [3]", r"\[analogies\.x\]: 3 does not read as 'king"),
        ("[analogies]\nx = ['king - man + woman = qween']", r"\[analogies\.x\]: king .* there is no word 'qween'"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_one_line_that_names_the_place(tmp_path, text, says):
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"own\.toml: (\[words\.x\] )?{says}") as caught:
        load_lexicon([path])
    assert str(caught.value).isprintable()


def test_what_cannot_be_read_is_one_line(tmp_path):
    with pytest.raises(ValueError, match=r"missing\.toml: cannot be read"):
        load_lexicon([tmp_path / "missing.toml"])
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9")
    with pytest.raises(ValueError, match=r"latin\.toml: is not UTF-8 text"):
        load_lexicon([tmp_path / "latin.toml"])


def test_forms_are_as_text_writes_them():
    assert forms("king") == (" king", "King", " King", "king")
    assert forms("Paris") == (" Paris", "Paris")
    assert forms("I") == (" I", "I")


def test_real_text_uses_every_word(real_data):
    import pyarrow.parquet as pq

    counts: Counter[str] = Counter()
    for name in ("phase2/daily_dialog", "phase2/cornell_movie", "phase1/children_books", "phase1/wikipedia_passages"):
        table = pq.read_table(real_data / f"{name}-train.parquet")
        for column in {"text", "turns"} & set(table.column_names):
            for content in table[column].to_pylist():
                for text in content if isinstance(content, list) else [content]:
                    counts.update(re.findall(r"[^\W\d_]+", text))
    unused = [word for word in WORDS if sum(counts[form.strip()] for form in set(forms(word)[:2])) < 5]
    assert unused == []
