import json
from random import Random

from engine.conversation import Conversation, Message, Text
from engine.data.filters.balance import Balance

WORDS = [
    "apple",
    "river",
    "candle",
    "button",
    "window",
    "garden",
    "pencil",
    "kitchen",
    "mirror",
    "ladder",
    "bottle",
    "carpet",
    "engine",
    "forest",
    "guitar",
]


def varied(number: int) -> Text:
    one, two, three = Random(number).sample(WORDS, 3)
    return Text(f"{one} {two} {three} went by, said number {number}.")


def test_one_opening_gets_no_more_than_its_share():
    balance = Balance(0.2)
    tales = openings = 0
    for number in range(3000):
        document = Text(f"Once upon a time there was a {number}.") if number % 2 else varied(number)
        if balance.apply(document) is not None:
            tales += 1
            openings += number % 2
    assert tales - openings == 1500
    assert 0.19 < openings / tales <= 0.2


def test_one_topic_gets_no_more_than_its_share():
    balance = Balance(0.2)
    kept = topics = 0
    for number in range(3000):
        document = varied(number)
        if number % 2:
            document = Text(f"{document.content} Football is football.")
        if balance.apply(document) is not None:
            kept += 1
            topics += number % 2
    assert 0.19 < topics / kept <= 0.2


def test_varied_documents_and_little_data_are_left_alone():
    balance = Balance(0.2)
    assert all(balance.apply(varied(number)) for number in range(2000))
    few = Balance(0.2)
    assert all(few.apply(Text(f"Once upon a time there was a {number}.")) for number in range(50))
    assert few.apply(Text("Once upon a time there was one too many.")) is None


def test_common_words_and_a_word_said_once_are_no_topic():
    balance = Balance(0.2)
    for number in range(500):
        one, two, three = Random(number).sample(WORDS, 3)
        assert balance.apply(Text(f"{one} {two} {three}: they would have gone there, they would have said, {number}."))


def test_the_system_message_is_no_opening():
    balance = Balance(0.2)
    for number in range(300):
        messages = [Message("system", "You are a kind assistant."), Message("user", varied(number).content)]
        assert balance.apply(Conversation((*messages, Message("assistant", "I see.")))) is not None


def test_it_goes_on_from_its_state():
    def document(number: int) -> Text:
        return Text(f"Once upon a time there was a {number}.") if number % 2 else varied(number)

    whole, first, second = Balance(0.2), Balance(0.2), Balance(0.2)
    expected = [whole.apply(document(number)) for number in range(1000)]
    found = [first.apply(document(number)) for number in range(400)]
    kept, counts = json.loads(json.dumps(first.state()))
    second.restore(kept, counts)
    assert found + [second.apply(document(number)) for number in range(400, 1000)] == expected
