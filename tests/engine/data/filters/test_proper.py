import pytest

from engine.data.filters.proper import Proper

WRONG = [
    "'''Berlin''' is the capital of Germany.",
    "The [[cat]] is a small [[Carnivora|carnivore]].",
    "{{Infobox settlement | name = Berlin }}",
    "== History ==\nThe town was founded in 1237.",
    "<p>The cat sat on the mat.</p>",
    "The cat sat on the mat.<br />",
    "The committee approved the plan &amp; went home.",
    "He said <unk> would come on Monday.",
    "Read the whole story at https://example.org/story today.",
    "You can see it at my website, www.myartwebsite.com.",
    "Oh, that's easy. Go to yahoo.com and look for it.",
    "My email address is bluedog123@example.com, please write.",
    "**Step one:** open the box and look inside.",
    "# Introduction",
    "See [the manual](docs/manual.md) for more about it.",
    "```python\nprint('hello')\n```",
    "Page 3 | Contents",
    "| Name | Age |\n| Ann | 12 |",
    "Name      Age\n----------\nAnn       12",
    "STOP DOING THAT RIGHT NOW!",
    "KASHMIR LEADER SURVIVES ATTACK",
    "😂😂😂🔥🔥🔥",
    "!!! ??? !!!",
    "I can't believe it!!!!! wow",
    "12 34 56 78 90 11 22 33",
    "7834623464 3367.",
    "asdf asdf",
    "asdf jkl qwer",
    "no no no no no no no no",
    "Open it! Open it! Open it!",
    "The answer is â€œyesâ€\x9d, I think.",
    "CafÃ© crÃ¨me is what I ordered.",
    "function add(a, b) { return a + b; }",
    "H_{2}O(l) -> H_{2}O(g)",
    "- milk\n- eggs\n- bread\n- butter",
    "1. Wash the rice.\n2. Boil the water.\n3. Add the rice.",
    "HAMBURGERS\nChicken $5.50\nEgg $3.40\nFish $4.80",
    "@anna look at this #sunset over the sea",
    "A wetland can support birds if people ________.",
    "© 2019 The Company. All of it is ours.",
    "broken \ufffd\ufffd text in the middle",
    "lone \ud800 surrogate in the middle",
]
RIGHT = [
    "Yes, I would like some tea.",
    "yes, i would like some tea .",
    "My name is Fatima Al-Sayed, and this is Li Wei.",
    "It costs $25.50 for two, or £40 for four.",
    "At 10:30 a.m., please.",
    "In 1969 Neil Armstrong walked on the Moon.",
    '"Well," said the fox, "I\'ll wait -- if I must."',
    "man charged over sydney stabbing",
    "Scientists Find Water on Distant Planet",
    "USA beats UK in relay final",
    "I work for NASA and the FBI.",
    "I don't think they'll've finished; she's late, isn't she?",
    "The colour of the theatre's neighbouring programme was grey.",
    "That's great news! 😀 I'm so happy for you.",
    "I bought it on Amazon.com, I think.",
    "Wait... what did you say?",
    "Hmm... I'm not sure.",
    "São Paulo is the largest city in Brazil; Zürich isn't.",
    "She scored 8/10 and we won 3-2.",
    "The temperature fell to -5°C — colder than in 1985 (or so he said).",
    "And/or is a clumsy phrase, but R&B is music.",
    "We had ham & eggs, and the #1 song was on.",
    '"The first thing," he said.\n"Yes?" she asked.\nHe said nothing.',
    "No, no, no! I said the other one.",
    "A rose is a rose is a rose.",
]


@pytest.mark.parametrize("content", WRONG)
def test_what_no_sentence_holds_is_dropped(content):
    assert Proper().fault(content, spoken=True) and Proper().fault(content, spoken=False)


@pytest.mark.parametrize("content", RIGHT)
def test_sentences_of_all_kinds_are_kept(content):
    assert Proper().fault(content, spoken=True) == ""


@pytest.mark.parametrize("content", RIGHT)
def test_they_are_kept_as_texts_as_well(content):
    if "10:30" not in content:
        assert Proper().fault(content, spoken=False) == ""


def test_a_long_content_needs_the_ends_of_sentences():
    nouns = (
        "fox", "hen", "owl", "cat", "hat", "cup", "key", "bed", "sun", "sea", "oak", "bee", "pig", "ant", "bus", "map",
        "toy", "jam", "pie", "tea", "hut", "bag", "pen", "box",
    )  # fmt: skip
    things = [f"the {noun} and its {other}" for noun, other in zip(nouns, reversed(nouns), strict=True)]
    assert Proper().fault(" with ".join(things[:8]), spoken=True) == ""
    assert Proper().fault(" with ".join(things), spoken=False)
    assert Proper().fault(". Then ".join(things), spoken=False) == ""


def test_headlines_in_lines_are_no_list():
    lines = ["Small goat travels by boat to Dublin", "Geneva plants a tulip for every child", "Baker finds a lost ring"]
    assert Proper().fault("\n".join(lines * 2), spoken=False) == ""
    assert Proper().fault("Contents\nThe early years\nLater life\nWorks", spoken=False)


def test_notices_of_pages_are_dropped_from_texts_only():
    assert Proper().fault("Click here to read our privacy policy.", spoken=False)
    assert Proper().fault("So click here, and then up to the top.", spoken=True) == ""


def test_the_example_is_the_place_in_a_long_text():
    text = f"{'A quiet sentence stands here. ' * 40}Then <b>markup</b> comes. {'And it goes on and on. ' * 40}"
    fault = Proper().fault(text, spoken=False)
    assert "<b>markup</b>" in fault and len(fault) <= 160
