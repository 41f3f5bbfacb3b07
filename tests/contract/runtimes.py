"""Runtimes under contract: the reference runtime and the double of today's as processes, any image, any address."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests import needs
from tests.support.ports import free_port

CHECKOUT = Path(__file__).resolve().parents[2]
TODAY = Path(__file__).parent / "today"
COMMAND = "node scripts/pool-server.js"
COMMAND_TODAY = "node convos-platform/pool-server/dist/index.js"


@dataclass(frozen=True)
class Edition:
    """Where the editions of the contract differ.

    Attributes:
        secret: the variable with the key that the runtime wants to hear.
        restart: the path that restarts the gateway.
        has_open_health: whether the health is told without a key.
        health: what the health's answer has.
    """

    secret: str
    restart: str
    has_open_health: bool
    health: frozenset[str]


THEN = Edition("POOL_API_KEY", "/pool/restart-gateway", has_open_health=False, health=frozenset({"ready"}))
NOW = Edition("GATEWAY_TOKEN", "/pool/restart", has_open_health=True, health=frozenset({"ready", "version", "runtime"}))
EDITIONS = {"then": THEN, "today": NOW}
HURRIED = {"RUNTIME_PROVISION_TRIES": "3", "RUNTIME_PROVISION_PAUSE_MS": "10", "RUNTIME_POLL_MS": "50"}
"""The reference runtime gives up at once what it would try for half a minute."""


@dataclass
class Runtime:
    """A runtime that was started.

    Attributes:
        url: where it answers.
        key: what it wants to hear; empty if everything is open.
        edition: which contract it has.
        seconds: how long it may take to get ready.
        process: where it is a process of this machine.
    """

    url: str
    key: str
    edition: Edition
    seconds: float = 30.0
    process: subprocess.Popen[bytes] | None = None
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.session.trust_env = False

    def call(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, raw: bytes | None = None
    ) -> requests.Response:
        """Send a request with the key, with another one, or without one where `key` is empty."""
        given = self.key if key is None else key
        headers = {"Authorization": f"Bearer {given}"} if given else {}
        # A provision is 30 tries of 10 s each, a second apart.
        return self.session.request(method, self.url + path, json=body, data=raw, headers=headers, timeout=360)

    def health(self) -> requests.Response | None:
        """Return the answer, None if nothing listens yet."""
        with suppress(requests.ConnectionError):
            return self.call("GET", "/pool/health")
        return None

    def is_ready(self) -> bool:
        """Tell whether it says so."""
        answer = self.health()
        return answer is not None and answer.status_code == 200 and answer.json()["ready"] is True

    def wait_ready(self) -> Runtime:
        """Wait until it says that it is ready."""
        until(self.is_ready, self.seconds, "ready")
        return self

    def provision(self, **more: Any) -> requests.Response:
        """Give it a conversation."""
        body = {"agentName": "Ada Lovelace", "instructions": "Be brief.", **more}
        return self.call("POST", "/pool/provision", body)

    def upgrade(self, path: str) -> bytes:
        """Ask for a WebSocket, and return the status line."""
        host, _, port = self.url.partition("://")[2].partition(":")
        request = (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        with socket.create_connection((host, int(port or 80)), timeout=15) as client:
            client.sendall(request.encode())
            return client.makefile("rb").readline()


Start = Callable[..., Any]
"""(key, **variables) -> a context manager of a Runtime."""


def until(is_true: Callable[[], object], seconds: float, what: str) -> None:
    """Wait for something, with patience."""
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def reference(folder: Path) -> Start:
    """Return how the reference runtime is started: as a process, hurried."""
    return _process(folder, CHECKOUT / "runtime", COMMAND, THEN, HURRIED)


def today(folder: Path) -> Start:
    """Return how the double of today's runtime is started."""
    return _process(folder, TODAY, COMMAND_TODAY, NOW, {})


def image(reference: str, command: str, edition: Edition, env_file: str = "") -> Start:
    """Return how an image is started: in a container, as on Railway."""

    @contextmanager
    def start(key: str = "", **variables: str) -> Iterator[Runtime]:
        values = {"PORT": "8080", "OPENCLAW_STATE_DIR": "/app", **({edition.secret: key} if key else {}), **variables}
        flags = [flag for name, value in values.items() for flag in ("--env", f"{name}={value}")]
        flags += ["--env-file", env_file] if env_file else []
        run = ["docker", "run", "--detach", "--publish", "127.0.0.1::8080", *flags, reference, *shlex.split(command)]
        container = subprocess.run(run, check=True, capture_output=True, text=True).stdout.strip()
        try:
            ports = subprocess.run(
                ["docker", "port", container, "8080/tcp"], check=True, capture_output=True, text=True
            )
            yield Runtime(f"http://{ports.stdout.split()[0]}", key, edition, seconds=180)
        finally:
            subprocess.run(["docker", "rm", "--force", "--volumes", container], check=True, capture_output=True)

    return start


def _process(folder: Path, place: Path, command: str, edition: Edition, hurried: Mapping[str, str]) -> Start:
    started = iter(range(1000))

    @contextmanager
    def start(key: str = "", **variables: str) -> Iterator[Runtime]:
        if shutil.which("node") is None:
            needs.NODE.skip()
        own = folder / str(next(started))
        own.mkdir(parents=True)
        port = free_port()
        env = {"PATH": os.environ["PATH"], "PORT": str(port), "OPENCLAW_GATEWAY_PORT": str(free_port()), **hurried}
        env |= {"OPENCLAW_STATE_DIR": str(own), "RAILWAY_VOLUME_MOUNT_PATH": str(own / "volume"), **variables}
        env |= {edition.secret: key} if key else {}
        with (own / "log").open("wb") as log:
            process = subprocess.Popen(
                command.split(), cwd=place, env=env, stdout=log, stderr=log, start_new_session=True
            )
        try:
            yield Runtime(f"http://127.0.0.1:{port}", key, edition, process=process)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)

    return start
