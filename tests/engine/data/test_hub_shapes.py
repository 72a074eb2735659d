from __future__ import annotations

import pytest

from engine.data.hub_shapes import SHAPES
from engine.data.rows import document_of
from engine.errors import UserError


@pytest.mark.parametrize(
    ("shape", "row", "expected"),
    [
        (
            "script",
            {"turns": "User 1: Hi.\nUser 2: Hello: you?\n\nUser 2: Well?\nUser 1: Yes.", "persona": "I sing.\nI knit"},
            {
                "turns": ["Hi.\n", "Hello: you?\n", "Well?\n", "Yes."],
                "speakers": ["User 1", "User 2", "User 2", "User 1"],
                "persona": ["I sing.", "I knit"],
            },
        ),
        (
            "spaced",
            {"turns": ["I ’ m fine , thanks .", "Don ' t ( please ) !", "It's 'so'.", "The boys ’ toys ; ok ?"]},
            {"turns": ["I’m fine, thanks.", "Don't ( please)!", "It's 'so'.", "The boys ’ toys; ok?"]},
        ),
        ("utterances", {"turns": {"LineID": ["L1"], "text": ["Who?", "Me."]}}, {"turns": ["Who?", "Me."]}),
        ("utterances", {"turns": [{"LineID": "L1", "text": "Who?"}, {"text": "Me."}]}, {"turns": ["Who?", "Me."]}),
        (
            "explained",
            {"question": "Why?", "answer": "gravity.", "context": " Things fall. "},
            {"question": "Why?", "answer": "Gravity. Things fall."},
        ),
        ("explained", {"question": "Why?", "answer": "ice", "context": ""}, {"question": "Why?", "answer": "Ice."}),
        ("plain", {"text": "As it is ."}, {"text": "As it is ."}),
    ],
)
def test_a_row_in_its_shape(shape, row, expected):
    assert SHAPES[shape](row) == expected


@pytest.mark.parametrize(
    ("shape", "row"),
    [
        ("script", {"turns": None, "persona": None}),
        ("script", {"turns": "Nobody speaks.", "persona": "I sing."}),
        ("spaced", {"turns": None}),
        ("utterances", {"turns": None}),
        ("utterances", {"turns": {"text": None}}),
        ("explained", {"question": None, "answer": None, "context": None}),
    ],
)
def test_a_row_that_says_nothing_is_no_document(shape, row):
    assert document_of({"text": None} | SHAPES[shape](row), "row") is None


@pytest.mark.parametrize(
    ("shape", "row"),
    [
        ("script", {"turns": 5, "persona": None}),
        ("spaced", {"turns": "Hi ."}),
        ("spaced", {"turns": [1, 2]}),
        ("utterances", {"turns": 5}),
        ("explained", {"question": "Why?", "answer": ["a"], "context": None}),
        ("explained", {"question": "Why?", "answer": "a", "context": ["b"]}),
    ],
)
def test_a_row_of_another_form_is_refused_by_name(shape, row):
    with pytest.raises(UserError, match=r"^row: "):
        document_of(SHAPES[shape](row), "row")
