"""Templates: authored sentences with choices and slots, filled so that one document stays consistent.

    [I|We] saw {animal:a} near {town}. {friend} [laughed|smiled] and {friend:he} gave me {fruit:a}.

`[a|b]` is one of several (they nest; an empty one is allowed). `{animal}` stands for a word of that category of
`authored/words.toml`; the same slot is the same word throughout a document, `{animal2}` is another word. What follows a
colon is the form: `a` (with its article), `s` (plural), `ing`, `past` and `third` (of a verb), `he`, `him`, `his`,
`himself` (of a person). A slot that begins with a capital gives a capital. Sentences get their capitals by themselves.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from random import Random
from typing import NamedTuple, TypeVar

from engine.data.builtin.load import authored, forms

T = TypeVar("T")

PRONOUNS = {
    "she": {"he": "she", "him": "her", "his": "her", "himself": "herself"},
    "he": {"he": "he", "him": "him", "his": "his", "himself": "himself"},
}


class Slot(NamedTuple):
    """A place for a word."""

    name: str
    category: str
    form: str
    capital: bool


class Choice(NamedTuple):
    """One of several sequences."""

    options: tuple[tuple[Node, ...], ...]


Node = str | Slot | Choice

_TOKEN = re.compile(r"\{([^{}]*)\}|([\[\]|{}])")
_ARTICLE = re.compile(r"\b[Aa]n? $")
_SLOT = re.compile(r"([A-Za-z][a-z_]*)(\d?)(?::([a-z]+))?")
_STARTS = re.compile(r"(?:^|(?<=[.!?] )|(?<=\n))([\"(]?)([a-z])")


@cache
def words() -> dict[str, tuple[str, ...]]:
    """Return category -> words, references to other categories resolved."""
    listed: dict[str, list[str]] = {}
    for section in authored("words").values():
        listed |= section

    def resolve(category: str) -> Iterable[str]:
        for word in listed[category]:
            if word.startswith("@"):
                yield from resolve(word[1:])
            else:
                yield word

    return {category: tuple(dict.fromkeys(resolve(category))) for category in listed}


@cache
def compiled(template: str) -> tuple[Node, ...]:
    """Return a template's parts; ValueError if brackets do not match or a slot or form does not exist."""
    stack: list[list[list[Node]]] = [[[]]]
    at = 0
    for match in _TOKEN.finditer(template):
        if match.start() > at:
            stack[-1][-1].append(template[at : match.start()])
        at = match.end()
        if match[1] is not None:
            stack[-1][-1].append(_slot(match[1], template))
        elif match[2] in "{}":
            raise ValueError(f"{match[2]!r} alone: {template}")
        elif match[2] == "[":
            stack.append([[]])
        elif len(stack) == 1:
            raise ValueError(f"{match[2]!r} outside of [...]: {template}")
        elif match[2] == "|":
            stack[-1].append([])
        else:
            options = stack.pop()
            stack[-1][-1].append(Choice(tuple(tuple(option) for option in options)))
    if len(stack) > 1:
        raise ValueError(f"'[' without ']': {template}")
    if rest := template[at:]:
        stack[-1][-1].append(rest)
    return tuple(stack[0][0])


def _slot(inside: str, template: str) -> Slot:
    match = _SLOT.fullmatch(inside)
    if match is None:
        raise ValueError(f"{{{inside}}} is no slot: {template}")
    name, digit, form = match[1], match[2], match[3] or ""
    category = name[0].lower() + name[1:]
    if form and form not in FORMS:
        raise ValueError(f"{{{inside}}}: no form {form!r}: {template}")
    return Slot(category + digit, category, form, name[0].isupper())


FORMS = frozenset({"a", "s", "ing", "past", "third", *PRONOUNS["he"]})


