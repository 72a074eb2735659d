"""Requests to the hub with a patience that ends, and failures that say what to do.

`datasets` and huggingface_hub would repeat a request for half an hour. Here each gets a few seconds and a few
attempts; a body that is cut off goes on from its last byte; a wait that the hub asks for is kept if it is short. What
then still fails is a `SourceUnavailable` of one line, and passes through both libraries as it is. Bodies are read
whole: all that is asked for are descriptions and parts of files. The ends of files, which hold parquet's footers and
are asked for with every row group, are kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from huggingface_hub import set_client_factory
from huggingface_hub.utils import httpx

from engine.conversation import printable
from engine.errors import SourceUnavailable

CONNECT_SECONDS = 4.0
SILENT_SECONDS = 10.0
"""Longest wait for the next bytes of an answer."""
FIRST_ATTEMPTS, ATTEMPTS = 2, 4
"""Of one request, as long as nothing more of it arrives: before the hub has answered at all, and after."""
CUTS = 20
"""Most times that one body may be cut off."""
LONGEST_WAIT_SECONDS = 60.0
"""Longest wait that the hub may ask for."""

_BUSY = {408, 425, 429, 500, 502, 503, 504}
_TAIL_BYTES = 8_000_000
_FOOTER_BYTES = 1 << 16
"""A footer is asked for in two parts if it is longer than this."""
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_RESET = re.compile(r"r\s*=\s*0\s*;\s*t\s*=\s*(\d+)")


class RevisionGone(SourceUnavailable):
    """There is no version of a set by that name."""


class HubClient(httpx.Client):
    """What huggingface_hub sends its requests through."""

    def __init__(self, name: str, repository: str, pause: Callable[[float, str], None]) -> None:
        """`pause(seconds, why)` waits; `name` and `repository` are for messages."""
        super().__init__(follow_redirects=True, timeout=httpx.Timeout(SILENT_SECONDS, connect=CONNECT_SECONDS))
        self.received = 0
        """Bytes of the insides of files so far: not of descriptions, nor of the ends of files."""
        self._name, self._repository, self._pause = name, repository, pause
        self._answered = False
        self._tails: dict[tuple[str, str], httpx.Response] = {}

    def send(self, request: httpx.Request, *, stream: bool = False, **options: Any) -> httpx.Response:
        """Return the whole answer to a request; SourceUnavailable if there is none that is of use."""
        del stream
        asked = request.headers.get("range", "")
        key = (str(request.url), asked)
        if key in self._tails:
            return self._tails[key]
        request.extensions["timeout"] = self.timeout.as_dict()
        request.headers["accept-encoding"] = "identity"
        response = self._receive(request, options)
        self._refuse(response)
        if asked and response.status_code == HTTPStatus.OK:
            raise self._unavailable("the server sends no parts of files; leave out HF_ENDPOINT, or name another one")
        if asked and _is_tail(response):
            self._tails[key] = response
        elif asked:
            self.received += len(response.content)
        return response

    def _receive(self, request: httpx.Request, options: dict[str, Any]) -> httpx.Response:
        ranged = _RANGE.fullmatch(request.headers.get("range", ""))
        body = bytearray()
        failures = cuts = 0
        while True:
            before, wait = len(body), 0.5 * 2**failures
            try:
                response = super().send(request, stream=True, **options)
                try:
                    if response.status_code in _BUSY:
                        why, wait = _busy(response, wait)
                    elif body and response.status_code != HTTPStatus.PARTIAL_CONTENT:
                        why = "the file changed, or is sent as a whole only"
                    else:
                        for chunk in response.iter_raw():
                            body += chunk
                        self._answered = True
                        return _whole(response, bytes(body))
                finally:
                    response.close()
            except httpx.TransportError as error:
                why = _lost(error)
            if len(body) > before:
                failures, cuts = 0, cuts + 1
            failures += 1
            if failures >= (ATTEMPTS if self._answered else FIRST_ATTEMPTS) or cuts >= CUTS:
                raise self._unavailable(f"{why}; run the same command again to go on from here")
            if wait > LONGEST_WAIT_SECONDS:
                raise self._unavailable(f"{why} and asks to wait {wait:.0f} seconds; run the same command again then")
            if not ranged:
                body.clear()
            elif body:
                request.headers["range"] = f"bytes={int(ranged[1]) + len(body)}-{ranged[2]}"
            self._pause(wait, why)

    def _refuse(self, response: httpx.Response) -> None:
        """Raise SourceUnavailable for an answer that says no; a file that is not there is the libraries' matter."""
        status, code = response.status_code, response.headers.get("x-error-code", "")
        page = f"https://huggingface.co/datasets/{self._repository}"
        if code == "RevisionNotFound":
            raise RevisionGone(f"hub:{self._name}: there is no such version of {self._repository} (any more)")
        if "Invalid credentials" in response.headers.get("x-error-message", ""):
            raise self._unavailable("the hub does not accept the access token; renew or unset HF_TOKEN")
        missing = status == HTTPStatus.UNAUTHORIZED or (
            status == HTTPStatus.NOT_FOUND and "/api/datasets/" in str(response.request.url)
        )
        if code == "RepoNotFound" or (missing and not code):
            raise self._unavailable(f"there is no public data set {self._repository} (any more); leave the source out")
        if code == "GatedRepo":
            raise self._unavailable(f"its owners ask for consent; accept the licence at {page} and set HF_TOKEN")
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise self._unavailable(
                f"access is refused ({status}); see {page}, and set HF_TOKEN if it asks for consent"
            )

    def _unavailable(self, message: str) -> SourceUnavailable:
        return SourceUnavailable(f"hub:{self._name}: {message}")


@contextmanager
def through(client: HubClient) -> Iterator[None]:
    """Send what huggingface_hub asks for through `client`."""
    set_client_factory(lambda: client)
    try:
        yield
    finally:
        set_client_factory(lambda: httpx.Client(follow_redirects=True, timeout=SILENT_SECONDS))


def _whole(response: httpx.Response, body: bytes) -> httpx.Response:
    """Return an answer with the body that arrived in one or more pieces."""
    return httpx.Response(
        response.status_code, headers=response.headers, content=body, request=response.request, history=response.history
    )


def _busy(response: httpx.Response, wait: float) -> tuple[str, float]:
    """Return why an answer is not one, and how many seconds to wait."""
    status = response.status_code
    asked = response.headers.get("retry-after", "")
    reset = _RESET.search(response.headers.get("ratelimit", ""))
    if reset:
        wait = float(reset[1])
    elif asked.isdigit():
        wait = float(asked)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "the hub has had too many requests from here (429)", wait
    return f"the hub is out of order ({status})", wait


def _lost(error: httpx.TransportError) -> str:
    """Say in a few words how the connection failed."""
    if isinstance(error, httpx.TimeoutException):
        return "the hub does not answer"
    if isinstance(error, httpx.ConnectError):
        return f"no connection to the hub ({printable(str(error))[:80]}); check the network"
    if isinstance(error, httpx.UnsupportedProtocol):
        return "HF_ENDPOINT is no address that begins with https://"
    if isinstance(error, httpx.ProxyError):
        return "the proxy does not let through to the hub; check HTTPS_PROXY"
    return "the connection to the hub is cut again and again"


def _is_tail(response: httpx.Response) -> bool:
    """Whether an answer is a part of a file that ends where its footer does."""
    match = re.fullmatch(r"bytes \d+-(\d+)/(\d+)", response.headers.get("content-range", ""))
    return match is not None and len(response.content) < _TAIL_BYTES and int(match[1]) > int(match[2]) - _FOOTER_BYTES
