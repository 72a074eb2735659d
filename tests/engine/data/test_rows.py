from __future__ import annotations

import pytest

from engine.conversation import Conversation, Message, Text
from engine.data.rows import SAID, check_columns, check_roles, document_of, in_roles
from engine.errors import UserError


def talk(*contents: str, system: str = "") -> Conversation:
    said = [Message("assistant" if number % 2 else "user", content) for number, content in enumerate(contents)]
    return Conversation(tuple([Message("system", system)] if system else []) + tuple(said))


def message(role: str, content) -> dict:
    return {"role": role, "content": content}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"text": " Hi.\x07 "}, Text("Hi.")),
        ({"text": "A castle.", "title": "Castles", "label": 3}, Text("A castle.")),
        ({"text": "A castle.", "heading": "Castles"}, Text("Castles\nA castle.")),
        ({"messages": [message("user", "a"), message("assistant", "b")]}, talk("a", "b")),
        ({"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}, talk("a", "b")),
        ({"messages": [message("system", "Be."), message("user", "a"), message("assistant", "b")]},
         talk("a", "b", system="Be.")),
        ({"turns": ["a", "b", "c"]}, talk("a", "b")),
        ({"turns": ["a", "b", "c", "d"], "speakers": ["A", "A", "B", "C"]}, talk("a b", "c")),
        ({"turns": ["a", "b", "c", "d"], "speakers": ["A", "B", "B", "A"]}, talk("a", "b c")),
        ({"turns": ["a", "b"], "speakers": ["A"]}, talk("a", "b")),
        ({"turns": ["hi", "hello"], "persona": ["i have two cats", "I like tea."]},
         talk("hi", "hello", system="I have two cats. I like tea.")),
        ({"turns": ["hi", "hello"], "persona": "You are kind."}, talk("hi", "hello", system="You are kind.")),
        ({"persona": ["I."], "messages": [message("system", "Be."), message("user", "a"), message("assistant", "b")]},
         talk("a", "b", system="Be.")),
        ({"question": "Who?", "answer": "Me.", "context": "It was me."}, talk("It was me.\nWho?", "Me.")),
        ({"question": "Who?", "answer": "Me.", "context": "", "choices": ["Me.", "You."]}, talk("Who?", "Me.")),
        ({"question": None, "answer": "Me.", "text": "A text."}, Text("A text.")),
        ({"turns": '["a", "b"]', "persona": '["i am"]'}, talk("a", "b", system="I am.")),
        ({"messages": '[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]'}, talk("a", "b")),
        ({"messages": [message("assistant", "dropped"), message("user", "a"), message("user", "a2"),
                       message("assistant", ""), message("assistant", "b\x1b[31m\r")]}, talk("a a2", "b[31m")),
    ],
)  # fmt: skip
def test_a_row_becomes_a_document(row, expected):
    assert document_of(row, "here") == expected


@pytest.mark.parametrize("name", SAID)
def test_every_column_of_what_is_said_takes_strings_and_messages(name):
    assert document_of({name: ["a", "b"]}, "") == talk("a", "b")
    assert document_of({name: [message("user", "a"), message("assistant", "b")]}, "") == talk("a", "b")


@pytest.mark.parametrize(
    "row",
    [
        {"text": None},
        {"text": " \n"},
        {"turns": None, "question": None, "answer": None},
        {"turns": []},
        {"turns": ["a"]},
        {"turns": [None, None]},
        {"messages": [None]},
        {"messages": [message("user", None), message("assistant", None)]},
        {"messages": [message("system", "Be.")]},
        {"question": "Who?", "answer": None},
        {"question": "", "answer": "Me.", "context": "It was me."},
        {"turns": ["a"], "persona": ["I am."]},
    ],
)
def test_a_row_that_says_nothing_is_no_document(row):
    assert document_of(row, "here") is None


def test_what_is_null_among_messages_was_not_said():
    assert document_of({"turns": ["a", None, "b", "c"]}, "") == talk("a b", "c")
    assert document_of({"messages": [message("user", "a"), None, message("assistant", "b")]}, "") == talk("a", "b")


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ({"text": 5}, "'text' must be a string, not int"),
        ({"other": 1}, "none of the columns text, messages, .* question and answer; it has other"),
        ({}, "it has none"),
        ({"question": "Who?"}, "none of the columns"),
        ({"question": "Who?", "answer": ["Me."]}, "'answer' must be a string, not list"),
        ({"messages": "x"}, "'messages' must be a list; as a string, one of JSON"),
        ({"turns": "['a', 'b']"}, "'turns' must be a list; as a string, one of JSON"),
        ({"turns": "[" * 100_000}, "'turns' must be a list"),
        ({"turns": '{"a": 1}'}, "'turns' must be a list, not dict"),
        ({"turns": [1, 2]}, "'turns' must be a list of strings, or of objects .* it holds int"),
        ({"messages": [[message("user", "a")]]}, "it holds list"),
        ({"messages": [message("user", ["a"])]}, "the content of a message must be a string, not list"),
        ({"messages": [message("bot\x1b[1m", "x")]}, r"unknown role 'bot\[1m'; use system, user, assistant"),
        ({"messages": [message({"a": 1}, "x")]}, "unknown role"),
        ({"messages": [{}]}, "unknown role 'None'"),
        ({"turns": ["a", "b"], "persona": [1]}, "'persona' must be a string or a list of strings"),
    ],
)
def test_a_malformed_row_is_one_line_that_begins_with_its_place(row, wrong):
    with pytest.raises(UserError, match=f"^here: .*{wrong}") as caught:
        document_of(row, "here")
    assert str(caught.value).isprintable()


def test_many_messages_of_one_side_take_no_time():
    said = [message("user", "a")] * 200_000 + [message("assistant", "b")]
    found = document_of({"messages": said}, "")
    assert isinstance(found, Conversation) and len(found.messages[0].content) == 399_999


def test_columns_are_given_roles():
    columns = {"question": "prompt", "answer": "completion"}
    check_roles(columns)
    row = {"prompt": "Who?", "completion": "Me.", "context": "not asked for"}
    assert document_of(in_roles(row, columns), "") == talk("Who?", "Me.")
    with pytest.raises(UserError, match="no column has the role 'reply'; use text, "):
        check_roles({"text": "a", "reply": "b"})
    with pytest.raises(UserError, match="none of the columns"):
        check_roles({"question": "prompt"})


def test_what_columns_there_are_is_told_in_a_line_of_bounded_length():
    with pytest.raises(UserError, match=r"and 988 more$") as caught:
        check_columns([f"column\n{number:04}" + "x" * 1000 for number in range(1000)], "here")
    assert len(str(caught.value)) < 800 and "\n" not in str(caught.value)
