"""What a recipe's text is like: variety, templates, topics, speech acts, unfriendly words.

Variety is counted on equal numbers of tokens (words and marks), since both measures fall as a text grows:
distinct n-grams after Li et al. 2016, sentences that were said before.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from engine.conversation import Conversation, Document, characters, contents
from engine.data import builtin
from engine.data.builtin.topics import topics
from engine.data.filters import FilterReport, filtered
from engine.data.friendly import unfriendly_in
from engine.data.sources import Sources
from engine.recipe import Recipe

TOKEN = re.compile(r"\w+(?:'\w+)*|[^\w\s]")
SENTENCE = re.compile(r"(?<=[.!?])[\"')]*\s+|\n+")

ACTS = (
    ("greeting", re.compile(r"^(hello|hi|hey|good (morning|afternoon|evening|day)|welcome)\b")),
    ("goodbye", re.compile(r"^(goodbye|bye|see you|good night|take care|sleep well)\b")),
    ("thanks", re.compile(r"\b(thank you|thanks)\b")),
    ("apology", re.compile(r"\b(sorry|forgive|my mistake|excuse me)\b")),
    ("agreement", re.compile(r"^(yes|yeah|of course|sure|certainly|gladly|okay|right|exactly|good idea)\b")),
    ("refusal", re.compile(r"^(no|not really|never|i cannot|i can't|i would rather not)\b")),
    ("request", re.compile(r"^(please|tell me|can you|could you|may i|can i|could i|i would like|i need|i want)\b")),
    ("question", re.compile(r"\?$")),
    ("exclamation", re.compile(r"!$")),
)


@dataclass(frozen=True, slots=True)
class Variety:
    """How much a text repeats itself."""

    tokens: int
    distinct_4grams: float
    """Different 4-grams as a share of all, within messages and texts."""
    repeated_sentences: float
    """Share of sentences that were said before."""
    vocabulary: int
    """Different words, in lower case."""


@dataclass(frozen=True, slots=True)
class SourceShare:
    """What one source gave."""

    name: str
    documents: int
    tokens: int
    characters: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Survey:
    """What a recipe's text is like."""

    recipe: str
    variety: Variety
    sources: tuple[SourceShare, ...]
    largest_template: tuple[str, float] | None
    """The template that makes up most of the text, and its share of the characters; None for foreign text."""
    topics: dict[str, float] = field(default_factory=dict)
    """Share of the characters by topic of the template, for built-in text."""
    acts: dict[str, float] = field(default_factory=dict)
    """Share of the messages' sentences by what they do."""
    unfriendly: dict[str, int] = field(default_factory=dict)
    """Unfriendly word -> how often."""
    filters: dict[str, FilterReport] = field(default_factory=dict)
    """What the filters did, by source; of filtered sources only."""


def variety_of(documents: Iterable[Document], tokens: int) -> Variety:
    """Measure the first `tokens` tokens of `documents`, or all if there are fewer."""
    counter = _Counter()
    for document in documents:
        counter.add(document)
        if counter.tokens >= tokens:
            break
    return counter.variety()


def survey(recipe: Recipe, tokens: int, sources: Sources) -> Survey:
    """Draw `tokens` tokens of training text in the proportions that a run of the recipe reads, and measure them."""
    counter, used = _Counter(), Counter[str]()
    shares: dict[str, float] = {}
    streams: dict[str, Iterator[Document]] = {}
    reports: dict[str, FilterReport] = {}
    mixes = sources.mixes(recipe)
    for phase_name, phase in recipe.phases.items():
        mix = mixes[phase_name]
        for (name, kind), weight in mix.items():
            label = name if kind is None else f"{name} ({kind})"
            shares[label] = shares.get(label, 0.0) + phase.tokens * weight / sum(mix.values())
            if name.startswith("builtin:"):
                streams[label] = builtin.documents(name.removeprefix("builtin:"), "train", recipe.seed, used)
            else:
                streams[label] = sources.open(name, "train", kind)
            if settings := sources.filters(name, recipe):
                reports[label] = FilterReport()
                streams[label] = filtered(streams[label], settings, reports[label], recipe.seed)
    whole = sum(shares.values())
    given = []
    for name, share in shares.items():
        taken, before, read, spent = 0, counter.tokens, 0, 0.0
        began = time.perf_counter()
        for document in streams[name]:
            spent += time.perf_counter() - began
            counter.add(document)
            taken, read = taken + 1, read + characters(document)
            began = time.perf_counter()
            if counter.tokens - before >= tokens * share / whole:
                break
        given.append(SourceShare(name, taken, counter.tokens - before, read, spent))
    drawn = sum(used.values())
    largest = max(used.items(), key=lambda item: item[1]) if used else None
    return Survey(
        recipe.name,
        counter.variety(),
        tuple(given),
        None if largest is None else (largest[0], largest[1] / drawn),
        topics=_topics(used),
        acts=counter.acts(),
        unfriendly=counter.unfriendly(),
        filters=reports,
    )


class _Counter:
    def __init__(self) -> None:
        self.tokens = 0
        self._grams: set[int] = set()
        self._gram_count = 0
        self._sentences: Counter[str] = Counter()
        self._words: Counter[str] = Counter()
        self._pairs: Counter[tuple[str, str]] = Counter()
        self._acts: Counter[str] = Counter()

    def add(self, document: Document) -> None:
        spoken = isinstance(document, Conversation)
        for content in contents(document):
            words = TOKEN.findall(content.lower())
            self.tokens += len(words)
            self._words.update(words)
            self._pairs.update(pairwise(words))
            # Hashes of 64 bits: half a million of them collide with a chance of one in a hundred million.
            self._grams.update(hash(tuple(words[at : at + 4])) for at in range(len(words) - 3))
            self._gram_count += max(len(words) - 3, 0)
            for sentence in SENTENCE.split(content):
                if said := sentence.strip().lower():
                    self._sentences[said] += 1
                    if spoken:
                        self._acts[speech_act(said)] += 1

    def variety(self) -> Variety:
        said = sum(self._sentences.values())
        return Variety(
            self.tokens,
            len(self._grams) / max(self._gram_count, 1),
            1 - len(self._sentences) / max(said, 1),
            sum(word[0].isalnum() for word in self._words),
        )

    def acts(self) -> dict[str, float]:
        whole = sum(self._acts.values())
        return {act: count / whole for act, count in self._acts.most_common()}

    def unfriendly(self) -> dict[str, int]:
        counts = Counter(self._words)
        counts.update({" ".join(two): count for two, count in self._pairs.items()})
        return {word: counts[word] for word in sorted(unfriendly_in(counts))}


def speech_act(sentence: str) -> str:
    """Return what a sentence does, by its words and its mark: the first of ACTS that fits, else a statement."""
    return next((name for name, pattern in ACTS if pattern.search(sentence.lower())), "statement")


def _topics(used: Counter[str]) -> dict[str, float]:
    """Return the share of the characters of each topic that authored templates name."""
    by_topic: Counter[str] = Counter()
    names = topics()
    for template, count in used.items():
        by_topic[names.get(template, "frame and other")] += count
    whole = sum(used.values())
    return {topic: count / whole for topic, count in by_topic.most_common()}
