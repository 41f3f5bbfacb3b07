"""Silence at each step of a round and of a claim: the round says whose it is and ends, and the next one puts it right.

`SILENCE=all` cuts at every message to the database; without it, a round at every 32nd, a claim at every fourth.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from convos_pool.database import Database
from convos_pool.errors import PoolError, RailwayCallError, UnavailableError
from convos_pool.heartbeat import Heartbeat
from convos_pool.hosting import Hosting
from convos_pool.railway import Railway
from convos_pool.railway_calls import RailwayCalls
from convos_pool.serve import Service
from convos_pool.settings import read

from pool_contract.requests import ClaimRequest
from railway_api.client import Client, Timing
from railway_api.retry import Budget
from tests.emulator.fix_emulator import until
from tests.pool.holding_railway import Door, door
from tests.pool.surroundings import Surroundings
from tests.pool.swallowing_wire import Wire, wire

STRIDE = 1 if os.environ.get("SILENCE") == "all" else 32
SIZE, SPARE = 2, 10
SILENCE_SECONDS = 0.3
LOCK_SECONDS = 1.0
BOUND_SECONDS = 8.0
"""Of one round: three calls and a lock that nobody answers, on a busy machine."""
POLICY = {"POOL_ROLLOUT_POLICY": "redeploy-idle", "POOL_ROLLOUT_BAKE_MS": "0", "POOL_MIN_IDLE": str(SIZE)}
ROUND = (
    "agents",
    "agentEnvironment",
    "agentVolumes",
    "agentVolumeDelete",
    "agentDelete",
    "agentCreate",
    "agentVolumeCreate",
    "agentDomainCreate",
    "agentCommit",
)
WISH = ClaimRequest(agentName="Ada", instructions="Be brief.")


@dataclass
class Ground:
    """A pool manager of this process between two doors, with little patience."""

    around: Surroundings
    railway: Door
    line: Wire

    def service(self, **more: str) -> Service:
        """Return a new life of the pool manager."""
        given = {**POLICY, "RAILWAY_API_URL": self.railway.url, "DATABASE_URL": self.line.url, **more}
        settings = read(self.around.variables(**given))
        timing = Timing(
            connect_seconds=1.0,
            query_seconds=SILENCE_SECONDS,
            read_seconds=SILENCE_SECONDS,
            silence_seconds=2 * SILENCE_SECONDS,
            probe_seconds=SILENCE_SECONDS,
            budget=Budget(attempts=2, seconds=1.0, base_delay=0.05),
        )
        client = Client(settings.railway_url, settings.railway_token, timing=timing, progress=lambda _: None)
        calls = RailwayCalls([client], is_kind_known=True)
        services = Railway(calls, settings.project_id, settings.environment_id)
        database = Database(self.line.url, SILENCE_SECONDS, Heartbeat(0.1), LOCK_SECONDS)
        return Service(settings, Hosting(services, services), database)

    def settle(self, service: Service, size: int = SIZE) -> None:
        """Let rounds go on until the pool is as it should be."""

        def settled() -> bool:
            try:
                service.tick.run(wait_seconds=2 * LOCK_SECONDS)
            except PoolError:
                return False
            return idle(service) == size and not unfinished(service)

        until(settled, 30.0, lambda: str(service.pool.latest))

    def is_whole(self) -> bool:
        """Say whether each service has what belongs to it, and nothing belongs to nobody."""
        rows = self.around.services()
        return [row["volumes"] for row in rows] == [1] * len(rows) and self.around.orphans() == []


def idle(service: Service) -> int:
    snapshot = service.pool.latest
    return sum(agent.state == "idle" for agent in snapshot.agents.values()) if snapshot is not None else 0


def unfinished(service: Service) -> int:
    snapshot = service.pool.latest
    return (
        sum(agent.state not in {"idle", "claimed"} for agent in snapshot.agents.values()) if snapshot is not None else 0
    )


@pytest.fixture
def ground(around: Surroundings) -> Iterator[Ground]:
    with door(around.emulator.endpoint) as railway, wire(around.database.url) as line:
        yield Ground(around, railway, line)


def test_a_railway_that_is_silent_at_any_step_of_a_round_is_named_and_nothing_is_lost(ground: Ground) -> None:
    ground.settle(ground.service())
    for step in ROUND:
        service = ground.service()
        ground.settle(service)
        _make_work(ground, service)
        service = ground.service()
        ground.railway.holds, held = {step}, ground.railway.reached
        held.clear()
        said = _round_until(lambda seen=held: seen.is_set(), service)
        assert f"railway: {step}: " in said, said
        assert ground.service().database.check() == "connected", "the others answer"
        ground.railway.let_go()
        ground.settle(service)
        assert ground.is_whole(), step


def test_a_railway_that_is_silent_to_a_claim_costs_no_agent(ground: Ground) -> None:
    service = ground.service()
    ground.settle(service)
    ground.railway.holds = {"agentBeforeClaim"}
    with bounded(), pytest.raises(RailwayCallError, match=r"^railway: agentBeforeClaim: "):
        service.pool.claim(WISH)
    assert ground.around.sql("SELECT count(*) FROM agent_metadata") == [(0,)]
    ground.railway.let_go()
    assert service.pool.claim(WISH).conversationId


def test_a_connection_to_the_database_that_dies_at_any_step_of_a_round_is_named_and_nothing_is_lost(
    ground: Ground,
) -> None:
    service = ground.service()
    ground.settle(service)
    steps = steps_of_a_round(ground, service)
    for step in range(0, steps, STRIDE):
        cut_round(ground, service, step, steps)


def test_a_connection_to_the_database_that_dies_at_any_step_of_a_claim_hands_nobody_out_twice(ground: Ground) -> None:
    service = ground.service(POOL_ROLLOUT_POLICY="hold", POOL_MIN_IDLE=str(SPARE))
    ground.settle(service, SPARE)
    before = ground.line.sent
    told = [service.pool.claim(WISH).instanceId]
    steps = ground.line.sent - before
    assert steps == 8, "two transactions: that it is somebody's, and what the agent answered"
    for step in range(steps):
        ground.line.dies_after = step
        with bounded():
            told += _claimed(service)
        ground.line.dies_after = None
    # What was cut off is old enough now to be found out about.
    ground.around.sql("UPDATE agent_metadata SET created_at = now() - interval '1 hour'")
    until(lambda: _is_all_known(ground, service), 30.0)
    assert len(set(told)) == len(told)
    taken = {row[0] for row in ground.around.sql("SELECT id FROM agent_metadata WHERE conversation_id IS NOT NULL")}
    assert set(told) <= taken
    assert set(ground.around.farm.conversations) == taken, "who was told is somebody's"


def test_agents_that_are_silent_keep_neither_rounds_nor_claims_of_others_waiting(ground: Ground) -> None:
    service = ground.service(POOL_ROLLOUT_POLICY="hold")
    ground.settle(service)
    assert service.pool.latest is not None
    silent = next(iter(service.pool.latest.agents))
    ground.around.farm.hangs.add(silent)
    with bounded():
        service.tick.run()
    with bounded():
        assert service.pool.claim(WISH).instanceId != silent
    ground.around.farm.let_go.set()


@contextmanager
def bounded() -> Iterator[None]:
    """Make sure that a block ends in time."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < BOUND_SECONDS


