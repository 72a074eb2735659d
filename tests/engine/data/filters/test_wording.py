import pytest

from engine.data.filters.wording import Friendly


@pytest.mark.parametrize(
    "content",
    ["What the fuck is that?", "You are an idiot!", "Oh, shut up, will you?", "'Shit,' he said.", "He had a gun."],
)  # fmt: skip
def test_unfriendly_words_are_dropped(content):
    assert Friendly().fault(content, spoken=True)


@pytest.mark.parametrize(
    "content",
    [
        "I hate getting up early, but he'll wake me.",
        "Mr. Wang and Dick Smith have an oral exam in Scunthorpe.",
        "The assistant passed the classic test in Essex.",
        "She'll be there, and so we'll see.",
        "The robin has a red breast.",
        "He thrust his sword into the stone.",
    ],
)
def test_friendly_ones_and_names_are_kept(content):
    assert Friendly().fault(content, spoken=True) == ""


def test_texts_may_tell_what_messages_may_not_say():
    told = "The pirate loaded his pistol, for there had been a murder."
    assert Friendly().fault(told, spoken=True) and Friendly().fault(told, spoken=False) == ""


def test_the_example_shows_the_word():
    text = f"{'A quiet sentence stands here. ' * 40}He said shit again. {'And it goes on and on. ' * 40}"
    fault = Friendly().fault(text, spoken=False)
    assert "shit" in fault and len(fault) <= 160
