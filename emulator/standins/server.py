"""The HTTP server of both stand-ins: OpenRouter below /openrouter/api/v1, AgentMail below /agentmail/v0."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from emulator.standins.accounts import AgentMailAccount, OpenRouterAccount, Reply

OPENROUTER, AGENTMAIL = "/openrouter/api/v1", "/agentmail/v0"
MANAGEMENT_KEY, AGENTMAIL_KEY = "local-management-key", "local-agentmail-key"
"""The keys of the accounts of `make local`; they are not secret."""
LARGEST_BODY = 64 * 1024


@dataclass
class Standins:
    """Both accounts, their address, and the requests so far.

    Attributes:
        openrouter, agentmail: the accounts.
        url: the server's URL without a path.
        calls: `METHOD path` of each request, oldest first.
        failures: what happens to the next requests, in order. A positive number is answered as the HTTP status instead
            of doing the work; with 0, the work is done, but the connection is closed without an answer; with -1, the
            request is answered as usual.
    """

    openrouter: OpenRouterAccount
    agentmail: AgentMailAccount
    url: str = ""
    calls: list[str] = field(default_factory=list)
    failures: list[int] = field(default_factory=list)

    def answer(self, method: str, target: str, bearer: str, body: dict[str, Any]) -> Reply | None:
        """Answer a request; None closes the connection without an answer, after the work was done."""
        path = urlsplit(target).path
        self.calls.append(f"{method} {path}")
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None and failure > 0:
            return Reply(failure, {"error": {"message": "stand-in: told to fail"}})
        reply = self._routed(method, path, parse_qs(urlsplit(target).query), bearer, body)
        return None if failure == 0 else reply

    def _routed(self, method: str, path: str, query: dict[str, list[str]], bearer: str, body: dict[str, Any]) -> Reply:
        if path.startswith(f"{OPENROUTER}/keys"):
            if bearer != self.openrouter.management_key:
                return Reply(401, {"error": {"message": "Invalid management key", "code": 401}})
            rest = unquote(path.removeprefix(f"{OPENROUTER}/keys").strip("/"))
            return _keys(self.openrouter, method, rest, query, body)
        if path.startswith(f"{AGENTMAIL}/inboxes"):
            if bearer != self.agentmail.api_key:
                return Reply(403, {"message": "Forbidden"})
            rest = unquote(path.removeprefix(f"{AGENTMAIL}/inboxes").strip("/"))
            return _inboxes(self.agentmail, method, rest, query, body)
        return Reply(404, {"message": "Not Found"})


def _keys(
    account: OpenRouterAccount, method: str, rest: str, query: dict[str, list[str]], body: dict[str, Any]
) -> Reply:
    if method == "POST" and not rest:
        return account.create(body)
    if method == "GET" and not rest:
        offset = query.get("offset", ["0"])[0]
        return account.listed(int(offset) if offset.isdigit() else 0)
    if method == "GET":
        return account.one(rest)
    if method == "PATCH" and rest:
        return account.update(rest, body)
    return account.delete(rest) if method == "DELETE" and rest else Reply(405, {"error": {"message": "Not allowed"}})


def _inboxes(
    account: AgentMailAccount, method: str, rest: str, query: dict[str, list[str]], body: dict[str, Any]
) -> Reply:
    if method == "POST" and not rest:
        return account.create(body)
    if method == "GET" and not rest:
        limit = query.get("limit", ["20"])[0]
        return account.listed(int(limit) if limit.isdigit() else 20, query.get("page_token", [""])[0])
    if method == "GET":
        return account.one(rest)
    return account.delete(rest) if method == "DELETE" and rest else Reply(405, {"message": "Not allowed"})


class _Handler(BaseHTTPRequestHandler):
    standins: Standins
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def _answer(self) -> None:
        scheme, _, bearer = self.headers.get("Authorization", "").partition(" ")
        length = min(int(self.headers.get("Content-Length") or 0), LARGEST_BODY)
        raw = self.rfile.read(length)
        try:
            body = json.loads(raw) if raw else {}
        except ValueError:
            body = None
        if not isinstance(body, dict):
            self._send(Reply(400, {"error": {"message": "Invalid JSON"}}))
            return
        reply = self.standins.answer(self.command, self.path, bearer if scheme == "Bearer" else "", body)
        if reply is None:
            self.close_connection = True
            return
        self._send(reply)

    def _send(self, reply: Reply) -> None:
        data = json.dumps(reply.body).encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def server(
    standins: Standins, host: str = "127.0.0.1", port: int = 0, kind: type[ThreadingHTTPServer] = ThreadingHTTPServer
) -> ThreadingHTTPServer:
    """Return a server of both accounts that does not run yet.

    Args:
        standins: the accounts; their `url` is set.
        host: the address on which it listens.
        port: its port; 0 takes a free one.
        kind: the class of the server.
    """
    found = kind((host, port), type("Handler", (_Handler,), {"standins": standins}))
    found.daemon_threads = True
    standins.url = f"http://{host}:{found.server_address[1]}"
    return found


@contextmanager
def running(standins: Standins) -> Iterator[Standins]:
    """Serve both accounts on a free port of this machine until the context ends."""
    found = server(standins)
    thread = threading.Thread(target=found.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield standins
    finally:
        found.shutdown()
        found.server_close()
        thread.join(5)
