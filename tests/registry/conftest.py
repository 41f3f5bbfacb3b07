"""A real registry on loopback (Debian's docker-registry), and a well-known client to compare with (crane)."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests import needs
from tests.registry.pushing import Repository
from tests.support.ports import free_port

CRANE = "github.com/google/go-containerregistry/cmd/crane@v0.22.1"
START_SECONDS = 20.0
BUILD_SECONDS = 600.0


@dataclass(frozen=True)
class Registry:
    """A running registry: `host:port`."""

    host: str


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    program = shutil.which("docker-registry")
    if program is None:
        needs.REGISTRY.skip()
    folder = tmp_path_factory.mktemp("registry")
    port = free_port()
    config = folder / "config.yml"
    config.write_text(
        "version: 0.1\n"
        "log: {level: error, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: '{folder / 'data'}'}}, delete: {{enabled: true}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", str(config)], stdout=log, stderr=log)
        try:
            wait_until_it_answers(f"http://127.0.0.1:{port}/v2/", process, folder / "log")
            yield Registry(f"127.0.0.1:{port}")
        finally:
            process.terminate()
            process.wait(timeout=10)


_numbers = itertools.count(1)


@pytest.fixture
def repository(registry: Registry) -> Repository:
    """An empty repository that no other test uses."""
    return Repository(registry.host, f"convos/runtime-{next(_numbers)}")


@pytest.fixture(scope="session")
def crane() -> Callable[..., str]:
    """Run crane, built once into a cache that outlives the run."""
    program = crane_program()

    def run(*arguments: str) -> str:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def wait_until_it_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            requests.get(url, timeout=1)
        except requests.RequestException:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"the registry did not answer in {START_SECONDS:.0f} s: {log.read_text()}")


def crane_program() -> str:
    """Return crane's path, from PATH or built from its pinned Go module; skips where neither is possible."""
    return shutil.which("crane") or str(_build_crane())


def _build_crane() -> Path:
    if shutil.which("go") is None:
        needs.GO.skip()
    version = CRANE.rpartition("@")[2]
    cache = Path(__file__).parents[2] / ".cache" / f"crane-{version}"
    if not (cache / "crane").exists():
        cache.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "GOBIN": str(cache), "GOWORK": "off"}
        done = subprocess.run(
            ["go", "install", CRANE], env=environment, capture_output=True, text=True, timeout=BUILD_SECONDS
        )
        if done.returncode != 0:
            needs.GO_MODULES.skip()
    return cache / "crane"
