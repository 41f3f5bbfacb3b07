"""The pool manager as a process of this machine, with only the variables that a test gives it."""

from __future__ import annotations

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
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from tests.emulator.fix_emulator import until
from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
API_KEY = "pool-key-0123456789"
IMAGE = "ghcr.io/example/convos-runtime:scaling@sha256:" + "1" * 64
READY_SECONDS = 60.0
"""It starts in one; on a machine with thirty other processes in line, twenty were not enough."""
NOBODY = "http://127.0.0.1:9/graphql/v2"
"""The discard port: nothing answers there."""


def variables(**more: str) -> dict[str, str]:
    """Return what the pool manager cannot do without, all of it unreachable."""
    return {
        "POOL_API_KEY": API_KEY,
        "DATABASE_URL": "postgresql://owner:secret-word@127.0.0.1:9/pool",
        "RAILWAY_API_TOKEN": "token-of-railway",
        "RAILWAY_PROJECT_ID": "project-1",
        "RAILWAY_ENVIRONMENT_ID": "environment-1",
        "RAILWAY_API_URL": NOBODY,
        "RAILWAY_RUNTIME_IMAGE": IMAGE,
        **more,
    }


PORTS_TRIED = 3


@dataclass
class Pool:
    """A running pool manager; `environ` is what its next start gets."""

    environ: dict[str, str]
    log: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Pool:
        self.session.trust_env = False
        # A pool manager closes connections that nothing used for five seconds, perhaps in the moment of the next use.
        again = Retry(total=2, connect=0, status=0, respect_retry_after_header=False, allowed_methods={"GET"})
        self.session.mount("http://", HTTPAdapter(max_retries=again))
        for _ in range(PORTS_TRIED - 1):
            began = len(self.printed()) if self.log.exists() else 0
            try:
                return self._started()
            except AssertionError:
                # Another process was given the same free port in between.
                if "address already in use" not in self.printed()[began:]:
                    raise
                self.port = free_port()
        return self._started()

    def _started(self) -> Pool:
        given = {"PATH": os.environ["PATH"], "PYTHONPATH": "pool", "PYTHONUNBUFFERED": "1", **self.environ}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "convos_pool"],
                cwd=ROOT,
                env={**given, "PORT": str(self.port)},
                stdout=log,
                stderr=log,
            )
        until(self._answers, READY_SECONDS, lambda: f"the pool manager does not answer:\n{self.printed()}")
        return self

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(sign)
        try:
            return self.process.wait(30)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()

    def restart(self, sign: signal.Signals = signal.SIGTERM, **changed: str) -> Pool:
        self.stop(sign)
        self.environ.update(changed)
        return self.start()

    def printed(self) -> str:
        return self.log.read_text(errors="replace")

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        """Send a request with the pool's bearer token; `headers` in `more` take its place."""
        more.setdefault("headers", {"Authorization": f"Bearer {API_KEY}"})
        return self.session.request(method, self.url + path, json=body, timeout=60, **more)

    def json(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.call(method, path, body)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:400]}\n{self.printed()[-2000:]}"
        return answer.json()

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the pool manager ended:\n{self.printed()}"
        try:
            return self.session.get(f"{self.url}/healthz", timeout=2).status_code == 200
        except requests.RequestException:
            return False


@contextmanager
def running_pool(folder: Path, environ: Mapping[str, str]) -> Iterator[Pool]:
    """Run the pool manager on a free port, and stop it at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    pool = Pool(dict(environ), folder / "pool.log", free_port())
    try:
        yield pool.start()
    finally:
        if pool.process is not None:
            pool.stop()
        pool.session.close()


def run_to_end(environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a pool manager that is expected to end by itself."""
    given = {"PATH": os.environ["PATH"], "PYTHONPATH": "pool", **environ}
    argv = [sys.executable, "-m", "convos_pool"]
    return subprocess.run(argv, cwd=ROOT, env=given, capture_output=True, text=True, timeout=30)


def waited(seconds: float, what: Callable[[], Any]) -> float:
    """Return how many seconds it took until `what` held."""
    began = time.monotonic()
    until(what, seconds)
    return time.monotonic() - began
