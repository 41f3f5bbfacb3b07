"""Agents where the emulator starts no containers: one server that answers for each, in the runtime's own words."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.pool.restarted_server import CuttingServer, RestartedServer


@dataclass
class Farm:
    """What the agents do. An agent is ready unless its id is in `unready`.

    Attributes:
        url: with `{id}`, as POOL_AGENT_URL takes it.
        tokens: the bearer tokens that came with claims.
        heard: every bearer token that an agent was sent, by its id.
        key_of: what an agent wants to hear; where it is not given, an agent takes any.
        forgetful: whether an agent answers a repeated claim as the team's does: an error 500, whatever was said.
        answers: what agents answer to a claim instead, by their id.
        conflicts_after_loss: whether an agent answers a repeated claim with 409 even in the same words.
        health: what agents answer to the question for their readiness instead, by their id: status and body.
        conversations: agent id -> what it was told, and its conversation's id.
        lose_answers: how many answers to claims are cut off after the conversation was made.
        busy: agents that say that they are in a conversation already.
        lies: agents that do something else with a connection than to answer, by their id; see `lies.py`.
        server: answers for them; restarting it restarts them all, with their conversations kept.
        hangs: agents that say nothing at all until `let_go` is set.
    """

    url: str = ""
    unready: set[str] = field(default_factory=set)
    busy: set[str] = field(default_factory=set)
    tokens: set[str] = field(default_factory=set)
    conversations: dict[str, tuple[dict[str, Any], str]] = field(default_factory=dict)
    heard: dict[str, set[str]] = field(default_factory=dict)
    key_of: Callable[[str], str | None] | None = None
    forgetful: bool = False
    conflicts_after_loss: bool = False
    health: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    lose_answers: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    hold: threading.Event | None = None
    lies: dict[str, Callable[[socket.socket], None]] = field(default_factory=dict)
    hangs: set[str] = field(default_factory=set)
    server: RestartedServer | None = None
    let_go: threading.Event = field(default_factory=threading.Event)

    def provision(self, agent_id: str, wanted: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        if self.hold is not None:
            self.hold.wait(30)
        if not wanted.get("agentName") or not wanted.get("instructions"):
            return 400, {"error": "agentName and instructions are required"}
        with self.lock:
            if self.forgetful and agent_id in self.conversations:
                return 500, {"error": "gateway: HTTP 409 after 30 tries"}
            if self.conflicts_after_loss and agent_id in self.conversations:
                return 409, {"error": "this agent is in a conversation already"}
            known = self.conversations.setdefault(agent_id, (wanted, str(uuid.uuid4())))
            if known[0] != wanted or agent_id in self.busy:
                return 409, {"error": "this agent is in a conversation already"}
            if self.lose_answers > 0:
                self.lose_answers -= 1
                return None
        invite = wanted.get("joinUrl") or f"https://convos.org/v2?i={known[1]}"
        return 200, {"conversationId": known[1], "inviteUrl": invite, "joined": bool(wanted.get("joinUrl"))}


class _Handler(BaseHTTPRequestHandler):
    farm: Farm

    def do_GET(self) -> None:
        agent_id = self.path.split("/")[1]
        if self._lies(agent_id):
            return
        if agent_id in self.farm.hangs:
            self.farm.let_go.wait(30)
        if not self._is_welcome(agent_id):
            return
        if agent_id in self.farm.health:
            self._send_raw(*self.farm.health[agent_id])
            return
        # 200 in every state: readiness is in the body alone.
        self._send(200, {"ready": agent_id not in self.farm.unready})

    def do_POST(self) -> None:
        agent_id = self.path.split("/")[1]
        wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self._lies(agent_id):
            return
        if not self._is_welcome(agent_id):
            return
        self.farm.tokens.add(self.headers.get("Authorization", "").removeprefix("Bearer "))
        if agent_id in self.farm.answers:
            self._send_raw(*self.farm.answers[agent_id])
            return
        answer = self.farm.provision(agent_id, wanted)
        if answer is not None:
            self._send(*answer)

    def _lies(self, agent_id: str) -> bool:
        if agent_id not in self.farm.lies:
            return False
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.farm.lies[agent_id](self.connection)
        return True

    def _is_welcome(self, agent_id: str) -> bool:
        given = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.farm.heard.setdefault(agent_id, set()).add(given)
        if self.farm.key_of is None or given == self.farm.key_of(agent_id):
            return True
        self._send(401, {"error": "Unauthorized"})
        return False

    def _send(self, status: int, body: dict[str, Any]) -> None:
        self._send_raw(status, json.dumps(body).encode())

    def _send_raw(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        # Whoever asked may have given up.
        with contextlib.suppress(ConnectionError):
            self.end_headers()
            self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@contextmanager
def running_farm() -> Iterator[Farm]:
    farm = Farm()
    handler = type("Handler", (_Handler,), {"farm": farm})
    farm.server = RestartedServer(lambda port: CuttingServer(("127.0.0.1", port), handler))
    farm.url = f"http://127.0.0.1:{farm.server.port}/{{id}}"
    try:
        yield farm
    finally:
        farm.server.stop()
