"""Byte-level BPE with the special tokens of a conversation, and the one template both training and chat use.

`<|begin|><|user|>Hello.<|end|><|assistant|>Hi!<|end|>`: a message is its role's token, its text and `<|end|>`; a
text is `<|begin|>text<|end|>`. Special tokens exist as ids only: what a person types is never read as one.

Chosen words are single tokens in the forms that text uses. Training on 8 MB takes two to five seconds of CPU time,
half a second of it for counting words. `save` writes what `tokenizers` and `transformers` need, the template included.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import tokenizers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from engine.conversation import Conversation, Document, Text, contents
from engine.data.whole_words import Vocabulary, with_whole_words
from engine.errors import EngineError
from model.lexicon import forms

SPECIALS = ("<|pad|>", "<|begin|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
MOST_TOKENS = 16384
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Words with their leading space, single digits, runs of other signs (as Qwen's)."""
ENCODE_BATCH = 512
EACH_COUNTED = 4
"""One text in so many says how frequent tokens are."""
LEAST_COUNT = 3
"""How often the texts use a form of a word, for it to become a token."""
MOST_FOR_WORDS = 0.15
"""Of the learned tokens: how many may give way to words. It costs 1 % of the bytes a token (docs/data.md)."""
CONFIG = "tokenizer_config.json"
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] not in ('system', 'user', 'assistant') %}"
    "{{ raise_exception('a role is system, user or assistant, not ' + message['role']) }}{% endif %}"
    "{{ '<|' + message['role'] + '|>' }}"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + eos_token }}{% endgeneration %}"
    "{% else %}{{ message['content'] + eos_token }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
"""`encode_document` and `encode_prompt` in Jinja, as `transformers` renders it; `generation` marks what is learned."""
_WORD = re.compile(r" [^\W\d_]{2,}|[A-Z][^\W\d_]+| ?[IA]| a")
_PIECE = re.compile(r"[^\r\n\w]?[^\W\d_]+")
"""What PATTERN takes as a word, near enough to count."""


