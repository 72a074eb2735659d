"""A conversation as a file: Markdown to read, or a line of JSON that `--data` can train on."""

from __future__ import annotations

import json
from pathlib import Path

from engine.conversation import Conversation
from engine.errors import EngineError, UserError

SPEAKERS = {"system": "System", "user": "You", "assistant": "Model"}


def to_markdown(conversation: Conversation) -> str:
    """Return the conversation for people: a paragraph a message, the speaker in bold."""
    return "\n".join(f"**{SPEAKERS[one.role]}:** {one.content}\n" for one in conversation.messages)


def to_json_line(conversation: Conversation) -> str:
    """Return the conversation as one line: `{"messages": [{"role": ..., "content": ...}, ...]}`."""
    messages = [{"role": one.role, "content": one.content} for one in conversation.messages]
    return json.dumps({"messages": messages}, ensure_ascii=False) + "\n"


def save_transcript(conversation: Conversation, path: Path, *, replace: bool = False) -> None:
    """Write a conversation to a `.md` or `.jsonl` file; a file that exists is refused unless `replace`."""
    if path.suffix not in {".md", ".jsonl"}:
        raise UserError(f"{path}: give a file name that ends in .md or .jsonl")
    text = to_markdown(conversation) if path.suffix == ".md" else to_json_line(conversation)
    try:
        with path.open("w" if replace else "x", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except FileExistsError:
        raise UserError(f"{path}: there is a file of this name; give another name") from None
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UserError(f"{path}: cannot be written ({reason}); give another place") from None
    except OSError as error:
        raise EngineError(f"{path}: cannot be written ({error.strerror})") from error
