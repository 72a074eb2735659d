"""Words that friendly text does not use."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from importlib import resources


@cache
def _unfriendly() -> frozenset[str]:
    from better_profanity import Profanity

    ours = tomllib.loads((resources.files("engine.data") / "friendly.toml").read_text("utf-8"))
    listed = {str(word) for word in Profanity().CENSOR_WORDSET}
    return frozenset(listed - set(ours["harmless"]) | set(ours["hurtful"]))


def unfriendly_in(words: Iterable[str]) -> set[str]:
    """Return those of `words` (lower case; pairs with one space) that are unfriendly."""
    return set(words) & _unfriendly()
