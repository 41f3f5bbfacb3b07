"""Railway behind a door that holds chosen calls: they are neither answered nor lost, until the door is opened."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

HELD_SECONDS = 60.0


@dataclass
class Door:
    """What is held.

    Attributes:
        url: where the pool manager calls.
        holds: the operations that are held, by the names of their documents; `*` for all.
        reached: set when one is held.
        opened: set when they go on.
    """

    target: str
    url: str = ""
    holds: set[str] = field(default_factory=set)
    reached: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def let_go(self) -> None:
        """Hold nothing any more, and let go on what is held."""
        self.holds = set()
        self.opened.set()
        self.opened = threading.Event()

    def pass_on(self, body: bytes, headers: dict[str, str]) -> requests.Response:
        name = json.loads(body).get("operationName")
        if self.holds & {name, "*"}:
            self.reached.set()
            self.opened.wait(HELD_SECONDS)
        return requests.post(self.target, data=body, headers=headers, timeout=60)


class _Handler(BaseHTTPRequestHandler):
    door: Door

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kept = ("authorization", "project-access-token", "content-type", "user-agent")
        headers = {name: value for name, value in self.headers.items() if name.lower() in kept}
        with contextlib.suppress(OSError):
            answer = self.door.pass_on(body, headers)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def door(target: str) -> Iterator[Door]:
    """Put a door before Railway."""
    found = Door(target)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"door": found}))
    server.daemon_threads = True
    found.url = f"http://127.0.0.1:{server.server_address[1]}/graphql/v2"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield found
    finally:
        found.opened.set()
        server.shutdown()
        server.server_close()
