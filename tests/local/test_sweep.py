"""Which containers have crashed, by what Docker lists."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from ops.local import sweep


@contextmanager
def docker(body: bytes, asked: list[str]) -> Iterator[str]:
    """Answer as Docker does to a list of containers; yield the host."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"tcp://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("statuses", "count"),
    [
        ([], 0),
        (["Exited (0) 2 minutes ago"], 0),
        (["Exited (137) 3 seconds ago", "Exited (0) 1 second ago", "Exited (1) 2 hours ago"], 2),
        (["Dead"], 1),
        ([None], 1),
    ],
)
def test_a_container_that_ended_otherwise_than_with_0_has_crashed(statuses: list[str | None], count: int) -> None:
    asked: list[str] = []
    with docker(json.dumps([{"Status": one} for one in statuses]).encode(), asked) as host:
        assert sweep.crashed(host, "convos.emulator.data=/a b") == count
    filters = json.loads(parse_qs(urlsplit(asked[-1]).query)["filters"][0])
    assert filters == {"label": ["convos.emulator.data=/a b"], "status": ["exited", "dead"]}


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"[1]", b'"x"', b"\xff"])
def test_an_answer_that_is_no_list_tells_of_none(body: bytes) -> None:
    with docker(body, []) as host:
        assert sweep.crashed(host, "a=b") == 0


def test_no_docker_tells_of_none() -> None:
    assert sweep.crashed("tcp://127.0.0.1:1", "a=b") == 0
