from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from engine.data.builtin.grammar import Writer, check, compiled, inflected, words
from engine.data.builtin.inflect_words import inflect_all
from engine.data.builtin.load import forms


def said(template: str, count: int = 200, **bound: str) -> set[str]:
    writer = Writer(Random(1))
    found = set()
    for _ in range(count):
        writer.begin()
        for slot, word in bound.items():
            writer.bind(slot, word)
        found.add(writer.say(template))
    return found


def test_choices_nest_and_may_be_empty():
    assert said("[a|b[c|]|]x") == {"Ax", "Bcx", "Bx", "X"}


def test_a_slot_keeps_its_word_and_another_number_is_another_word():
    for line in said("{fruit}, {fruit}, {fruit2}."):
        first, again, other = line.strip(".").lower().split(", ")
        assert first == again != other and first in words()["fruit"] and other in words()["fruit"]


def test_forms_agree():
    assert said("{animal:a} and {animal:s}", animal="owl") == {"An owl and owls"}
    assert said("{x:past}, {x:ing}, {x:third}", x="fly a kite") == {"Flew a kite, flying a kite, flies a kite"}
    assert said("{friend} lost {friend:his} way. {Friend:he} hurt {friend:himself}.", friend="Anna") == {
        "Anna lost her way. She hurt herself."
    }
    assert said("{friend} met {neighbour}. I saw {neighbour:him}.", friend="Tom", neighbour="Mrs Bell") == {
        "Tom met Mrs Bell. I saw her."
    }


def test_sentences_get_capitals_and_quotes_do_not_disturb():
    assert said('hello. {x} is here! "where?" asked {x}. "there?" said i.\nend', x="the cat") == {
        'Hello. The cat is here! "Where?" asked the cat. "There?" said i.\nEnd'
    }


@pytest.mark.parametrize("template", ["[a|b", "a]", "a|b", "{animal", "{9}", "{animal:huge}", "{animal:a:s}", "{}"])
def test_a_broken_template_is_refused(template):
    with pytest.raises(ValueError, match=r".+"):
        compiled(template)
        check(template)


@pytest.mark.parametrize(
    "template", ["{unicorns}", "{city:s}", "{animal:past}", "{food:he}", "[a|{unicorns}]", "a {animal}"]
)
def test_a_slot_that_cannot_be_filled_is_found(template):
    with pytest.raises(ValueError, match=r".+"):
        check(template)


def test_what_each_template_gives_is_counted():
    used: Counter[str] = Counter()
    writer = Writer(Random(1), used)
    writer.say("four")
    writer.say("four")
    assert used == {"four": 8}


def test_a_word_without_its_form_is_an_error():
    with pytest.raises(KeyError):
        inflected("unicorn", "a")


def test_the_forms_in_the_file_are_those_of_the_libraries():
    assert forms() == inflect_all()
