"""An HTTP server on loopback that answers what a test has written down, in order, and keeps what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Answer:
    """One answer; `cut` closes the connection after the headers, `refuse` before anything."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    cut: bool = False
    refuse: bool = False


def data(value: Any, **headers: str) -> Answer:
    return Answer(body=json.dumps({"data": value}).encode(), headers={**JSON, **headers})


def errors(*rows: Mapping[str, Any], status: int = 200) -> Answer:
    return Answer(status, json.dumps({"data": None, "errors": list(rows)}).encode())


def said(message: str, code: str = "INTERNAL_SERVER_ERROR") -> Answer:
    return errors({"message": message, "path": ["x"], "extensions": {"code": code}})


@dataclass(frozen=True)
class Asked:
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


@dataclass
class Scripted:
    """The server's script: `answers` are used up in order, the last one stays."""

    endpoint: str
    answers: list[Answer]
    asked: list[Asked] = field(default_factory=list)

    @property
    def operations(self) -> list[str]:
        return [str(one.body["operationName"]) for one in self.asked]


@contextmanager
def scripted(*answers: Answer) -> Iterator[Scripted]:
    """Serve `answers` until the block ends."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                script.asked.append(Asked(self.path, dict(self.headers), body))
                answer = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
            if answer.refuse:
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if answer.cut:
                self.close_connection = True
                return
            self.wfile.write(answer.body)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    script = Scripted(f"http://127.0.0.1:{server.server_port}/graphql/v2", list(answers))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class FakeTime:
    """A clock that only moves when somebody sleeps."""

    def __init__(self, wall: float = 1_800_000_000.0) -> None:
        self.now = 0.0
        self.began = wall
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def clock(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.began + self.now
