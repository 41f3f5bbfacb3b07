"""An emulator of one's own, in a process of its own: `with running_emulator(tmp_path) as emulator: …`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.emulator.behaviours import CHOSEN
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
TOKEN = "test-account-token"
SETTLED = {"SUCCESS", "FAILED", "CRASHED", "REMOVED", "SKIPPED", "SLEEPING"}


class EmulatorError(AssertionError):
    """The emulator answered with GraphQL errors; `errors` is the list as it came."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        self.errors = errors
        super().__init__("; ".join(str(error.get("message")) for error in errors))


@dataclass
class Emulator:
    """A running emulator.

    Attributes:
        endpoint: the GraphQL endpoint.
        admin_url: what the test switches begin with, `…/_emulator`.
        token: an account token.
        log: the file with what the process printed.
    """

    endpoint: str
    admin_url: str
    token: str
    log: Path
    command: list[str] = field(repr=False)
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    session: requests.Session = field(default_factory=requests.Session, repr=False)

    @property
    def base(self) -> str:
        """The emulator's own address, `http://127.0.0.1:<port>`."""
        return self.admin_url.removesuffix("/_emulator")

    def start(self) -> None:
        """Start the process and wait until it answers."""
        self.session.trust_env = False
        env = {**os.environ, "EMULATOR_ACCOUNT_TOKEN": self.token}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, cwd=ROOT, env=env, stdout=log, stderr=log)
        until(self._answers, 30.0, lambda: f"the emulator does not answer:\n{self.log.read_text()}")

    def stop(self, sign: signal.Signals = signal.SIGTERM, seconds: float = 40.0) -> int:
        """Send a signal, wait for the end and return the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(sign)
        try:
            return self.process.wait(seconds)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()

    def restart(self, sign: signal.Signals = signal.SIGTERM) -> None:
        """Stop it and start it again on the same port with the same state."""
        self.stop(sign)
        self.start()

    def post(
        self, document: str, variables: Mapping[str, Any] | None = None, *, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        """Send one document and return the answer as HTTP has it."""
        body = {"query": document, "variables": dict(variables or {})}
        send = {"Authorization": f"Bearer {self.token}"} if headers is None else headers
        return self.session.post(self.endpoint, json=body, headers=dict(send), timeout=60)

    def run(self, document: str, _headers: Mapping[str, str] | None = None, /, **variables: Any) -> dict[str, Any]:
        """Send one document and return its data.

        Raises:
            EmulatorError: the answer has errors.
        """
        answer = self.post(document, variables, headers=_headers).json()
        if answer.get("errors"):
            raise EmulatorError(answer["errors"])
        data: dict[str, Any] = answer["data"]
        return data

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """Use a test switch: `emulator.admin("POST", "/faults", {...})`."""
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = self.session.request(method, f"{self.admin_url}{path}", json=body, headers=headers, timeout=60)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        return answer.json() if answer.content else None

    def settings(self, **values: Any) -> None:
        """Change settings of the running emulator."""
        self.admin("PATCH", "/settings", values)

    def fault(self, kind: str, **where: Any) -> None:
        """Plant one fault: `emulator.fault("lost_answer", operation="serviceCreate")`."""
        self.admin("POST", "/faults", {"kind": kind, **where})

    def calls(self) -> list[dict[str, Any]]:
        """Return the ledger."""
        calls: list[dict[str, Any]] = self.admin("GET", "/calls")
        return calls

    def forget_calls(self) -> None:
        """Empty the ledger."""
        self.admin("DELETE", "/calls")

    def where(self) -> dict[str, Any]:
        """Return what runs where."""
        found: dict[str, Any] = self.admin("GET", "/where")
        return found

    def snapshot(self, environment_id: str) -> str:
        """Return everything about one environment as canonical JSON."""
        return json.dumps(self.admin("GET", f"/snapshot?environment={environment_id}"), sort_keys=True)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the emulator ended:\n{self.log.read_text()}"
        try:
            return self.session.get(f"{self.base}/healthz", timeout=2).status_code == 200
        except requests.RequestException:
            return False


def until(done: Callable[[], Any], seconds: float, otherwise: Callable[[], str] = lambda: "it never happened") -> Any:
    """Poll until `done` returns something true, and return that."""
    deadline = time.monotonic() + seconds
    while True:
        found = done()
        if found:
            return found
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.02)


@contextmanager
def running_emulator(
    tmp_path: Path, *, docker: str = "off", arguments: tuple[str, ...] = (), token: str = TOKEN, **settings: Any
) -> Iterator[Emulator]:
    """Run an emulator on a free port with its state below `tmp_path`, and stop it at the end.

    Args:
        tmp_path: where its state, data and log go.
        docker: `off` simulates every run, `auto` uses Docker where it answers.
        arguments: more of its command line.
        token: the account token that it accepts.
        settings: settings by name; unless said otherwise deployments take 20 ms a step and images are not looked up.
    """
    chosen = {"deploy_step_seconds": 0.02, "image_check": "off", **CHOSEN, **settings}
    address = f"127.0.0.1:{free_port()}"
    folder = tmp_path / "emulator"
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "emulator", "--listen", address, "--state", str(folder / "state.sqlite")]
    command += ["--data", str(folder / "data"), "--docker", docker, "--admin", "--remove-on-exit", *arguments]
    for name, value in chosen.items():
        command += ["--setting", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
    endpoint, admin = f"http://{address}/graphql/v2", f"http://{address}/_emulator"
    emulator = Emulator(endpoint, admin, token, folder / "log", command)
    try:
        emulator.start()
        yield emulator
    finally:
        if emulator.process is not None:
            emulator.stop()
        emulator.session.close()
