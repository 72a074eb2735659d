import numpy as np
import pytest

from engine.conversation import Conversation, Message, Text
from engine.data.filters.duplicates import Duplicates

STORY = (
    "Once upon a time a small fox lived near the river. Every morning it looked for berries in the wood, and every "
    "evening it told the owl what it had seen. One day the river was gone, so the fox walked up the hill to find it."
)


def kept(filter_: Duplicates, *texts: str) -> list[bool]:
    return [filter_.apply(Text(text)) is not None for text in texts]


def test_the_same_text_is_kept_once_whatever_its_case_and_marks():
    assert kept(Duplicates(0.8, 1), STORY, "A hen laid an egg.", STORY, STORY.lower().replace(",", " -")) == [
        True, True, False, False
    ]  # fmt: skip


def test_near_duplicates_go_and_other_texts_of_the_same_words_stay():
    near = STORY.replace("berries", "mushrooms")
    shuffled = " ".join(sorted(STORY.split()))
    assert kept(Duplicates(0.8, 1), STORY, near, shuffled) == [True, False, True]


def test_a_similarity_of_one_leaves_near_duplicates():
    assert kept(Duplicates(1.0, 1), STORY, STORY.replace("a small fox lived", "one big bear slept"), STORY) == [
        True, True, False
    ]  # fmt: skip


@pytest.mark.parametrize("near", ["Is it a boy?", "It is a girl.", "It was a boy."])
def test_short_messages_that_differ_in_a_word_stay(near):
    assert kept(Duplicates(0.8, 1), "It is a boy.", near) == [True, True]


def test_conversations_are_compared_as_wholes():
    def talk(question: str, answer: str) -> Conversation:
        return Conversation((Message("user", question), Message("assistant", answer)))

    duplicates = Duplicates(0.8, 1)
    assert duplicates.apply(talk("Where is my blue hat?", "It is on the chair.")) is not None
    assert duplicates.apply(talk("Where is my blue hat?", "I do not know.")) is not None
    assert duplicates.apply(talk("where is my blue hat", "it is on the chair")) is None


def test_a_shared_system_message_makes_no_duplicates():
    duplicates = Duplicates(0.8, 1)
    for question, answer in (("Where is my hat?", "On the chair."), ("Is it late?", "It is not.")):
        messages = [Message("system", STORY), Message("user", question), Message("assistant", answer)]
        assert duplicates.apply(Conversation(tuple(messages))) is not None


def test_texts_without_words_are_told_apart():
    assert kept(Duplicates(0.8, 1), "!!!", "???", "!!!") == [True, True, False]


def test_it_goes_on_from_its_signatures():
    duplicates = Duplicates(0.8, 1)
    assert kept(duplicates, STORY, "A hen laid an egg.") == [True, True]
    signatures = duplicates.signatures()
    assert signatures.shape == (2, 64) and signatures.dtype == np.uint8
    again = Duplicates(0.8, 1)
    again.restore(signatures)
    assert kept(again, "A cow gave milk.", STORY, "A hen laid an egg.") == [True, False, False]
    assert again.signatures().tolist() == [*signatures.tolist(), again.signatures()[2].tolist()]


def test_beyond_its_memory_the_oldest_is_forgotten_and_the_others_known():
    texts = [f"The number {number} came to the party with {number + 1} friends." for number in range(40, 46)]
    duplicates = Duplicates(0.8, 1, remembered=4)
    assert all(kept(duplicates, *texts))
    again = Duplicates(0.8, 1, remembered=4)
    again.restore(duplicates.signatures())
    for one in (duplicates, again):
        assert kept(one, *texts[2:]) == [False] * 4
        assert kept(one, texts[0], texts[2]) == [True, True]
    assert (duplicates.signatures() == again.signatures()).all()
