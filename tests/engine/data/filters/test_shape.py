import pytest

from engine.conversation import Conversation, Message, Text
from engine.data.filters.shape import Length, Structure


def talk(*contents: str) -> Conversation:
    roles = ("user", "assistant")
    return Conversation(tuple(Message(roles[place % 2], content) for place, content in enumerate(contents)))


def test_structure_keeps_what_alternates():
    for conversation in (
        talk("Hello.", "Hi!"),
        Conversation((Message("system", "Be kind."), *talk("Hello.", "Hi!").messages)),
    ):
        assert Structure().apply(conversation) is conversation
    text = Text("A fox.")
    assert Structure().apply(text) is text


@pytest.mark.parametrize(
    "document",
    [
        Text(" \n"),
        Text(""),
        Conversation(()),
        talk("Hello."),
        talk("Hello.", "  "),
        Conversation((Message("assistant", "Hi!"),)),
        Conversation((Message("system", "Be kind."), Message("user", "Hello."))),
        Conversation((Message("user", "Hello."), Message("user", "Hello?"))),
    ],
)
def test_structure_drops_what_has_no_reply_or_says_nothing(document):
    assert Structure().apply(document) is None


def test_structure_keeps_the_part_that_alternates():
    broken = Conversation((*talk("Hello.", "Hi!").messages, Message("assistant", "Well?"), Message("user", "Bye.")))
    assert Structure().apply(broken) == talk("Hello.", "Hi!")


def test_length_has_bounds_for_messages_and_others_for_texts():
    length = Length(10, 500, 2000)
    assert length.apply(talk("Yes.", "I see what you mean.")) is None
    assert length.apply(talk("Would you like some tea?", "Yes, I would like some tea.")) is not None
    assert length.apply(talk("Tell me all about it.", "word " * 101)) is None
    assert length.apply(talk("x" * 10, "x" * 500)) is not None
    assert length.apply(Text("word " * 101)) is not None
    assert length.apply(Text("word " * 401)) is None
    assert length.apply(Text("Short.")) is None


def test_length_keeps_what_is_left_of_a_conversation():
    document = talk("Hi!", "Hello.", "Would you like some tea?", "Yes, please, with a little milk.", "Here.", "Thanks.")
    assert Length(10, 500, 0).apply(document) == talk("Would you like some tea?", "Yes, please, with a little milk.")


def test_a_bound_of_zero_is_none():
    assert Length(0, 0, 0).apply(talk("", "x" * 10_000)) is not None
    assert Length(0, 0, 0).apply(Text("x" * 100_000)) is not None
