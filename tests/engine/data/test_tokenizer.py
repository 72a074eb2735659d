import json

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.conversation import Conversation, Message, Text
from engine.data.tokenizer import SPECIALS, ChatTokenizer, StreamDecoder
from engine.errors import EngineError

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


def test_transformers_reads_the_same_file(tokenizer, tmp_path):
    import transformers

    tokenizer.save(tmp_path / "tokenizer.json")
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    assert theirs("The cat sat.")["input_ids"] == tokenizer.encode("The cat sat.")
