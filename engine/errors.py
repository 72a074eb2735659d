"""The two kinds of failure a front end reports in one line."""


class UserError(ValueError):
    """What the user gave cannot be used; the message names the thing and the remedy. Exit code 2."""


class EngineError(RuntimeError):
    """What was asked failed through no fault of the request (a full disk, a broken file). Exit code 1."""


class SourceUnavailable(EngineError):  # noqa: N818 -- it says what is the matter, and with what
    """A source of text cannot be had now: no network, a set that is gone. A mix may do without it."""


class CancelledError(Exception):
    """A long preparation was told to stop."""
