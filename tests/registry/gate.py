"""A gate in front of a real registry: it asks for a login, pages, redirects blobs, fails on demand, and keeps a record.

with Gate(registry.host, login="bearer") as gate:
    resolve(f"{gate.host}/convos/runtime:scaling")
    gate.seen      # every request, with its Authorization header
"""

from __future__ import annotations

import base64
import itertools
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs, urlsplit

import requests

if TYPE_CHECKING:
    from types import TracebackType

_PASSED_ON = ("Content-Type", "Docker-Content-Digest", "Location", "Link")


@dataclass(frozen=True)
class Seen:
    """One request that arrived."""

    method: str
    path: str
    authorization: str


@dataclass(frozen=True)
class Canned:
    """An answer that is given instead of the registry's."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Gate:
    """An HTTP server on loopback.

    Args:
        upstream: `host:port` of the registry behind it.
        login: `none`, `basic` or `bearer`.
        accounts: the passwords by user; without any, tokens are given to everybody.
        address: where to listen: any of 127.0.0.0/8 is this machine, and each is another host.
    """

    def __init__(
        self,
        upstream: str,
        login: str = "none",
        accounts: Mapping[str, str] | None = None,
        address: str = "127.0.0.1",
    ) -> None:
        self.upstream = upstream
        self.login = login
        self.accounts = dict(accounts or {})
        self.seen: list[Seen] = []
        self.canned: dict[str, list[Canned]] = {}
        """Answers by the beginning of `METHOD path`, each given once, in order."""
        self.blob_host = ""
        """Where blobs are redirected to, as GHCR does."""
        self.page = 0
        """How many tags are in a page; 0 for all."""
        self.instead: Callable[[str, str, str], Canned] | None = None
        """Answers everything in place of the registry: method, path, authorization."""
        self.tokens: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self._server = ThreadingHTTPServer((address, 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self.host = f"{address}:{self._server.server_address[1]}"
        self.realm = f"http://{self.host}/token"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)

    def can(self, request: str, *answers: Canned) -> None:
        """Give these answers, in order, to requests that begin like `GET /v2/…`."""
        self.canned.setdefault(request, []).extend(answers)

    def expire(self) -> None:
        """Forget every token that was given."""
        self.tokens.clear()

    def authorizations(self) -> list[str]:
        return [seen.authorization for seen in self.seen if seen.authorization]

    def answer(self, method: str, path: str, authorization: str) -> Canned:
        self.seen.append(Seen(method, path, authorization))
        for begins, answers in self.canned.items():
            if f"{method} {path}".startswith(begins) and answers:
                return answers.pop(0)
        if self.instead is not None:
            return self.instead(method, path, authorization)
        if path.startswith("/token"):
            return self._give_token(path, authorization)
        if not self._may_pass(path, authorization):
            return Canned(401, {"WWW-Authenticate": self._challenge(path)}, _error("UNAUTHORIZED"))
        if self.blob_host and "/blobs/" in path:
            return Canned(307, {"Location": f"http://{self.blob_host}{path}"})
        if self.page and path.partition("?")[0].endswith("/tags/list"):
            return self._tags_page(path)
        return self._pass_on(method, path)

    def _give_token(self, path: str, authorization: str) -> Canned:
        if self.accounts and not self._is_known(authorization):
            return Canned(403, {}, _error("DENIED"))
        scope = parse_qs(urlsplit(path).query).get("scope", [""])[0]
        token = f"token-{next(self._numbers)}"
        self.tokens[token] = scope
        return Canned(200, {"Content-Type": "application/json"}, json.dumps({"token": token}).encode())

    def _is_known(self, authorization: str) -> bool:
        pairs = (f"{user}:{password}".encode() for user, password in self.accounts.items())
        return authorization in {f"Basic {base64.b64encode(pair).decode()}" for pair in pairs}

    def _may_pass(self, path: str, authorization: str) -> bool:
        if self.login == "none":
            return True
        if self.login == "basic":
            return self._is_known(authorization)
        scope = self.tokens.get(authorization.removeprefix("Bearer "), "")
        return path == "/v2/" or (bool(scope) and path.startswith(f"/v2/{scope.split(':')[1]}/"))

    def _challenge(self, path: str) -> str:
        if self.login == "basic":
            return 'Basic realm="registry"'
        repository = (
            path.removeprefix("/v2/").partition("/manifests/")[0].partition("/blobs/")[0].partition("/tags/")[0]
        )
        return f'Bearer realm="{self.realm}",service="gate",scope="repository:{repository}:pull,push"'

    def _tags_page(self, path: str) -> Canned:
        parts = urlsplit(path)
        document = json.loads(self._pass_on("GET", parts.path).body)
        last = parse_qs(parts.query).get("last", [""])[0]
        rest = [tag for tag in sorted(document["tags"]) if tag > last]
        page, more = rest[: self.page], len(rest) > self.page
        headers = {"Link": f'<{parts.path}?last={page[-1]}&n={self.page}>; rel="next"'} if more else {}
        return Canned(200, headers, json.dumps({"name": document["name"], "tags": page}).encode())

    def _pass_on(self, method: str, path: str) -> Canned:
        accept = {"Accept": "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"}
        with requests.Session() as session:
            session.trust_env = False  # the tests set proxies and a netrc, for the program under test
            url = f"http://{self.upstream}{path}"
            answer = session.request(method, url, headers=accept, allow_redirects=False, timeout=10)
        headers = {key: answer.headers[key] for key in _PASSED_ON if key in answer.headers}
        if method == "HEAD":
            headers["Content-Length"] = answer.headers.get("Content-Length", "0")
        return Canned(answer.status_code, headers, answer.content)


def _error(code: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": code.lower()}]}).encode()


def _handler(gate: Gate) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            answer = gate.answer(self.command, self.path, self.headers.get("Authorization", ""))
            self.send_response(answer.status)
            for key, value in answer.headers.items():
                self.send_header(key, value)
            if "Content-Length" not in answer.headers:
                self.send_header("Content-Length", str(len(answer.body)))
            self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)

        do_GET = do_HEAD = do_DELETE = handle_one  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            del format, args

    return Handler
