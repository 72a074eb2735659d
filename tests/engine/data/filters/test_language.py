import pytest

from engine.data.filters.language import English

FOREIGN = [
    "Guten Morgen, wie geht es dir?",
    "Ich hätte gern einen Tee, bitte.",
    "Nein, das ist keine gute Idee.",
    "Je voudrais un café, s'il vous plaît.",
    "Mon frère habite à Lyon.",
    "Hola, ¿cómo estás?",
    "Me gustaría un té, por favor.",
    "Vorrei un caffè, per favore.",
    "Eu gostaria de um chá, por favor.",
    "Ik wil graag een kopje thee.",
    "Jag skulle vilja ha en kopp te.",
    "Dziękuję za pomoc.",
    "Haluaisin kupin teetä.",
    "Bu iyi bir fikir.",
    "Saya mau secangkir teh.",
    "Доброе утро, как дела?",
    "Καλημέρα, τι κάνεις;",
    "أريد كوبًا من الشاي من فضلك.",
    "早上好，你今天好吗？我很好。",
    "おはようございます、お元気ですか。",
    "asdf asdf asdf",
]
ENGLISH = [
    "Yes, I would like some tea.",
    "Hi, Fanny.",
    "How do you do?",
    "i like dogs and pizza .",
    "man charged over sydney stabbing",
    "Fatima Al-Sayed met Li Wei in Kraków.",
    "The colour of the neighbour's theatre is grey.",
    "We had spaghetti carbonara and a cappuccino in Milan.",
    "Au revoir, my friend, and see you tomorrow!",
    "I'm gonna be there in five minutes, y'know.",
    "Hmm... I'm not sure.",
    "Thou art more lovely and more temperate.",
    "It's 5 o'clock.",
]


@pytest.mark.parametrize("content", FOREIGN)
def test_other_languages_are_dropped(content):
    assert English().fault(content, spoken=True)


@pytest.mark.parametrize("content", ENGLISH)
def test_english_is_kept(content):
    assert English().fault(content, spoken=True) == ""


def test_what_cannot_be_encoded_is_no_language():
    assert English().fault("hello \ud800 there, my friend", spoken=False)
