"""A pool manager that answers what a destroy and a rollout ask."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.railway.fix_resources import Props


@dataclass
class Pool:
    """What a pool manager answers; the real one is asked in tests/pool and tests/stack.

    Attributes:
        agents: rows of its status.
        asked: the paths of the requests so far.
        url: where it answers.
        dead: whether it accepts a connection and says nothing, as one that crashed behind a proxy.
    """

    agents: list[Props] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    url: str = ""
    dead: bool = False


@contextmanager
def answering_pool() -> Iterator[Pool]:
    """Run a server on loopback that answers as a pool manager does."""
    pool = Pool()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if pool.dead:
                self.close_connection = True
                return
            pool.asked.append(self.path)
            body = json.dumps({"agents": pool.agents, "left": 0, "opened": False, "lines": []}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _answer  # noqa: N815  # called by these names

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    pool.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield pool
    finally:
        server.shutdown()
        server.server_close()
