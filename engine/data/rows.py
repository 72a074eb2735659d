"""Rows of named columns become documents: the one way for .jsonl, .csv, .parquet and data sets of the hub.

A column is known by its name. What is said stands in `text`; or in `messages` (or `conversations`, `turns`, `dialog`,
`dialogue`, `utterances`): a list of strings said in turn, or of objects with a role and a content; or in `question` and
`answer`, with a `context` if need be. Beside them `speakers` (one a message: who says two in a row has said one),
`persona` (who replies: the system message) and `heading` (before a text) are heeded, all others passed over. A list may
be a string of JSON. Null or empty: nothing was said. Columns of other names are given roles by `in_roles`.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from engine.conversation import ROLES, Conversation, Document, Message, Role, Text, printable
from engine.errors import UserError

SAID = ("messages", "conversations", "turns", "dialog", "dialogue", "utterances")
COLUMNS = ("text", *SAID, "question", "answer", "context", "speakers", "persona", "heading")
"""Every column that is heeded."""
_NEEDED = ", ".join(("text", *SAID, "question and answer"))
_ALIASES = {"human": "user", "gpt": "assistant"}
_SHOWN = 12


def document_of(row: Mapping[str, Any], where: str) -> Document | None:
    """Return the document of a row, None if nothing is said in it; UserError that begins with `where` if malformed."""
    said = next((name for name in SAID if row.get(name) is not None), None)
    if said is not None:
        return _conversation(_persona(row, where), _messages(row, said, where))
    if row.get("question") is not None and row.get("answer") is not None:
        context, question, answer = (_string(row, name, where) for name in ("context", "question", "answer"))
        asked = f"{context}\n{question}" if context else question
        # An answer to no question would be an answer to the context.
        return _conversation(_persona(row, where), [("user", asked if question else ""), ("assistant", answer)])
    text = _string(row, "text", where)
    if text:
        heading = _string(row, "heading", where)
        return Text(f"{heading}\n{text}" if heading else text)
    check_columns(row, where)
    return None


def in_roles(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    """Return the row that `document_of` reads, where `columns` says role -> column: {"question": "prompt", ...}."""
    return {role: row.get(column) for role, column in columns.items()}


def check_columns(names: Collection[str], where: str) -> None:
    """Raise UserError unless rows with columns of these names can be documents."""
    if not any(name in names for name in ("text", *SAID)) and not ("question" in names and "answer" in names):
        raise UserError(f"{where}: none of the columns {_NEEDED}; it has {shown(names)}")


def check_roles(columns: Mapping[str, str]) -> None:
    """Raise UserError unless `columns`, role -> column, has roles that exist and make a document."""
    unknown = next((role for role in columns if role not in COLUMNS), None)
    if unknown is not None:
        raise UserError(f"no column has the role {unknown!r}; use {', '.join(COLUMNS)}")
    check_columns(columns, "roles of columns")


def shown(names: Collection[str]) -> str:
    """Return names of columns as they may stand in a message."""
    listed = [" ".join(clean(str(name)).split())[:40] for name in sorted(names, key=str)[:_SHOWN]]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(listed) + more if listed else "none"


def clean(text: str) -> str:
    """Return text in Unicode NFC, without control characters and outer spaces."""
    return printable(unicodedata.normalize("NFC", text)).strip()


def _messages(row: Mapping[str, Any], name: str, where: str) -> list[tuple[Role, str]]:
    """Return who says what in a row's list of strings or objects, cleaned, with all that is empty."""
    said = _list(row, name, where)
    speakers = _list(row, "speakers", where) if row.get("speakers") else []
    known = len(speakers) == len(said)
    sides: tuple[Role, Role] = ("user", "assistant")
    side = 0
    found: list[tuple[Role, str]] = []
    for i, message in enumerate(said):
        if i and not (known and speakers[i] == speakers[i - 1]):
            side = 1 - side
        if message is None:
            continue
        if isinstance(message, str):
            found.append((sides[side], clean(message)))
            continue
        if not isinstance(message, Mapping):
            raise UserError(
                f"{where}: {name!r} must be a list of strings, or of objects with 'role' and 'content';"
                f" it holds {_kind(message)}"
            )
        content = message.get("content", message.get("value"))
        if not isinstance(content, str | None):
            raise UserError(f"{where}: the content of a message must be a string, not {_kind(content)}")
        role = message.get("role", message.get("from"))
        role = _ALIASES.get(role, role) if isinstance(role, str) else role
        if role not in ROLES:
            raise UserError(f"{where}: unknown role {clean(str(role))[:20]!r}; use {', '.join(ROLES)}")
        found.append((role, clean(content or "")))
    return found


def _conversation(persona: str, said: Iterable[tuple[Role, str]]) -> Conversation | None:
    """Return a conversation that alternates and ends with a reply; None if nothing is left of it."""
    kept: list[tuple[Role, list[str]]] = []
    for role, content in said:
        if not content or (role == "system" and kept):
            continue
        if kept and kept[-1][0] == role:
            kept[-1][1].append(content)
        elif role != "assistant" or (kept and kept[-1][0] == "user"):
            kept.append((role, [content]))
    if kept and kept[-1][0] == "user":
        kept.pop()
    if not any(role == "assistant" for role, _ in kept):
        return None
    if persona and kept[0][0] != "system":
        kept.insert(0, ("system", [persona]))
    return Conversation(tuple(Message(role, " ".join(contents)) for role, contents in kept))


def _persona(row: Mapping[str, Any], where: str) -> str:
    """Return who replies, as sentences: "I have two cats. I like tea."."""
    value = row.get("persona")
    if value is None or (isinstance(value, str) and not value.startswith("[")):
        return _string(row, "persona", where)
    lines = [line for line in _list(row, "persona", where) if line is not None]
    if not all(isinstance(line, str) for line in lines):
        raise UserError(f"{where}: 'persona' must be a string or a list of strings")
    return " ".join(
        line[0].upper() + line[1:] + ("." if line[-1].isalnum() else "") for line in map(clean, lines) if line
    )


def _list(row: Mapping[str, Any], name: str, where: str) -> list[Any]:
    value = row[name]
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise UserError(
                f'{where}: {name!r} must be a list; as a string, one of JSON like ["Hi.", "Hello."]'
            ) from None
    if not isinstance(value, list):
        raise UserError(f"{where}: {name!r} must be a list, not {_kind(value)}")
    return value


def _string(row: Mapping[str, Any], name: str, where: str) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UserError(f"{where}: {name!r} must be a string, not {_kind(value)}")
    return clean(value)


def _kind(value: Any) -> str:
    return type(value).__name__
