"""The log file of a session: what is of use when something went wrong, tracebacks included."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

LOG_BYTES = 1_000_000
logger = logging.getLogger("engine")
# Nothing may reach the terminal the console draws on, not even before there is a file.
logger.addHandler(logging.NullHandler())
logger.propagate = False


class _QuietFileHandler(RotatingFileHandler):
    """Goes on without the line where a log cannot be written: training matters more."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        del record


def open_log(path: Path) -> logging.Handler:
    """Send what the engine's modules log to `path` (at most two files of a megabyte) until `close_log`."""
    handler = _QuietFileHandler(path, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    return handler


def close_log(handler: logging.Handler) -> None:
    """Stop writing to the file of `handler`."""
    logger.removeHandler(handler)
    handler.close()
