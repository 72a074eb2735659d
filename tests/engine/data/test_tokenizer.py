import json
import re
from collections import Counter
from itertools import islice

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.conversation import Conversation, Message, Text
from engine.data.builtin import documents
from engine.data.tokenizer import SPECIALS, ChatTokenizer, StreamDecoder
from engine.errors import EngineError
from model.lexicon import load_lexicon

TEXTS = ["The cat sat on the mat. It was 12 years old!", "Don't you like tea? I don't."] * 50


@pytest.fixture(scope="module")
def tokenizer() -> ChatTokenizer:
    return ChatTokenizer.train(TEXTS, 320)


def test_special_tokens_have_the_first_ids(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "tokenizer.json")
    plain = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert [plain.token_to_id(name) for name in SPECIALS] == list(range(6))
    assert plain.encode("The cat").ids == tokenizer.encode("The cat")


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_any_text_comes_back(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("name", SPECIALS)
def test_what_a_person_types_is_never_a_special_token(tokenizer, name):
    ids = tokenizer.encode(f"a {name} b")
    assert not set(ids) & set(range(6))
    assert tokenizer.decode(ids) == f"a {name} b"


def test_the_template(tokenizer):
    conversation = Conversation(
        (Message("system", "Be kind."), Message("user", "Tea?"), Message("assistant", "I like tea."))
    )
    ids, learn = tokenizer.encode_document(conversation)
    e, t = tokenizer.encode, tokenizer
    assert ids.tolist() == [
        t.begin_id, t.system_id, *e("Be kind."), t.end_id, t.user_id, *e("Tea?"), t.end_id,
        t.assistant_id, *e("I like tea."), t.end_id,
    ]  # fmt: skip
    learned = len(e("I like tea.")) + 1
    assert learn.tolist() == [False] * (len(ids) - learned) + [True] * learned


def test_a_prompt_is_a_conversation_up_to_the_reply(tokenizer):
    asked = Conversation((Message("user", "Tea?"),))
    whole, _ = tokenizer.encode_document(Conversation((*asked.messages, Message("assistant", "Yes."))))
    prompt = tokenizer.encode_prompt(asked)
    assert whole[: len(prompt)].tolist() == prompt and prompt[-1] == tokenizer.assistant_id


def test_all_of_a_text_is_learned(tokenizer):
    ids, learn = tokenizer.encode_document(Text("The cat."))
    assert ids[0] == tokenizer.begin_id and ids[-1] == tokenizer.end_id
    assert not learn[0] and learn[1:].all()


def test_digits_stand_alone(tokenizer):
    assert tokenizer.encode("2026")[1:] == tokenizer.encode("026")


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.sampled_from("aé€😀 中\N{COMBINING ACUTE ACCENT}"), min_size=1))
def test_streaming_never_shows_half_a_character(tokenizer, text):
    decoder = StreamDecoder(tokenizer)
    pieces = [decoder.push(id_) for id_ in tokenizer.encode(text)]
    assert "".join(pieces) == text
    assert all("\N{REPLACEMENT CHARACTER}" not in piece for piece in pieces)


def test_training_is_deterministic(tokenizer):
    assert ChatTokenizer.train(TEXTS, 320).fingerprint == tokenizer.fingerprint
    assert ChatTokenizer.train(TEXTS[:1] * 9, 320).fingerprint != tokenizer.fingerprint


@pytest.mark.parametrize("size", [100, 16385, 50257])
def test_vocabularies_out_of_range_are_refused(size):
    with pytest.raises(ValueError, match="16384"):
        ChatTokenizer.train(TEXTS, size)


@pytest.mark.parametrize("content", ["", "{", "{}", '{"model": {}}', "\x00"])
def test_a_broken_file_is_one_line(tmp_path, content):
    path = tmp_path / "tokenizer.json"
    path.write_text(content)
    with pytest.raises(EngineError, match=r"tokenizer\.json: cannot be read") as caught:
        ChatTokenizer.load(path)
    assert "\n" not in str(caught.value)


def test_a_stranger_is_not_taken_for_ours(tokenizer, tmp_path):
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    table = json.loads(path.read_text().replace("<|user|>", "<|human|>"))
    path.write_text(json.dumps(table))
    with pytest.raises(EngineError, match="not a tokenizer of this program"):
        ChatTokenizer.load(path)


MUCH = ["Seven dwarfs brought golden pumpkins, silver buckets and purple blankets from distant villages."] * 50
ZOO = [*MUCH, "I saw a gnu, a gnu, a gnu, a gnu, an emu, an emu, an emu and a yak, a yak.", "\nGnu" * 6]


def test_words_that_text_uses_are_single_tokens():
    plain, ours = ChatTokenizer.train(ZOO, 304), ChatTokenizer.train(ZOO, 304, ["emu", "gnu", "yak"])
    assert len(ours.encode(" gnu")) == len(ours.encode(" emu")) == 1 < len(plain.encode(" gnu"))
    assert len(ours.encode(" yak")) > 1, "two times are too few"
    assert ours.size == plain.size == 304


def test_usual_forms_come_first_as_long_as_there_is_room():
    narrow = ChatTokenizer.train(ZOO, 300, ["emu", "gnu"])  # five of the 38 learned tokens may go
    assert len(narrow.encode(" gnu")) == len(narrow.encode(" emu")) == 1
    assert len(narrow.encode("Gnu")) > 1, "the most frequent form, but not the usual one"
    assert len(ChatTokenizer.train(ZOO, 320, ["emu", "gnu"]).encode("Gnu")) == 1