def steps_of_a_round(ground: Ground, service: Service) -> int:
    """Return how many messages to the database a round with work takes."""
    _make_work(ground, service)
    before = ground.line.sent
    service.tick.run()
    steps = ground.line.sent - before
    ground.settle(service)
    assert steps > 40
    return steps


def cut_round(ground: Ground, service: Service, step: int, steps: int) -> str:
    """Run a round whose wire is disturbed after a step, see that the next ones heal it, and return what it said."""
    _make_work(ground, service)
    ground.line.dies_after, lost = step, ground.line.lost
    with bounded():
        said = _said(service)
    # A round that found less to do than the one that was counted sends less.
    assert ground.line.lost > lost or step > steps // 2, step
    assert not said or "database: " in said, (step, said)
    ground.line.dies_after = None
    ground.settle(service)
    assert ground.is_whole(), step
    return said


def _make_work(ground: Ground, service: Service) -> None:
    """Let the next round have something to delete, to make, to rename, and to move."""
    snapshot = service.pool.latest
    assert snapshot is not None
    ids = [agent.id for agent in snapshot.agents.values() if agent.state == "idle"]
    services = {row["serviceId"]: row for row in ground.around.services()}
    (row, *_) = [services[snapshot.agents[id_].instance.service_id] for id_ in ids]
    crashed = {"id": row["latestDeployment"]["id"], "status": "CRASHED"}
    ground.around.emulator.admin("POST", "/deployments", crashed)


def _round_until(seen: Callable[[], bool], service: Service) -> str:
    """Do rounds until one has met the silence, and return what it said."""
    for _ in range(4):
        with bounded():
            said = _said(service)
        if seen():
            return said
    raise AssertionError("no round came to this step")


def _said(service: Service) -> str:
    try:
        service.tick.run()
    except PoolError as error:
        return str(error)
    return ""


def _claimed(service: Service) -> list[str]:
    try:
        return [service.pool.claim(WISH).instanceId]
    except UnavailableError as error:
        assert str(error).startswith("database: ")  # noqa: PT017 - a claim may come through as well
        return []


def _is_all_known(ground: Ground, service: Service) -> bool:
    try:
        service.tick.run(wait_seconds=2 * LOCK_SECONDS)
    except PoolError:
        return False
    return ground.around.sql("SELECT count(*) FROM agent_metadata WHERE conversation_id IS NULL") == [(0,)]
