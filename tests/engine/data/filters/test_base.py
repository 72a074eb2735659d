from engine.conversation import Conversation, Message, Role
from engine.data.filters.base import longest_stretch, pairs, words

_ROLES: dict[str, Role] = {"s": "system", "u": "user", "a": "assistant"}


def talk(*said: str) -> Conversation:
    """Make a conversation of "u:Hello." and "a:Hi!"."""
    return Conversation(tuple(Message(_ROLES[one[0]], one[2:]) for one in said))


def good(content: str) -> bool:
    return "bad" not in content


def test_a_conversation_is_cut_where_it_turns_bad():
    assert longest_stretch(talk("u:one", "a:two", "u:three", "a:bad"), good) == talk("u:one", "a:two")


def test_what_comes_after_a_bad_message_is_kept_when_it_is_longer():
    conversation = talk("u:one", "a:two", "u:bad", "a:four", "u:five", "a:six", "u:seven", "a:eight")
    assert longest_stretch(conversation, good) == talk("u:five", "a:six", "u:seven", "a:eight")


def test_a_stretch_begins_with_something_said_and_ends_with_a_reply():
    assert longest_stretch(talk("a:one", "u:two", "a:three", "u:four"), good) == talk("u:two", "a:three")
    assert longest_stretch(talk("u:one", "u:two", "a:three"), good) == talk("u:two", "a:three")
    assert longest_stretch(talk("u:one", "a:bad", "u:three"), good) is None
    assert longest_stretch(talk("u:one"), good) is None
    assert longest_stretch(Conversation(()), good) is None


def test_the_system_message_stays_with_what_is_kept_or_takes_all_with_it():
    assert longest_stretch(talk("s:be kind", "u:bad", "a:two", "u:three", "a:four"), good) == talk(
        "s:be kind", "u:three", "a:four"
    )
    assert longest_stretch(talk("s:be bad", "u:one", "a:two"), good) is None
    assert longest_stretch(talk("u:one", "a:two", "s:late", "a:three"), good) == talk("u:one", "a:two")


def test_words_keep_inner_apostrophes_and_lose_quotes_and_marks():
    assert words("Don't say 'Hello', Ann-Marie!") == ["don't", "say", "hello", "ann", "marie"]
    assert words("“Don’t—say” café_2") == ["don't", "say", "café", "2"]
    assert words("?!") == [] and pairs("?!") == []
    assert pairs("One two three") == ["one two", "two three"]
