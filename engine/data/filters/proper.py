"""Proper sentences: language as people write it, not what surrounds it on a page.

Capitals and full stops are not asked for in messages and headlines, since good corpora come in lower case and headlines
end without a stop; a longer content without any sentence's end is a list or a fragment.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.data.filters.base import ContentFilter, pairs, piece, words

LETTERS = 0.5
"""Least share of letters among the characters that are not spaces; half of it in a message, which may be a price."""
CAPITALS = 0.5
"""Greatest share of capitals among the letters, where there are more than FEW_CAPITALS."""
FEW_CAPITALS = 6
UNSTOPPED = 300
"""Characters for each sentence's end, and for one more."""
SYMBOLS = 0.02
"""Greatest share of symbols among the characters, where there are more than FEW_SYMBOLS."""
FEW_SYMBOLS = 3
DISTINCT = 0.34
"""Least share of different words among the first LOOKED_AT, where there are more than FEW_WORDS."""
LOOKED_AT = 40
FEW_WORDS = 4
LINES = 3
"""Lines with a bullet or a number, or short ones without an end, that make a list if they are more than half of all."""
STUB_WORDS = 5
"""Words from which a line may be a headline."""

_SYMBOLS = r"=~_*#+/&@\[\]`•·→←×±§"
_BROKEN = r"<>{}|\\^©\ufffd\ud800-\udfff\u2500-\u25ff"
"""Code, tables, notices, text that was decoded wrongly."""
_ODD = re.compile(f"[{_BROKEN}Ãâ√{_SYMBOLS}]")
_DOTTED = re.compile(r"\.\w")
"""What is wrong holds one of these two, which are found ten times as fast."""
_TOP = "(?:com|org|net|edu|gov|html?|php|co\\.uk)"
_WRONG = re.compile(
    rf"""
      [{_BROKEN}] | (?-i:Ã)\S | â€ | √©
    | &(?:[a-z]{{2,8}}|\#x?[0-9a-f]{{1,6}});   # HTML entities
    | \[\[ | \]\] | ={{2}}                    # wiki
    | ``` | \*\*\S | ^\#{{1,6}}\s | \]\(       # Markdown
    | :// | \bwww\.\w | \w@[\w-]+\.\w        # addresses
    | \b(?-i:[a-z][a-z0-9-]*)\.{_TOP}\b      # yahoo.com, but not Amazon.com, which is a name
    | \w\.{_TOP}/
    | (?<!\w)[@\#][a-z_]\w*                 # mentions, hashtags
    | ([^\w\s.-])\1{{3}}                     # ornament
    """,
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
_ORNAMENT = re.compile(r"!!!!|\?\?\?\?|------|\.\.\.\.\.\.\.|'''")
_SYMBOL = re.compile(f"[{_SYMBOLS}]")
_NOT_PLAIN = re.compile(r"[^a-zA-Z .,!?'\"():;-]")
"""Letters are counted only where there is something else."""
_ITEM = re.compile(r"(?:[-–*•·]|\d{1,3}[.)])\s")
_NOISE = frozenset(("asdf", "asdfgh", "sdfg", "dfgh", "hjkl", "jkl", "qwer", "qwert", "qwertyuiop", "zxcv", "lorem"))
_NOTICES = frozenset(("click here", "cookie policy", "privacy policy"))
_CAPITALS = re.compile("[A-Z][^a-z]?[A-Z]")
_NOT_LETTERS = re.compile(r"[\W\d_]+")
_LINE_ENDS = ".!?…:;,\"')"


class Proper(ContentFilter):
    """Drops markup, addresses, shouting, lists, rows of symbols or numbers, repetition and keyboard noise."""

    name = "proper"
    why = "A model that reads tables, tags and shouting writes them."

    def fault(self, content: str, spoken: bool) -> str:
        """Return the neighbourhood of the first thing that no sentence holds, or the whole content."""
        if match := _ORNAMENT.search(content):
            return piece(content, match.start())
        if _ODD.search(content) or _DOTTED.search(content):
            if match := _WRONG.search(content):
                return piece(content, match.start())
            if _is_symbols(content):
                return content
        if _NOT_PLAIN.search(content) and (_is_list(content) or not _has_letters(content, spoken)):
            return content
        said = words(content)
        if not said or _shouts(content) or (len(content) > UNSTOPPED and _runs_on(content)) or _repeats(said):
            return content
        if not _NOISE.isdisjoint(said) or (not spoken and not _NOTICES.isdisjoint(pairs(content))):
            return content
        return ""


def _is_list(content: str) -> bool:
    if "\n" not in content:
        return False
    lines = [line.strip() for line in content.split("\n") if not line.isspace()]
    listed = sum(bool(_ITEM.match(line)) or _is_stub(line) for line in lines)
    return listed >= LINES and listed > len(lines) / 2


def _is_stub(line: str) -> bool:
    return line[-1:] not in _LINE_ENDS and line.count(" ") < STUB_WORDS - 1


def _is_symbols(content: str) -> bool:
    count = len(_SYMBOL.findall(content))
    return count > FEW_SYMBOLS and count > SYMBOLS * len(content)


def _has_letters(content: str, spoken: bool) -> bool:
    if len(_NOT_PLAIN.findall(content)) < len(content) / 4:
        return True
    letters, others = len(_NOT_LETTERS.sub("", content)), len(content) - content.count(" ")
    return letters >= others * (LETTERS / 2 if spoken else LETTERS)


def _shouts(content: str) -> bool:
    if not _CAPITALS.search(content):
        return False
    capitals = sum(map(str.isupper, content))
    return capitals > FEW_CAPITALS and capitals > CAPITALS * len(_NOT_LETTERS.sub("", content))


def _runs_on(content: str) -> bool:
    ends = sum(map(content.count, ".!?;\n"))
    return len(content) > UNSTOPPED * (ends + 1)


def _repeats(said: Sequence[str]) -> bool:
    first = said[:LOOKED_AT]
    return len(first) > FEW_WORDS and len(set(first)) < DISTINCT * len(first)
