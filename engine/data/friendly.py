"""Words that friendly text does not use."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from importlib import resources


@cache
def _unfriendly() -> frozenset[str]:
    from better_profanity import Profanity

    ours = _ours()
    listed = {str(word) for word in Profanity().CENSOR_WORDSET}
    return frozenset(listed - set(ours["harmless"]) | set(ours["hurtful"]))


@cache
def _offensive(spoken: bool) -> frozenset[str]:
    ours = _ours()
    return _unfriendly() - set(ours["mild"]) - set(() if spoken else ours["told"])


def unfriendly_in(words: Iterable[str]) -> frozenset[str]:
    """Return those of `words` (lower case; pairs with one space) that are unfriendly."""
    return _unfriendly().intersection(words)


def offensive_in(words: Iterable[str], spoken: bool) -> frozenset[str]:
    """Return those of `words` that messages of others (`spoken`), or texts of others, should not hold either."""
    return _offensive(spoken).intersection(words)


def _ours() -> dict[str, list[str]]:
    return tomllib.loads((resources.files("engine.data") / "friendly.toml").read_text("utf-8"))
