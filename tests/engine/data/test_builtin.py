from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice, pairwise
from random import Random
from typing import Any

import pytest

from engine.conversation import Conversation, Document
from engine.data import builtin
from engine.data.builtin import characters, games, listening
from engine.data.builtin.exchange import said_in
from engine.data.builtin.grammar import Writer, check
from engine.data.builtin.load import authored, collected
from engine.data.builtin.relations import facts, relations
from engine.data.sources import check_builtin
from engine.errors import UserError

NAMES = sorted(builtin.SOURCES)
SPOKEN = [name for name in NAMES if builtin.SOURCES[name].kind == "conversation"]
FLAWS = re.compile(
    r"[{}]|  |\ba (?!one|uni|use|eu)[aeio]\w|\ban [^aeiouhAEIO8]|\.\.|[?!.,][.,]|[.?!][A-Za-z]|\bNone[^,]|^\s|\s$"
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


def keys_of(name: str, split: str, count: int) -> set[str]:
    drawn = islice(builtin.keyed_documents(name, split, 1), count)  # type: ignore[arg-type]
    return {key for keys, _ in drawn for key in keys}


@pytest.mark.parametrize("name", NAMES)
def test_nothing_held_out_is_trained_on(name):
    """No fact as it is asked, no question to a person, no story's hero: what is held out is only in its own split."""
    train, validation, test = (keys_of(name, split, 1500) for split in ("train", "validation", "test"))
    held_out = {key for key in validation | test if builtin.deal(f"{name}/{key}") != "train"}
    assert len(held_out) > (20 if name == "listening" else 40) and not train & held_out


def test_the_same_question_to_the_same_person_is_held_out_whoever_types_it():
    asked: dict[str, set[str]] = {"train": set(), "validation": set()}
    for split, found in asked.items():
        for keys, _ in islice(builtin.keyed_documents("characters", split, 1), 3000):  # type: ignore[arg-type]
            found.update(keys)
    only = asked["validation"] - asked["train"]
    assert len(only) > 60 and all("/" in key for key in only)


RECALLED = {
    "name": re.compile(r"Your name is (\w+)"),
    "pet": re.compile(r"is called (\w+)\.$"),
    "home": re.compile(r"You live in (\w+)\.$"),
    "hobby": re.compile(r"Your hobby is ([\w ]+)\.$"),
}


def recalls(conversation: Conversation) -> list[tuple[str, bool]]:
    """What the assistant recalls, and whether it was told before."""
    found = []
    for index, message in enumerate(conversation.messages):
        for topic, pattern in RECALLED.items():
            if message.role == "assistant" and (match := pattern.search(message.content)):
                before = " ".join(one.content for one in conversation.messages[:index] if one.role == "user")
                found.append((topic, match[1].lower() in before.lower()))
    return found


def test_what_is_remembered_was_told():
    found = [kept for document in take("personas", 3000) for kept in recalls(document)]  # type: ignore[arg-type]
    assert all(sum(topic == one for one, _ in found) > 15 for topic in RECALLED)
    assert all(told for _, told in found)


def test_a_name_never_told_is_noticed():
    conversation = next(document for document in take("personas", 800) if recalls(document) == [("name", True)])  # type: ignore[arg-type]
    assert isinstance(conversation, Conversation)
    forgotten = tuple(one for one in conversation.messages if one.role == "assistant")
    assert recalls(Conversation(forgotten)) == [("name", False)]


def test_a_person_stays_the_person_of_the_system_message():
    people = {person["me"]: person for person in characters.people()}
    assert len(people) >= 60
    checked = 0
    for document in take("characters", 1500):
        assert isinstance(document, Conversation) and document.messages[0].role == "system"
        person = next(person for me, person in people.items() if me in document.messages[0].content)
        for asked, reply in pairwise(document.messages):
            if asked.role == "user" and re.search(r"favou?rite food", asked.content, re.IGNORECASE):
                checked += 1
                assert person["food"] in reply.content
    assert checked > 100


def test_a_subject_is_kept_to_over_messages():
    """Each short talk has at least three messages of the person, said in many ways, and few replies."""
    for chain in collected("chains", "chain"):
        ways = [len({said(asked, seed) for seed in range(60)}) for asked, *_ in chain["exchanges"][0]]
        assert len(chain["exchanges"]) + any(further for one in chain["exchanges"][-1] for further in one[2:]) >= 3
        assert sum(ways) >= 6, chain["name"]
        assert all("{" in answered or "[" not in answered for answered in replies_in(chain["exchanges"]))


def said(template: str, seed: int) -> str:
    writer = Writer(Random(seed))
    return writer.say(template)


def replies_in(exchanges: list[list[list[Any]]]) -> Iterator[str]:
    for exchange in exchanges:
        for _, answered, *further in exchange:
            yield from (answered, *replies_in(further))


def test_what_a_reply_takes_up_was_said():
    """A word in a reply of a short talk or a game is the person's: replies draw nothing at random."""
    for chain in (*collected("chains", "chain"), *authored("games")["game"]):
        slots = {slot for asked in askings_in(chain["exchanges"]) for slot in SLOT.findall(asked.lower())}
        used = {slot for answered in replies_in(chain["exchanges"]) for slot in SLOT.findall(answered.lower())}
        assert used <= slots, (chain["name"], used - slots)


SLOT = re.compile(r"\{([a-z_]+\d?)")


def askings_in(exchanges: list[list[list[Any]]]) -> Iterator[str]:
    for exchange in exchanges:
        for asked, _, *further in exchange:
            yield from (asked, *askings_in(further))


@pytest.mark.parametrize(
    ("told", "said_back"),
    [
        ("my friend moved away", "your friend moved away"),
        ("I lost my key", "you lost your key"),
        ("I am afraid that we were late", "you are afraid that you were late"),
        ("I was at home by myself", "you were at home by yourself"),
        ("my uncle and I like to sing with Ida and my aunt", "you and your uncle like to sing with Ida and your aunt"),
        ("Mia told me about our Imogen", "Mia told you about your Imogen"),
    ],
)
def test_what_is_told_is_said_back_to_the_person(told, said_back):
    assert listening.to_you(told) == said_back


def test_a_listener_knows_what_was_told():
    first_person = re.compile(r"\b(my|our|we|us)\b")
    for document in take("listening", 2000):
        assert isinstance(document, Conversation)
        for reply in document.messages:
            assert reply.role != "assistant" or not first_person.search(reply.content), reply.content


def test_a_question_goes_on_about_the_same_thing():
    capital = next(relation for relation in relations() if relation.name == "capital")
    countries = {row["country"].lower() for row in capital.rows}
    followed = 0
    for document in take("questions", 3000):
        assert isinstance(document, Conversation)
        for at, message in enumerate(document.messages):
            if message.role == "user" and "what is its capital" in message.content.lower():
                followed += 1
                before = " ".join(one.content.lower() for one in document.messages[:at])
                answer = document.messages[at + 1].content.lower()
                assert any(country in answer and country in before for country in countries)
    assert followed > 3


def test_the_corpus_is_as_large_as_it_is_said_to_be():
    assert len(collected("chains", "chain")) >= 80
    assert len(collected("dialogues", "scenario")) >= 300
    assert len(collected("stories", "plot")) >= 150
    assert len(facts()) >= 1500
    assert len(collected("questions", "qa")) >= 400
    assert len(characters.people()) >= 60
    assert len(set(clauses())) == len(clauses()) >= 220


def templates() -> Iterator[tuple[str, set[str]]]:
    """Every authored template, with the slots that its module binds."""
    for scenario in collected("dialogues", "scenario"):
        yield from ((one, set()) for one in said_in(scenario["exchanges"]))
    for plot in collected("stories", "plot"):
        yield from ((one.removeprefix("?"), {"hero"}) for one in plot["story"])
    for key, folder in (("qa", "questions"), ("explanation", "explanations")):
        yield from ((one, set()) for entry in collected(folder, key) for one in (*entry["ask"], *entry["say"]))
    for relation in relations():
        for ask, say in relation.ways:
            yield from ((one, {*relation.rows[0], "subject"}) for one in (*ask, *say))
    for game in authored("games")["game"]:
        yield from ((one, set(games.WORDS)) for one in said_in(game["exchanges"]))
    for way in (
        *(way for mood in listening.MOODS for way in authored("listening")[mood]["ways"]),
        *authored("listening")["after"],
    ):
        said = (way["tell"], way["reply"], *said_in([way.get("then", [])]))
        yield from ((one, {"clause", "said"}) for one in said)


def clauses() -> list[str]:
    """Everything that is told to the listener."""
    return [clause for mood in listening.MOODS for clause in authored("listening")[mood]["clauses"]]


def talk_templates() -> Iterator[str]:
    """Every template of small talk and of people, where short replies come again."""
    for chain in collected("chains", "chain"):
        yield from said_in(chain["exchanges"])
    for topic in (*authored("personas")["topics"].values(), *authored("personas")["correction"]):
        yield from (*said_in([topic["tell"], topic["ask"]]), *topic.get("unknown", ()))
    for intent in (*authored("smalltalk")["intent"], *authored("personas")["between"]):
        yield from (*intent["ask"], *intent["say"], *said_in([intent.get("then", [])]))
    yield from clauses()


def test_every_template_can_be_filled():
    for template, bound in templates():
        check(template, bound)
    for template in talk_templates():
        check(template)


def test_no_line_is_written_twice():
    counts = Counter(template for template, bound in templates() if not bound)
    assert [template for template, count in counts.items() if count > 1 and len(template) > 25] == []


def test_the_assistant_has_one_taste():
    answers = [
        reply.content
        for name in ("smalltalk", "personas")
        for document in take(name, 6000)
        for asked, reply in zip(document.messages, document.messages[1:], strict=False)  # type: ignore[union-attr]
        if asked.role == "user" and re.search(r"what('?s| is) your favou?rite colou?r", asked.content, re.IGNORECASE)
    ]
    assert len(answers) > 50 and all("blue" in answer for answer in answers)


def test_an_unknown_source_lists_those_there_are():
    with pytest.raises(UserError, match="smalltalk"):
        check_builtin("poems")
