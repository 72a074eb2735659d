from __future__ import annotations

import re
from itertools import islice

import pytest

from engine.conversation import Conversation, Document
from engine.data import builtin
from engine.data.sources import check_builtin
from engine.errors import UserError

NAMES = sorted(builtin.SOURCES)
SPOKEN = [name for name in NAMES if builtin.SOURCES[name].kind == "conversation"]
FLAWS = re.compile(
    r"[{}]|  |\ba [aeio]\w|\ban [^aeiouhAEIO8]|\.\.|[?!.,][.,]|[.?!][A-Za-z]|\bundefined\b|\bNone\b|^\s|\s$"
)


def take(name: str, count: int, split: str = "train", seed: int = 1) -> list[Document]:
    return list(islice(builtin.documents(name, split, seed), count))  # type: ignore[arg-type]


def lines_of(document: Document) -> list[str]:
    if isinstance(document, Conversation):
        return [message.content for message in document.messages]
    return document.content.split("\n")


def flaws(document: Document) -> list[str]:
    return [line for line in lines_of(document) if line and FLAWS.search(line)]


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_gives_the_same_documents_and_another_seed_others(name):
    assert take(name, 50) == take(name, 50)
    assert take(name, 50) != take(name, 50, seed=2)


@pytest.mark.parametrize("name", NAMES)
def test_splits_share_no_document(name):
    train, validation, test = (set(map(str, take(name, 1000, split))) for split in ("train", "validation", "test"))
    assert not train & validation and not train & test and not validation & test
    assert min(len(train), len(validation), len(test)) > 100


@pytest.mark.parametrize("name", NAMES)
def test_no_slot_is_unfilled_and_no_article_or_mark_is_wrong(name):
    found = [line for document in take(name, 2000) for line in flaws(document)]
    assert found == []


@pytest.mark.parametrize(
    "line",
    ["I have a {x}.", "a apple", "an dog", "Hello.How are you?", "two  spaces", "What?.", " leading", "It is None."],
)
def test_the_check_for_flaws_finds_them(line):
    assert FLAWS.search(line)


@pytest.mark.parametrize("name", SPOKEN)
def test_a_conversation_alternates_and_ends_with_the_reply(name):
    for document in take(name, 500):
        assert isinstance(document, Conversation)
        roles = [message.role for message in document.messages]
        spoken = roles[1:] if roles[0] == "system" else roles
        assert spoken == ["user", "assistant"] * (len(spoken) // 2) and spoken


def recalls(conversation: Conversation) -> list[bool]:
    """Whether each name the assistant recalls was told before."""
    found = []
    for index, message in enumerate(conversation.messages):
        if message.role == "assistant" and (match := re.search(r"Your name is (\w+)", message.content)):
            before = " ".join(one.content for one in conversation.messages[:index] if one.role == "user")
            found.append(match[1].lower() in before.lower())
    return found


def test_what_is_remembered_was_told():
    found = [kept for document in take("personas", 2000) for kept in recalls(document)]  # type: ignore[arg-type]
    assert len(found) > 300 and all(found)


def test_a_name_never_told_is_noticed():
    conversation = next(document for document in take("personas", 500) if recalls(document) == [True])  # type: ignore[arg-type]
    assert isinstance(conversation, Conversation)
    told = conversation.messages[1:-1] if conversation.messages[0].role == "system" else conversation.messages[2:]
    assert recalls(Conversation(told)) != [True]


def test_the_assistant_has_one_taste():
    answers = [
        reply.content
        for name in ("smalltalk", "personas")
        for document in take(name, 2000)
        for asked, reply in zip(document.messages, document.messages[1:], strict=False)  # type: ignore[union-attr]
        if asked.role == "user" and re.search(r"what('?s| is) your favou?rite colou?r", asked.content, re.IGNORECASE)
    ]
    assert len(answers) > 50 and all("blue" in answer for answer in answers)


def test_an_unknown_source_lists_those_there_are():
    with pytest.raises(UserError, match="smalltalk"):
        check_builtin("poems")
