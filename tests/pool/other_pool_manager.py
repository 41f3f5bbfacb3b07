"""A double of another pool manager's HTTP API, on loopback: claims, drains and kills, and has no rollouts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "the-key-of-the-other-pool"
PREFIX = "convos-agent-"


@dataclass
class Other:
    """What it has, and what it was asked.

    Attributes:
        instances: its agents, as its status lists them.
        broken: what a tick answers; empty if Railway and the database are reached.
        odd: answers by path that take the place of its own.
    """

    instances: list[dict[str, Any]] = field(default_factory=list)
    broken: str = ""
    odd: dict[str, tuple[int, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        self.asked.append(f"{method} {path}")
        if path in self.odd:
            return self.odd[path]
        if (method, path) == ("GET", "/version"):
            return 200, {"version": "1.2.3", "environment": "dev"}
        if (method, path) == ("GET", "/api/pool/status"):
            return 200, {"counts": {"idle": len(self.instances)}, "instances": self.instances}
        if (method, path) == ("POST", "/api/pool/reconcile"):
            return (500, {"error": self.broken}) if self.broken else (200, {"ok": True, "counts": {}})
        if (method, path) == ("POST", "/api/pool/drain"):
            idle = [row for row in self.instances if row["status"] == "idle"][: int(body.get("count", 1))]
            self.instances = [row for row in self.instances if row not in idle]
            return 200, {"ok": True, "drained": len(idle), "counts": {}}
        if method == "DELETE" and path.startswith("/api/pool/instances/"):
            self.instances = [row for row in self.instances if row["id"] != path.rpartition("/")[2]]
            return 200, {"ok": True}
        return 404, "Cannot find it"


def agent(id_: str, status: str = "idle", name: str = "") -> dict[str, Any]:
    return {"id": id_, "name": name or f"{PREFIX}{id_}", "status": status, "serviceId": f"s-{id_}"}


@contextmanager
def other_pool_manager(*instances: dict[str, Any]) -> Iterator[Other]:
    """Run one until the end of the block."""
    other = Other(list(instances))

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path.startswith("/api/") and self.headers.get("Authorization") != f"Bearer {KEY}":
                status, found = 401, {"error": "unauthorized"}
            else:
                status, found = other.answer(self.command, self.path, json.loads(body or b"{}"))
            text = (found if isinstance(found, str) else json.dumps(found)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_DELETE = respond  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    other.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield other
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
