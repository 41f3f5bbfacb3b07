"""The runtime as a process of this machine: its contract needs Node and no container."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess

RUNTIME = Path(__file__).resolve().parents[2] / "runtime"
READY_SECONDS = 20.0


def eventually(ask: Callable[[], Any], what: str, seconds: float = READY_SECONDS) -> Any:
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)
    return answer


@dataclass
class PoolServer:
    """`node scripts/pool-server.js` with a state folder of its own."""

    process: subprocess.Popen[bytes]
    port: int
    gateway_port: int
    state: Path
    log: Path
    key: str = ""

    def call(
        self, method: str, path: str, body: Any = None, token: str = "", raw: bytes | None = None
    ) -> tuple[int, Any]:
        data = raw if raw is not None else json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, method=method)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def ready(self) -> bool:
        try:
            return bool(self.call("GET", "/pool/health", token=self.key)[1]["ready"])
        except OSError:
            return False

    def wait_ready(self) -> PoolServer:
        eventually(self.ready, "ready")
        return self


Start = Callable[..., PoolServer]
