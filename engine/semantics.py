"""The words of a session's newest checkpoint and their turns, for `model.semantics` to reckon with; imports torch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import checkpoint as checkpoints
from engine.conversation import printable
from engine.data.tokenizer import ChatTokenizer
from engine.describe import lexicon_of
from engine.errors import UserError
from engine.meaning import started_words, tokens_of
from engine.session import Session
from engine.setup import load_model
from model.lexicon import Analogy, Lexicon, held_out
from model.semantics import ExpressionError, Space, Term, parse

_COLUMNS = ("a", "b", "c", "d")


@dataclass(frozen=True, slots=True)
class Words:
    """Whole words of a session's vocabulary, and which of them began at a place of the lexicon's."""

    step: int
    """Of the checkpoint."""
    space: Space
    lexicon: Lexicon
    started: frozenset[str]
    held_out: frozenset[str]
    """Words of the lexicon that were left out of the start, to see whether the axes mean what they say."""
    tokenizer: ChatTokenizer
    anchor: float = 0.0
    """How much of the way back to their places started words were put after each step."""

    def terms(self, expression: str) -> tuple[Term, ...]:
        """Return an expression's terms, words as the vocabulary writes them; UserError naming what is wrong where."""
        try:
            parsed = parse(expression)
        except ExpressionError as error:
            raise UserError(f"{printable(expression)!r}: {error}") from None
        return tuple(Term(term.sign, self._known(term.word)) for term in parsed)

    def among_started(self) -> list[Analogy]:
        """Return the lexicon's analogies whose words were all started."""
        return [one for one in self.lexicon.analogies if self.started.issuperset(_words(one))]

    def never_started(self, analogies: list[Analogy]) -> list[Analogy]:
        """Return those of `analogies` whose words are all in the vocabulary and none of them started."""
        found = [(one, [self.space.find(word) for word in _words(one)]) for one in analogies]
        return [one for one, words in found if None not in words and self.started.isdisjoint(words)]

    def _known(self, word: str) -> str:
        found = self.space.find(word)
        if found is not None:
            return found
        pieces = ", ".join(repr(printable(piece)) for piece in self.tokenizer.pieces(f" {word}"))
        like = self.space.suggest(word)
        hint = f"; did you mean {like!r}?" if like else ""
        raise UserError(
            f"{printable(word)!r} is not a word of this vocabulary, which has it in pieces ({pieces}){hint}"
        )


def words_of(session: Session) -> Words:
    """Read a session's newest checkpoint; UserError if it has none, or no named axes."""
    newest, _ = checkpoints.load_newest(session.checkpoints)
    if newest is None:
        raise UserError(f"session {session.name!r} has no checkpoint yet: train it first")
    embedding = load_model(newest).embedding
    if not embedding.config.axes:
        raise UserError(f"session {session.name!r} has no named axes: train one with --set model.start=meaning")
    tokenizer, lexicon = ChatTokenizer.load(session.tokenizer), lexicon_of(session.recipe)
    owners = tokens_of(lexicon.words, tokenizer)
    known: dict[str, int] = {}
    for id_, word in owners.items():
        known.setdefault(word, id_)
    rows = {word: id_ for word, id_ in tokenizer.words().items() if id_ not in owners} | known
    values = embedding.values().numpy()[list(rows.values())]
    started = frozenset(started_words(session.recipe, lexicon)) & known.keys()
    left_out = frozenset(word for word in known if held_out(word)) - started
    space, anchor = Space(tuple(rows), values, embedding.config.axes), session.recipe.optimizer.anchor
    return Words(newest.step, space, lexicon, started, left_out, tokenizer, anchor)


def read_analogies(path: Path) -> list[Analogy]:
    """Read `a b c d` (a is to b as c is to d): a parquet file with these columns, or lines of text under `: kind`.

    Raises UserError that names what is wrong where.
    """
    try:
        if path.suffix == ".parquet":
            return [
                _analogy(str(row.get("category", path.stem)), [str(row[c]) for c in _COLUMNS]) for row in _rows(path)
            ]
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise UserError(f"{path}: cannot be read ({reason})") from None
    found, kind = [], path.stem
    for number, line in enumerate(text.splitlines(), 1):
        if heading := re.fullmatch(r":\s*(\S+)\s*", line):
            kind = heading[1]
        elif line.strip():
            words = line.split()
            if len(words) != len(_COLUMNS):
                raise UserError(f"{path}, line {number}: four words are wanted, a is to b as c is to d")
            found.append(_analogy(kind, words))
    return found


def _rows(path: Path) -> list[dict[str, Any]]:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
    except pyarrow.ArrowException:
        raise UserError(f"{path}: not a readable parquet file") from None
    if missing := [column for column in _COLUMNS if column not in table.column_names]:
        raise UserError(f"{path}: no column {missing[0]!r}; a, b, c and d are wanted: a is to b as c is to d")
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _analogy(kind: str, words: list[str]) -> Analogy:
    a, b, c, d = words
    return Analogy(kind, b, a, c, d)


def _words(analogy: Analogy) -> tuple[str, str, str, str]:
    return analogy.first, analogy.second, analogy.third, analogy.answer
