"""An emulator that starts again answers once its containers run again, so that it names no address of before."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, cast

import pytest

from emulator.deployments import Deployments
from emulator.postgres import Postgres
from emulator.runs import Running
from emulator.settings import LiveSettings, Settings
from emulator.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from emulator.containers import Containers

BEFORE, AFTER = "127.0.0.1:32768", "127.0.0.1:32769"


class Docker:
    """Stands for a Docker whose containers have ended; a new one takes until `released` is set."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.asked = threading.Event()

    def network(self, environment_id: str) -> tuple[str, str]:
        return environment_id, "127.0.0.1"

    def is_running(self, handle: str) -> bool:
        return handle == "lives"

    def start(self, *_: Any) -> Running:
        self.asked.set()
        self.released.wait(20)
        return Running("container", "new", AFTER)

    def stop(self, handle: str) -> None: ...


@pytest.fixture
def docker() -> Docker:
    return Docker()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(tmp_path / "emulator.sqlite")
    yield found
    found.close()


@pytest.fixture
def deployments(tmp_path: Path, docker: Docker, store: Store) -> Iterator[Deployments]:
    settings = LiveSettings(Settings(deploy_step_seconds=0))
    found = Deployments(store, settings, Postgres(tmp_path / "postgres"), cast("Containers", docker))
    yield found
    docker.released.set()
    found.close(remove=False)


def kept(store: Store, name: str, handle: str) -> dict[str, Any]:
    """Keep a deployment that ran when the emulator ended."""
    run = {"mode": "container", "handle": handle, "address": BEFORE}
    place = {"environmentId": "e", "serviceId": name, "projectId": "p"}
    snapshot = {"source": {"image": "a:1"}, "deploy": {}}
    rest = {"status": "SUCCESS", "snapshot": snapshot, "meta": {"image": "a:1"}, "logs": [], "variables": {}}
    return store.put("deployment", name, {"id": name, **place, **rest, "run": run})


def address(store: Store, name: str) -> str:
    return str((store.get("deployment", name) or {})["run"]["address"])


def test_it_returns_once_what_ran_runs_at_its_new_address(
    deployments: Deployments, store: Store, docker: Docker
) -> None:
    kept(store, "ended", "gone")
    kept(store, "alive", "lives")
    resuming = threading.Thread(target=deployments.resume)
    resuming.start()
    assert docker.asked.wait(20)
    assert resuming.is_alive(), "it would answer with an address that leads to nobody, or to somebody else"
    assert address(store, "ended") == ""
    docker.released.set()
    resuming.join(20)
    assert not resuming.is_alive()
    assert (address(store, "ended"), address(store, "alive")) == (AFTER, BEFORE)


def test_a_container_that_does_not_start_is_not_waited_for_for_ever(
    deployments: Deployments, store: Store, docker: Docker
) -> None:
    kept(store, "ended", "gone")
    deployments.resume(seconds=0.01)
    assert address(store, "ended") == "", "its address of before is not told"
    docker.released.set()
    until = time.monotonic() + 20
    while address(store, "ended") != AFTER:
        assert time.monotonic() < until
        time.sleep(0.01)
