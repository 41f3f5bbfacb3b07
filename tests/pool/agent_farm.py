"""Agents where the emulator starts no containers: one server that answers for each, in the runtime's own words."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Farm:
    """What the agents do. An agent is ready unless its id is in `unready`.

    Attributes:
        url: with `{id}`, as POOL_AGENT_URL takes it.
        tokens: the bearer tokens that came with claims.
        conversations: agent id -> what it was told, and its conversation's id.
        lose_answers: how many answers to claims are cut off after the conversation was made.
        busy: agents that say that they are in a conversation already.
    """

    url: str = ""
    unready: set[str] = field(default_factory=set)
    busy: set[str] = field(default_factory=set)
    tokens: set[str] = field(default_factory=set)
    conversations: dict[str, tuple[dict[str, Any], str]] = field(default_factory=dict)
    lose_answers: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    hold: threading.Event | None = None

    def provision(self, agent_id: str, wanted: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        if self.hold is not None:
            self.hold.wait(30)
        with self.lock:
            known = self.conversations.setdefault(agent_id, (wanted, str(uuid.uuid4())))
            if known[0] != wanted or agent_id in self.busy:
                return 409, {"error": "this agent is in a conversation already"}
            if self.lose_answers > 0:
                self.lose_answers -= 1
                return None
        invite = wanted["joinUrl"] or f"https://convos.org/v2?i={known[1]}"
        return 200, {"conversationId": known[1], "inviteUrl": invite, "joined": bool(wanted["joinUrl"])}


class _Handler(BaseHTTPRequestHandler):
    farm: Farm

    def do_GET(self) -> None:
        agent_id = self.path.split("/")[1]
        ready = agent_id not in self.farm.unready
        self._send(200 if ready else 503, {"ready": ready})

    def do_POST(self) -> None:
        agent_id = self.path.split("/")[1]
        wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.farm.tokens.add(self.headers.get("Authorization", "").removeprefix("Bearer "))
        answer = self.farm.provision(agent_id, wanted)
        if answer is not None:
            self._send(*answer)

    def _send(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@contextmanager
def running_farm() -> Iterator[Farm]:
    farm = Farm()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"farm": farm}))
    server.daemon_threads = True
    farm.url = f"http://127.0.0.1:{server.server_address[1]}/{{id}}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield farm
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
