"""Begins what emulated fleets stand on, and puts their network in the place of this machine's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from convos_pool import agents

from emulator.api.request import World
from emulator.app import Endpoint
from emulator.deployments import Deployments
from emulator.postgres import Postgres
from emulator.settings import LiveSettings, Settings
from emulator.store import Store
from pool_contract.policy import Policy
from tests.pool.emulated_fleet import Fleet
from tests.pool.emulated_ground import CLOCK, SEARCH_PATH, Ground
from tests.pool.emulated_manager import TOKEN
from tests.pool.surroundings import SCHEMA
from tests.schema.postgres_server import Server, new_database

STEP = 60.0
CREATE_PROJECT = """mutation p($input: ProjectCreateInput!) {
  projectCreate(input: $input) { id primaryEnvironmentId } }"""
FORK = "mutation e($input: EnvironmentCreateInput!) { environmentCreate(input: $input) { id } }"


@contextmanager
def running_ground(
    folder: Path,
    server: Server,
    image: str,
    sizes: Sequence[int],
    outcomes: Mapping[str, str] | None = None,
    *,
    is_fork: bool = True,
) -> Iterator[Ground]:
    """Begin an emulator and a database, with warm fleets of some sizes."""
    store = Store(folder / "state.sqlite")
    settings = LiveSettings(Settings(deploy_step_seconds=0, image_check="off", outcomes=dict(outcomes or {})))
    postgres = Postgres(folder / "postgres")
    world = World(store, settings, Deployments(store, settings, postgres, None), postgres)
    with new_database(server) as database, database.connect() as admin:
        admin.execute(CLOCK)
        admin.execute(f"ALTER DATABASE {database.name} SET search_path = {SEARCH_PATH}".encode())
        admin.execute(f"SET search_path = {SEARCH_PATH}".encode())
        for file in SCHEMA:
            admin.execute(file.read_text().encode())
        made = Ground(world, Endpoint(world, TOKEN), database.url, admin, "", "")
        with pytest.MonkeyPatch.context() as patch:
            _warm(made, patch, image, sizes, is_fork=is_fork)
        yield made
    store.close()


def _warm(ground: Ground, patch: pytest.MonkeyPatch, image: str, sizes: Sequence[int], *, is_fork: bool) -> None:
    """Let the pool manager itself make a fleet of each size."""
    ground.documents[0] = {"deployment": {}}
    empty = Fleet(ground, -1, Policy(), 0, image)
    project = empty.ask(CREATE_PROJECT, {"input": {"name": "fleet"}})["projectCreate"]
    ground.project_id = project["id"]
    ground.environment_id = project["primaryEnvironmentId"]
    if is_fork:
        given = {"projectId": project["id"], "name": "fork", "sourceEnvironmentId": ground.environment_id}
        ground.environment_id = empty.ask(FORK, {"input": given})["environmentCreate"]["id"]
    ground.keep(0)
    for size in sizes:
        ground.documents[size] = ground.documents[0]
        fleet = Fleet(ground, -1, Policy(), size, image)
        connect(fleet, patch)
        fleet.until({"held"}, STEP)
        assert len(fleet.idle()) == size
        ground.keep(size)


def connect(fleet: Fleet, patch: pytest.MonkeyPatch) -> None:
    """Put the fleet's network in the place of this machine's."""

    class Wire(requests.adapters.BaseAdapter):
        def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
            return fleet.send(request)

        def close(self) -> None:
            """There is nothing to close."""

    wire = Wire()
    patch.setattr(requests.Session, "get_adapter", lambda *_, **__: wire)
    patch.setattr(agents, "new_id", fleet.new_id)