def test_words_do_not_stick_out_of_longer_ones():
    texts = ["Hear the other theme, then he heated their bread."] * 60 + ["Is he here? He is."] * 3
    plain, ours = ChatTokenizer.train(texts, 340), ChatTokenizer.train(texts, 340, ["he"])
    assert len(ours.encode(" he")) == len(ours.encode("He")) == 1
    text = "The others heard them, then the heat went there."
    assert len(ours.encode(text)) <= len(plain.encode(text))


def test_training_with_words_is_deterministic():
    one, other = (ChatTokenizer.train(ZOO, 320, ["emu", "gnu"]) for _ in range(2))
    assert one.fingerprint == other.fingerprint != ChatTokenizer.train(ZOO, 320).fingerprint


def test_words_that_no_text_has_change_nothing(tokenizer):
    assert (
        ChatTokenizer.train(TEXTS, 320, ["zebra", "don't", "ice cream", "7", ""]).fingerprint == tokenizer.fingerprint
    )


@pytest.mark.parametrize("size", [1024, 4096])
def test_the_lexicon_costs_little_on_the_built_in_corpus(size):
    texts = []
    for name in ("stories", "personas", "questions", "explanations"):
        for document in islice(documents(name, "train", 1), 300):
            contents = [document.content] if isinstance(document, Text) else [m.content for m in document.messages]
            texts += contents
    words = load_lexicon().words
    plain, ours = ChatTokenizer.train(texts, size), ChatTokenizer.train(texts, size, words)
    assert plain.size == ours.size == size
    tokens, more = (sum(map(len, each.encode_many(texts))) for each in (plain, ours))
    assert tokens < more < 1.02 * tokens
    used = Counter(re.findall(r" \w+", "\n".join(texts)))
    usual = [f" {word}" for word in words if used[f" {word}"] >= 4]
    whole, before = (sum(len(ids) == 1 for ids in each.encode_many(usual)) for each in (ours, plain))
    assert whole > before
    if size == 4096:
        assert whole == len(usual) > 600


def test_transformers_reads_the_same_file(tokenizer, tmp_path):
    import transformers

    tokenizer.save(tmp_path / "tokenizer.json")
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    assert theirs("The cat sat.")["input_ids"] == tokenizer.encode("The cat sat.")


@pytest.fixture(scope="module")
def theirs(tokenizer, tmp_path_factory):
    """The folder as `transformers` opens it."""
    import transformers

    folder = tmp_path_factory.mktemp("session")
    tokenizer.save(folder / "tokenizer.json")
    return transformers.AutoTokenizer.from_pretrained(folder)


MESSAGES = [
    Message("system", "Be kind.\n"), Message("user", " Do you like tea? "), Message("assistant", "I like tea!\n\n "),
    Message("user", "a  b\t7 é 😀 {{ x }}"), Message("assistant", ""), Message("user", "\n"),
    Message("assistant", "Bye."),
]  # fmt: skip


@pytest.mark.parametrize("messages", [MESSAGES, MESSAGES[1:], MESSAGES[1:3]])
def test_the_chat_template_is_what_training_encodes(tokenizer, theirs, messages):
    ids, learn = tokenizer.encode_document(Conversation(tuple(messages)))
    rendered = theirs.apply_chat_template(
        [{"role": one.role, "content": one.content} for one in messages],
        return_dict=True,
        return_assistant_tokens_mask=True,
    )
    assert rendered["input_ids"] == ids.tolist()
    assert rendered["assistant_masks"] == learn.astype(int).tolist()


@pytest.mark.parametrize("messages", [MESSAGES[:2], MESSAGES[:4], MESSAGES[1:2]])
def test_the_chat_template_prompts_as_chat_does(tokenizer, theirs, messages):
    rendered = theirs.apply_chat_template(
        [{"role": one.role, "content": one.content} for one in messages], add_generation_prompt=True, return_dict=True
    )
    assert rendered["input_ids"] == tokenizer.encode_prompt(Conversation(tuple(messages)))


def test_the_chat_template_renders_for_tokenizers_too(tokenizer, theirs, tmp_path):
    text = theirs.apply_chat_template([{"role": "user", "content": "Tea?"}], add_generation_prompt=True, tokenize=False)
    assert text == "<|begin|><|user|>Tea?<|end|><|assistant|>"
    tokenizer.save(tmp_path / "tokenizer.json")
    plain = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert plain.encode(text).ids == tokenizer.encode_prompt(Conversation((Message("user", "Tea?"),)))


def test_the_chat_template_names_a_role_that_there_is_not(theirs):
    with pytest.raises(Exception, match="a role is system, user or assistant, not tool"):
        theirs.apply_chat_template([{"role": "tool", "content": "4"}])


def test_what_a_disk_refuses_is_one_line(tokenizer, tmp_path):
    with pytest.raises(EngineError, match=r"tokenizer_config\.json: cannot be written"):
        tokenizer.save(tmp_path / "missing" / "tokenizer.json")


def test_the_tokens_of_a_word_are_known_as_one_word():
    tokenizer = ChatTokenizer.train(["Rain rain. The rain, THE Rain!"] * 50, 400)
    alike = tokenizer.same_word()
    [bare], [spaced] = tokenizer.encode("Rain"), tokenizer.encode(" rain")
    assert bare != spaced and alike[bare] == alike[spaced]
    assert alike[tokenizer.end_id] == tokenizer.end_id
    assert len(alike) == tokenizer.size


def test_frequent_tokens_have_low_ids():
    texts = [f"the zebra saw the {word} and the {word} saw it" for word in ("dog", "cat", "fox", "owl", "bee")] * 40
    trained = ChatTokenizer.train(texts, 300)
    counts = Counter(id_ for text in texts for id_ in trained.encode(text))
    seen = [counts[id_] for id_ in range(len(SPECIALS), trained.size)]
    assert seen == sorted(seen, reverse=True)
    assert counts[len(SPECIALS)] > 100
