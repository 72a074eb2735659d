"""A hub on loopback that serves data sets as huggingface.co does, and misbehaves when told to."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from engine.conversation import Document
from tests.engine.data.hub_sets import (
    Reader,
    noise,
    wikipedia,
)

API = re.compile(r"/api/datasets/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+)(?:/(.*))?)?")
RESOLVE = re.compile(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
STORED = re.compile(r"/stored/([^/]+/[^/]+)/([^/]+)/(.+)")


@dataclass
class LoopbackHub:
    """Data sets by identifier and commit, a log of what was asked for, and the faults that are switched on."""

    url: str = ""
    commits: dict[tuple[str, str], dict[str, bytes]] = field(default_factory=dict)
    """(identifier, commit) -> path -> content."""
    names: dict[tuple[str, str], str] = field(default_factory=dict)
    """(identifier, branch) -> commit."""
    asked: list[str] = field(default_factory=list)
    """Paths of all requests."""
    sent: int = 0
    """Bytes of all bodies."""
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """(status, headers) that the next requests for stored files get instead of the file; the last one for good."""
    cuts: list[int] = field(default_factory=list)
    """Bytes after which the next answers with a stored file are cut off; the last one for good."""
    whole_from: int = 10**9
    """The number of the answer with a stored file from which on only whole files are sent."""
    terse: bool = False
    """Whether refusals have no code that says why."""
    silent: bool = False
    """Whether stored files are promised and then not sent."""
    over: threading.Event = field(default_factory=threading.Event)
    """Set when the test is."""

    def publish(self, repository: str, files: Mapping[str, bytes], branch: str = "main") -> None:
        """Put a data set on the hub, or a new version of one."""
        found = hashlib.sha1()
        for path, content in files.items():
            found.update(path.encode() + content)
        self.commits[repository, found.hexdigest()] = dict(files)
        self.names[repository, branch] = found.hexdigest()

    def tree(self, repository: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """Return the commit that a branch or a commit stands for, and its files."""
        commit = self.names.get((repository, revision), revision)
        files = self.commits.get((repository, commit))
        return None if files is None else (commit, files)


class Handler(BaseHTTPRequestHandler):
    """Answers what `datasets` and huggingface_hub ask."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    disable_nagle_algorithm = True
    hub: LoopbackHub

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self.hub.asked.append(f"{self.command} {unquote(url.path)}")
        if match := API.fullmatch(url.path):
            self.describe(match, parse_qs(url.query))
        elif match := RESOLVE.fullmatch(url.path):
            self.resolve(match)
        elif match := STORED.fullmatch(url.path):
            self.store(match)
        else:
            self.answer(404)

    def describe(self, match: re.Match[str], query: dict[str, list[str]]) -> None:
        repository, what, revision, inside = match[1], match[2], unquote(match[3] or "main"), unquote(match[4] or "")
        tree = self.hub.tree(repository, revision)
        if not any(known == repository for known, _ in self.hub.commits):
            self.answer(404, {"X-Error-Code": "RepoNotFound"})
        elif tree is None:
            self.answer(404, {"X-Error-Code": "RevisionNotFound"})
        elif what != "tree":
            self.answer(200, {}, json.dumps({"id": repository, "sha": tree[0], "private": False, "siblings": []}))
        elif found := self.listing(tree[1], inside, query.get("recursive") in (["true"], ["True"])):
            self.answer(200, {}, json.dumps(found))
        else:
            self.answer(404, {"X-Error-Code": "EntryNotFound"}, json.dumps({"error": "no such folder"}))

    def listing(self, files: Mapping[str, bytes], inside: str, recursive: bool) -> list[dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for path, content in files.items():
            if inside and not path.startswith(f"{inside}/"):
                continue
            names = path.split("/")
            depth = len(inside.split("/")) if inside else 0
            for end in range(depth + 1, len(names) if recursive else min(len(names), depth + 2)):
                folder = "/".join(names[:end])
                found[folder] = {"type": "directory", "path": folder, "oid": "0" * 40, "size": 0}
            if recursive or len(names) == depth + 1:
                found[path] = {"type": "file", "path": path, "oid": "1" * 40, "size": len(content)}
        return list(found.values())

    def resolve(self, match: re.Match[str]) -> None:
        repository, revision, path = match[1], unquote(match[2]), unquote(match[3])
        tree = self.hub.tree(repository, revision)
        if tree is None:
            self.answer(404, {"X-Error-Code": "RevisionNotFound"})
            return
        commit, files = tree
        if path not in files:
            self.answer(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
        elif path.endswith(".parquet"):  # large files are stored elsewhere
            self.answer(302, {"Location": f"/stored/{repository}/{commit}/{match[3]}", "X-Repo-Commit": commit})
        else:
            headers = {"ETag": f'"{hashlib.sha1(files[path]).hexdigest()}"', "X-Repo-Commit": commit}
            self.answer(200, headers, files[path])

    def store(self, match: re.Match[str]) -> None:
        hub = self.hub
        if hub.answers:
            status, headers = hub.answers.pop(0) if len(hub.answers) > 1 else hub.answers[0]
            if status != 200:
                self.answer(status, headers)
                return
        content = hub.commits[match[1], match[2]][unquote(match[3])]
        status, headers = 200, {}
        hub.whole_from -= 1
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked and hub.whole_from >= 0:
            start, stop = int(asked[1]), min(int(asked[2] or len(content) - 1), len(content) - 1) + 1
            status, headers = 206, {"Content-Range": f"bytes {start}-{stop - 1}/{len(content)}"}
            content = content[start:stop]
        cut = (hub.cuts.pop(0) if len(hub.cuts) > 1 else hub.cuts[0]) if hub.cuts else len(content)
        self.answer(status, headers, content, 0 if hub.silent else cut)

    def answer(
        self, status: int, headers: Mapping[str, str] | None = None, content: bytes | str = b"", cut: int | None = None
    ) -> None:
        """Send an answer; of its content only `cut` bytes, if there are more."""
        body = content.encode() if isinstance(content, str) else content
        self.send_response(status)
        for name, value in (headers or {}).items():
            if name != "X-Error-Code" or not self.hub.terse:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        part = body[:cut]
        self.wfile.write(part)
        self.wfile.flush()
        self.hub.sent += len(part)
        if len(part) < len(body):
            self.close_connection = True
            if self.hub.silent:
                self.hub.over.wait()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """A hub with nothing on it, which the libraries take for theirs."""
    import datasets
    import huggingface_hub.constants as constants

    state = LoopbackHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": state}))
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}"
    # Both read HF_ENDPOINT when they are imported, which another test may have done.
    monkeypatch.setattr(constants, "ENDPOINT", state.url)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", state.url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", state.url)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield state
    state.over.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path / "spools")


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.data.hub_download.PART_BYTES", 100_000)


@pytest.fixture
def whole(hub, tmp_path) -> Iterator[list[Document]]:
    """What a download of a megabyte in 50 row groups gives when nothing goes wrong; the hub as before it."""
    hub.publish("wikimedia/wikipedia", wikipedia([noise(5000, number) for number in range(200)], 4))
    documents = Reader(tmp_path / "undisturbed")()
    hub.sent = 0
    hub.asked.clear()
    yield documents
