"""`make forms`: writes `authored/forms.json`, the inflected forms of all words, with `inflect` and `lemminflect`.

The two libraries need seconds to load, so the corpus reads their answers from the file; a test asks them again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from engine.data.builtin.load import FOLDER, authored, collected
from engine.data.builtin.relations import rows_of

_TAGS = {"ing": "VBG", "past": "VBD", "third": "VBZ"}


def inflect_all() -> dict[str, dict[str, str]]:
    """Return form -> word -> inflected word for every word of `words.toml` that has the form."""
    import inflect
    import lemminflect

    engine = inflect.engine()

    def verb(phrase: str, tag: str) -> str:
        first, space, rest = phrase.partition(" ")
        return f"{lemminflect.getInflection(first, tag)[0]}{space}{rest}"

    nouns = [*_words("nouns"), *_columns()]
    table = {
        "a": {word: str(engine.a(word)) for word in (*nouns, *_words("things"), *_words("adjectives"))},
        "s": {word: str(engine.plural_noun(word)) for word in nouns},
    }
    for form, tag in _TAGS.items():
        table[form] = {word: verb(word, tag) for word in _words("verbs")}
    return {form: dict(sorted(words.items())) for form, words in table.items()}


def _words(section: str) -> list[str]:
    return [word for words in authored("words")[section].values() for word in words if not word.startswith("@")]


def _columns() -> Iterator[str]:
    """Yield the words in the columns of facts that are nouns."""
    for table in (*collected("facts", "table"), authored("characters")):
        for row in rows_of(table):
            yield from (row[column] for column in table.get("nouns", ()) if row[column])


if __name__ == "__main__":
    path = Path(str(resources.files(FOLDER) / "forms.json"))
    path.write_text(json.dumps(inflect_all(), indent=0, ensure_ascii=False) + "\n", "utf-8")
