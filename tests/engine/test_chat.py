from __future__ import annotations

import pytest

from engine.chat import Chat, conversation_of
from engine.conversation import Conversation, Message
from engine.data.tokenizer import ChatTokenizer
from engine.reply import Reply
from engine.status import Sampling
from model.config import ModelConfig
from model.turngpt import TurnGPT

TEXTS = ["the cat is red and the dog is blue", "what colour is the cat and what colour is the dog"] * 20


@pytest.fixture(scope="module")
def tokenizer() -> ChatTokenizer:
    return ChatTokenizer.train(TEXTS, 300)


@pytest.fixture
def chat(tokenizer: ChatTokenizer) -> Chat:
    model = TurnGPT(ModelConfig(tokenizer.size, 32, 2, 2, 16, 64, 96, turns=8))
    model.initialise(1)
    return Chat(model, tokenizer, window=96)


def long(words: int) -> str:
    return "the cat is red " * (words // 4)


def test_the_oldest_messages_make_room_and_the_system_message_stays(chat):
    conversation = Conversation(
        (
            Message("system", "be red"),
            Message("user", long(20)),
            Message("assistant", long(20)),
            Message("user", "what colour is the dog"),
            Message("assistant", "blue"),
            Message("user", "and the cat"),
        )
    )
    ids = chat.prompt(conversation, Sampling(max_tokens=30))
    text = chat.tokenizer.decode(ids)
    assert len(ids) <= 96 - 30
    assert "be red" in text and "what colour is the dog" in text and text.rstrip().endswith("and the cat")
    assert ids.count(ChatTokenizer.user_id) == 2
    assert ids[-1] == ChatTokenizer.assistant_id


def test_a_message_longer_than_the_window_is_refused_in_one_line(chat):
    reply = Reply()
    chat.ask(conversation_of(long(400)), Sampling(), reply)
    chat.serve(1.0)
    assert reply.done and "too long for this model, which reads 96 tokens" in reply.error and not chat.busy


@pytest.mark.parametrize("messages", [(), (Message("assistant", "hello"),), (Message("system", "be red"),)])
def test_without_a_message_to_reply_to_the_reply_says_so(chat, messages):
    reply = Reply()
    chat.ask(Conversation(messages), Sampling(), reply)
    chat.serve(1.0)
    assert reply.error == "there is no message to reply to"


def test_replies_are_served_in_order_and_a_slice_at_a_time(chat):
    replies = [Reply(), Reply()]
    for reply in replies:
        chat.ask(conversation_of("what colour is the cat"), Sampling(max_tokens=12, seed=1), reply)
    chat.serve(0.0)
    assert not any(reply.done for reply in replies)
    while chat.busy:
        assert not replies[1].tokens or replies[0].done
        chat.serve(1e-6)
    assert replies[0].text == replies[1].text and not replies[0].error


def test_a_cancelled_reply_keeps_what_was_said(chat):
    reply = Reply()
    chat.ask(conversation_of("what colour is the cat"), Sampling(max_tokens=50, seed=1), reply)
    while not reply.tokens:
        chat.serve(1e-6)
    reply.cancel()
    chat.serve(1.0)
    assert reply.done and not reply.error and 0 < reply.tokens < 50


def test_what_goes_wrong_ends_every_reply(chat, monkeypatch):
    replies = [Reply(), Reply()]
    for reply in replies:
        chat.ask(conversation_of("hello"), Sampling(), reply)
    monkeypatch.setattr("engine.chat.Decoder.next", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        chat.serve(1.0)
    assert [reply.error for reply in replies] == ["the reply failed"] * 2 and not chat.busy


def test_training_goes_into_the_next_reply(chat):
    sampling = Sampling(max_tokens=8, seed=1)
    before = chat.say(conversation_of("what colour is the cat"), sampling)
    assert chat.say(conversation_of("what colour is the cat"), sampling) == before
    for parameter in chat.model.parameters():
        parameter.data.add_(0.3)
    chat.weights_changed()
    assert chat.say(conversation_of("what colour is the cat"), sampling) != before