class ChatTokenizer:
    """Turns documents into ids and ids into text."""

    pad_id, begin_id, end_id, system_id, user_id, assistant_id = range(len(SPECIALS))

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._roles = {"system": self.system_id, "user": self.user_id, "assistant": self.assistant_id}

    @classmethod
    def train(cls, texts: Iterable[str], size: int, words: Iterable[str] = ()) -> ChatTokenizer:
        """Learn merges from `texts` until there are `size` tokens; fewer if the texts hold no more to merge.

        After the special tokens come the others by how often the texts have them, the most frequent first.

        Each of `words` that the texts use three times or more becomes one token, in its usual form before others,
        the most frequent first, until 15 % of the learned tokens have given way. Raises ValueError above 16384 tokens
        (matrix products of M1 go wrong near 32768, and small models are better served by small vocabularies).
        """
        if not len(SPECIALS) + 256 <= size <= MOST_TOKENS:
            raise ValueError(f"a vocabulary has {len(SPECIALS) + 256} to {MOST_TOKENS} tokens, not {size}")
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(tokenizers.Regex(PATTERN), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            special_tokens=list(SPECIALS),
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        counts: Counter[str] = Counter()
        some: list[str] = []
        tokenizer.train_from_iterator(_counting(texts, counts, some), trainer)
        usual, others = _used(words, counts)
        return cls(_frequent_first(_with_words(tokenizer, [*usual, *others], size), some))

    @classmethod
    def load(cls, path: Path) -> ChatTokenizer:
        """Read a `tokenizer.json`; EngineError if it is missing, broken or not one of ours."""
        try:
            tokenizer = Tokenizer.from_str(path.read_text("utf-8"))
        except Exception as error:  # noqa: BLE001 - the library raises bare Exception
            raise EngineError(f"{path}: cannot be read as a tokenizer ({' '.join(str(error).split())[:120]})") from None
        if any(tokenizer.token_to_id(name) != number for number, name in enumerate(SPECIALS)):
            raise EngineError(f"{path}: not a tokenizer of this program (its special tokens differ)")
        return cls(tokenizer)

    def save(self, path: Path) -> None:
        """Write a `tokenizer.json` that `tokenizers` and `transformers` read unmodified, its settings beside it.

        `AutoTokenizer.from_pretrained` on the folder then has the chat template too. Raises EngineError if the disk
        refuses.
        """
        settings = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "pad_token": SPECIALS[self.pad_id],
            "bos_token": SPECIALS[self.begin_id],
            "eos_token": SPECIALS[self.end_id],
            "clean_up_tokenization_spaces": False,
            "chat_template": TEMPLATE,
        }
        _write(path.with_name(CONFIG), json.dumps(settings, indent=2))
        _write(path, self._tokenizer.to_str(pretty=True))

    @property
    def size(self) -> int:
        """Number of tokens."""
        return self._tokenizer.get_vocab_size()

    @property
    def fingerprint(self) -> str:
        """A hash of everything that decides how text is split."""
        return hashlib.sha256(self._tokenizer.to_str().encode()).hexdigest()

    @property
    def silent_ids(self) -> list[int]:
        """Special tokens that a reply never contains."""
        return [self.pad_id, self.begin_id, self.system_id, self.user_id, self.assistant_id]

    def same_word(self) -> list[int]:
        """Return for each token the first one that is the same but for its capitals and the space before it."""
        first: dict[str, int] = {}
        tokens = (self._tokenizer.id_to_token(id_) or "" for id_ in range(self.size))
        return [first.setdefault(token.removeprefix("Ġ").lower(), id_) for id_, token in enumerate(tokens)]

    def words(self) -> dict[str, int]:
        """Return the words that are single tokens, as text writes them -> the id of their usual form.

        A word begins with its space or with a capital, as every form but one does (`model.lexicon.forms`); what else is
        made of letters may be a piece of one. Words of which text begins sentences are not listed as names too.
        """
        found: dict[str, int] = {}
        texts = self._tokenizer.decode_batch([[id_] for id_ in range(self.size)])
        ids = {text: id_ for id_, text in enumerate(texts) if _WORD.fullmatch(text)}
        for text in ids:
            word = text.removeprefix(" ")
            if word in found or (word[0].isupper() and f" {word[0].lower()}{word[1:]}" in ids):
                continue
            found[word] = next(ids[form] for form in forms(word) if form in ids)
        return found

    def single(self, texts: Iterable[str]) -> dict[str, int]:
        """Return those of `texts` that are a single token -> its id."""
        texts = list(texts)
        return {text: ids[0] for text, ids in zip(texts, self.encode_many(texts), strict=True) if len(ids) == 1}

    def pieces(self, text: str) -> list[str]:
        """Return the texts of the tokens that make up `text`."""
        return [self.decode([id_]) for id_ in self.encode(text)]

    def encode(self, text: str) -> list[int]:
        """Return the ids of plain text; nothing in it is read as a special token."""
        return self.encode_many([text])[0]

    def encode_many(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text, on all cores."""
        return [encoding.ids for encoding in self._plain.encode_batch_fast(list(texts), add_special_tokens=False)]

    def encode_document(self, document: Document) -> tuple[np.ndarray, np.ndarray]:
        """Return ids (uint16) and which of them are learned (bool): a text's all, of a conversation the replies."""
        return next(self.encode_documents([document]))

    def encode_documents(self, documents: Iterable[Document]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield ids and learned flags of each document, encoding many at once."""
        stream = iter(documents)
        while batch := list(islice(stream, ENCODE_BATCH)):
            parts = [part for document in batch for part in contents(document)]
            encoded = iter(self.encode_many(parts))
            for document in batch:
                yield self._frame(document, encoded)

    def encode_prompt(self, conversation: Conversation) -> list[int]:
        """Return the ids of a conversation up to where the assistant's reply begins."""
        ids = [self.begin_id]
        for message, content in zip(conversation.messages, self.encode_many(contents(conversation)), strict=True):
            ids += [self._roles[message.role], *content, self.end_id]
        return [*ids, self.assistant_id]

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, special tokens left out; broken UTF-8 becomes U+FFFD."""
        return str(self._tokenizer.decode([int(id_) for id_ in ids], skip_special_tokens=True))

    def _frame(self, document: Document, encoded: Iterator[list[int]]) -> tuple[np.ndarray, np.ndarray]:
        ids, learn = [self.begin_id], [False]
        if isinstance(document, Text):
            content = next(encoded)
            ids += [*content, self.end_id]
            learn += [True] * (len(content) + 1)
        else:
            for message in document.messages:
                content = next(encoded)
                ids += [self._roles[message.role], *content, self.end_id]
                learn += [False] + [message.role == "assistant"] * (len(content) + 1)
        return np.array(ids, dtype=np.uint16), np.array(learn, dtype=bool)

    @property
    def _plain(self) -> Tokenizer:
        """The tokenizer with special tokens read as the text they look like."""
        if not hasattr(self, "_cached_plain"):
            self._cached_plain = Tokenizer.from_str(self._tokenizer.to_str())
            self._cached_plain.encode_special_tokens = True
        return self._cached_plain


def _counting(texts: Iterable[str], counts: Counter[str], some: list[str]) -> Iterator[str]:
    for number, text in enumerate(texts):
        counts.update(_PIECE.findall(text))
        if number % EACH_COUNTED == 0:
            some.append(text)
        yield text


def _used(words: Iterable[str], counts: Counter[str]) -> tuple[list[str], list[str]]:
    """Return the words' usual forms and their other forms, as far as they are used, the most frequent first."""
    usual: list[str] = []
    others: list[str] = []
    for word in words:
        first, *rest = forms(word)
        usual += [first] if counts[first] >= LEAST_COUNT else []
        others += [form for form in rest if counts[form] >= LEAST_COUNT]
    return sorted(usual, key=counts.__getitem__, reverse=True), sorted(others, key=counts.__getitem__, reverse=True)


def _with_words(tokenizer: Tokenizer, words: Iterable[str], size: int) -> Tokenizer:
    """Return the trained tokenizer with `words` as single tokens; what it cuts apart before merging is left out."""
    cut = (tokenizer.pre_tokenizer.pre_tokenize_str(word) for word in words)
    whole = [pieces[0][0] for pieces in cut if len(pieces) == 1]
    table = json.loads(tokenizer.to_str())
    trained = Vocabulary(
        tokens=sorted(table["model"]["vocab"], key=table["model"]["vocab"].__getitem__),
        merges=[(left, right) for left, right in table["model"]["merges"]],
    )
    changed = with_whole_words(trained, whole, size, int(MOST_FOR_WORDS * (size - len(SPECIALS) - 256)))
    table["model"] |= {"vocab": {token: id_ for id_, token in enumerate(changed.tokens)}, "merges": changed.merges}
    return Tokenizer.from_str(json.dumps(table))


def _frequent_first(tokenizer: Tokenizer, texts: list[str]) -> Tokenizer:
    """Return the tokenizer with its tokens numbered by how often `texts` have them, the special ones first."""
    counts: Counter[int] = Counter()
    for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False):
        counts.update(encoding.ids)
    table = json.loads(tokenizer.to_str())
    ids: dict[str, int] = table["model"]["vocab"]
    learned = sorted(ids.keys() - set(SPECIALS), key=lambda token: (-counts[ids[token]], ids[token]))
    table["model"]["vocab"] = {token: id_ for id_, token in enumerate((*SPECIALS, *learned))}
    return Tokenizer.from_str(json.dumps(table))


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.writing")
    try:
        temporary.write_text(text, "utf-8")
        temporary.replace(path)
    except OSError as error:
        raise EngineError(f"{path}: cannot be written ({error.strerror})") from None


class StreamDecoder:
    """Turns ids into text one by one and holds back bytes that are not yet a whole character."""

    def __init__(self, tokenizer: ChatTokenizer) -> None:
        self._tokenizer = tokenizer
        self._held: list[int] = []

    def push(self, id_: int) -> str:
        """Return the text that `id_` completes; empty while a character is unfinished."""
        self._held.append(id_)
        text = self._tokenizer.decode(self._held)
        if text.endswith("\N{REPLACEMENT CHARACTER}") and len(self._held) < 4:
            return ""
        self._held.clear()
        return text