class Writer:
    """One document in the making: its random source, and what its slots stand for."""

    def __init__(self, random: Random, used: Counter[str] | None = None) -> None:
        """`used` counts the characters that each template gives."""
        self.random = random
        self._used = used
        self._words: dict[str, str] = {}
        self._genders: dict[str, str] = {}

    def begin(self) -> None:
        """Forget all slots: a new document begins."""
        self._words.clear()
        self._genders.clear()

    def bind(self, slot: str, word: str, gender: str = "") -> None:
        """Let `slot` stand for `word`; `gender` is she or he where pronouns are wanted."""
        self._words[slot] = word
        if gender:
            self._genders[slot] = gender

    def word(self, slot: str) -> str:
        """Return what a slot stands for, drawing a word of its category that the document does not have yet."""
        found = self._words.get(slot)
        if found is None:
            listed = words()[slot.rstrip("123456789")]
            taken = self._words.values()
            for _ in range(8):
                found = listed[int(self.random.random() * len(listed))]
                if found not in taken:
                    break
            assert found is not None
            self._words[slot] = found
        return found

    def lean(self, items: Sequence[T], power: float = 3.0) -> T:
        """Return one of `items`, the first ones more often, as in life: about n^(1 / power - 1) as often."""
        return items[int(len(items) * self.random.random() ** power)]

    def say(self, template: str) -> str:
        """Return the template filled in, sentences with their capitals."""
        text = _STARTS.sub(_capital, self.fill(template))
        if self._used is not None:
            self._used[template] += len(text)
        return text

    def fill(self, template: str) -> str:
        """Return the template filled in, as it stands."""
        parts: list[str] = []
        self._fill(compiled(template), parts)
        return "".join(parts)

    def _fill(self, nodes: tuple[Node, ...], parts: list[str]) -> None:
        for node in nodes:
            if isinstance(node, str):
                parts.append(node)
            elif isinstance(node, Choice):
                self._fill(node.options[int(self.random.random() * len(node.options))], parts)
            else:
                parts.append(self._shown(node))

    def _shown(self, slot: Slot) -> str:
        word = self.word(slot.name)
        if not slot.form:
            shown = word
        elif slot.form in PRONOUNS["he"]:
            shown = PRONOUNS[self._genders.get(slot.name) or gender(word)][slot.form]
        else:
            shown = inflected(word, slot.form)
        return shown[0].upper() + shown[1:] if slot.capital else shown


def gender(name: str) -> str:
    """Return she or he for a first name or a Mr or Mrs."""
    return "she" if name.startswith("Mrs ") or name in _girls() else "he"


@cache
def _girls() -> frozenset[str]:
    return frozenset(words()["girl"])


def inflected(word: str, form: str) -> str:
    """Return a form of a word; KeyError if `make forms` did not see it."""
    return forms()[form][word]


def check(template: str, bound: Mapping[str, str] | Iterable[str] = ()) -> None:
    """Raise ValueError unless every slot is a category or in `bound`, with a form that all its words have."""
    _check(compiled(template), template, frozenset(bound))


def _check(nodes: tuple[Node, ...], template: str, bound: frozenset[str]) -> None:
    for before, node in pairwise(("", *nodes)):
        if isinstance(node, Choice):
            for option in node.options:
                _check(option, template, bound)
        elif isinstance(node, Slot) and node.name not in bound:
            an = any(forms()["a"].get(word, word).startswith("an ") for word in words().get(node.category, ()))
            if an and not node.form and isinstance(before, str) and _ARTICLE.search(before):
                raise ValueError(f"write {{{node.name}:a}}, so that a becomes an where it must: {template}")
            if node.category not in words():
                raise ValueError(f"no category {node.category!r}: {template}")
            if node.form in PRONOUNS["he"]:
                known = words()["name"] + words()["neighbour"]
            else:
                known = tuple(forms()[node.form]) if node.form else words()[node.category]
            if lacking := set(words()[node.category]) - set(known):
                raise ValueError(f"{node.category!r} has no form {node.form!r} ({min(lacking)}): {template}")


def _capital(match: re.Match[str]) -> str:
    return match[1] + match[2].upper()
