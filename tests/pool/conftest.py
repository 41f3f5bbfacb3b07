"""A whole environment of the pool's: the emulator, a database with the real schema, and agents that answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from convos_infra.rollout.pool_api import PoolApi
from convos_infra.rollout.resource import AgentRolloutProvider
from tests.emulator.fix_emulator import Emulator, running_emulator
from tests.pool.agent_farm import Farm, running_farm
from tests.pool.pool_process import Pool, running_pool, variables
from tests.pool.surroundings import Surroundings, surroundings
from tests.schema.postgres_server import Server, embedded_binaries, new_database, running

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _recorded_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """These pool managers are processes of the test, of which Railway has no service: where they are, the test says.

    `tests/railway/test_where_keys_go.py` is about the question to Railway.
    """

    def recorded(_self: object, _place: object, url: str, key: str, *, settle: bool = False) -> PoolApi:
        del settle
        return PoolApi(url, key)

    monkeypatch.setattr(AgentRolloutProvider, "pool", recorded)


@pytest.fixture(scope="session")
def pool_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("pool-postgres") / "postgres", embedded_binaries()) as found:
        yield found


@pytest.fixture(scope="session")
def shared_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running_emulator(tmp_path_factory.mktemp("pool-emulator"), deploy_step_seconds=0) as found:
        yield found


@pytest.fixture
def pool_emulator(shared_emulator: Emulator) -> Iterator[Emulator]:
    """The emulator as it is when it starts: each test has a project of its own in it, which goes with the test.

    A pool with a project for each agent asks for all of them at each tick: with those of a hundred tests that took the
    emulator six seconds a time.
    """
    before = shared_emulator.admin("GET", "/settings")
    shared_emulator.forget_calls()
    yield shared_emulator
    shared_emulator.admin("DELETE", "/faults")
    shared_emulator.settings(**before)
    shared_emulator.admin("DELETE", "/snapshot")


@pytest.fixture
def farm() -> Iterator[Farm]:
    with running_farm() as found:
        yield found


@pytest.fixture
def around(tmp_path: Path, pool_server: Server, pool_emulator: Emulator, farm: Farm) -> Iterator[Surroundings]:
    with new_database(pool_server) as database, surroundings(tmp_path, database, pool_emulator, farm) as found:
        yield found


@pytest.fixture(scope="module")
def idle_pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """A pool manager that reaches nobody: what it refuses, it refuses before it asks anybody."""
    with running_pool(tmp_path_factory.mktemp("idle"), variables()) as pool:
        yield pool
