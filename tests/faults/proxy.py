"""A proxy between Railway's clients and Railway that counts requests and lets one of them go wrong."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_SECONDS = 60.0
_OPERATION = re.compile(r"\b(?:query|mutation)\s+(\w+)")
_HOP_BY_HOP = {"connection", "content-length", "host", "keep-alive", "transfer-encoding", "accept-encoding"}


class Mode(StrEnum):
    """What goes wrong: `KILL_BEFORE` never reaches Railway, `KILL_AFTER` and `DROP_ANSWER` are applied there."""

    KILL_BEFORE = "kill-before"
    KILL_AFTER = "kill-after"
    DROP_ANSWER = "drop-answer"
    RATE_LIMITED = "429"
    BAD_GATEWAY = "502"


KILLS = frozenset({Mode.KILL_BEFORE, Mode.KILL_AFTER})
APPLIED = frozenset({Mode.KILL_AFTER, Mode.DROP_ANSWER})


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong once.

    Attributes:
        position: of the request, from 1.
        mode: what happens to it.
    """

    position: int
    mode: Mode


@dataclass
class FaultProxy:
    """A proxy on loopback.

    Attributes:
        target: the URL that everything is forwarded to.
        fault: what goes wrong, None if nothing does.
        kill: ends all client processes; called while the request at the fault's position is held.
        operations: the GraphQL operation names of all requests so far, in their order.
    """

    target: str
    fault: Fault | None = None
    kill: Callable[[], None] = lambda: None
    port: int = 0
    operations: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"http://127.0.0.1:{self.port}{urlsplit(self.target).path}"

    def hit(self) -> str:
        """Return the operation that the fault hit, or the empty string where no request came so far."""
        reached = self.fault is not None and self.fault.position <= len(self.operations)
        return self.operations[self.fault.position - 1] if reached and self.fault is not None else ""

    def arrived(self, body: bytes) -> Mode | None:
        """Count a request; returns what goes wrong with it."""
        found = _OPERATION.search(str(json.loads(body).get("query", "")))
        with self.lock:
            self.operations.append(found.group(1) if found else "?")
            here = self.fault is not None and len(self.operations) == self.fault.position
        return self.fault.mode if here and self.fault is not None else None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _SECONDS
    proxy: FaultProxy

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        mode = self.proxy.arrived(body)
        if mode is Mode.RATE_LIMITED:
            return self._answer(429, b"{}", {"Content-Type": "application/json", "Retry-After": "1"})
        if mode is Mode.BAD_GATEWAY:
            return self._answer(502, b"<html>Bad Gateway</html>", {"Content-Type": "text/html"})
        if mode is Mode.KILL_BEFORE:
            self.proxy.kill()
            return self._hang_up()
        status, answer, headers = self._forward(body)
        if mode is Mode.KILL_AFTER:
            self.proxy.kill()
        if mode in APPLIED:
            return self._hang_up()
        return self._answer(status, answer, headers)

    def _forward(self, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        parts = urlsplit(self.proxy.target)
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=_SECONDS)
        sent = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
        try:
            connection.request("POST", self.path, body, sent)
            response = connection.getresponse()
            answer = response.read()
            back = {name: value for name, value in response.getheaders() if name.lower() not in _HOP_BY_HOP}
            return response.status, answer, back
        finally:
            connection.close()

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Print nothing; `operations` is the log."""


class _Server(ThreadingHTTPServer):
    # Clients keep connections open; their threads end with them, or with the test's process.
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A killed client's connection breaks, as it must."""


@contextmanager
def running_proxy(target: str, fault: Fault | None = None) -> Iterator[FaultProxy]:
    """Run a proxy on a free port of loopback until the end of the block."""
    proxy = FaultProxy(target, fault)
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": proxy}))
    proxy.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
