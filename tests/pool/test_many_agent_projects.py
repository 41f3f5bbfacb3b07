"""A large fleet in projects of its own, with Railway's throttles and limits on: `AGENT_PROJECTS=200 pytest …`.

The throttle is one second here and thirty on Railway, so that two hundred projects take minutes instead of hours; the
limits are those of the smallest paid plan, for each of four users.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from convos_pool.errors import PoolError
from convos_pool.hosting import hosting
from convos_pool.serve import Service
from convos_pool.settings import Settings, read

from pool_contract.requests import ClaimRequest
from tests.pool.bench_rollout import HOBBY, OFF, POLICY
from tests.pool.fix_agent_projects import PER_AGENT, AgentProjects
from tests.pool.surroundings import NEXT_IMAGE, Surroundings

SIZE = int(os.environ.get("AGENT_PROJECTS") or 0)
THROTTLE_SECONDS = 1.0
TOKENS = "token-of-b,token-of-c,token-of-d"
CLAIMED_SHARE = 0.1
MOST_SECONDS = 1500.0
GOALS = {"waiting", "done", "aborted"}

pytestmark = pytest.mark.minutes_long("AGENT_PROJECTS=200 make test", asked=bool(SIZE))


@pytest.fixture
def projects(around: Surroundings) -> Iterator[AgentProjects]:
    yield AgentProjects(around)
    around.emulator.settings(**OFF, further_tokens="", deploy_step_seconds=0)


def test_a_large_fleet_is_made_and_moved_with_throttles_and_limits_on(projects: AgentProjects) -> None:
    around = projects.around
    given = around.variables(**PER_AGENT, **POLICY, POOL_MIN_IDLE=str(SIZE), POOL_RAILWAY_TOKENS=TOKENS)
    settings, claimed = read(given), int(SIZE * CLAIMED_SHARE)
    strangers = projects.strangers()
    around.emulator.settings(**{**HOBBY, "creation_throttle_seconds": THROTTLE_SECONDS}, further_tokens=TOKENS)
    around.emulator.forget_calls()
    began = time.monotonic()
    ticks, service = _until_idle(settings, SIZE)
    _report("made", around, began, ticks)
    for number in range(claimed):
        service.pool.claim(ClaimRequest(agentName=f"somebody {number}", instructions="Be brief."))
    around.emulator.settings(**HOBBY, deploy_step_seconds=0.3)
    around.emulator.forget_calls()
    began = time.monotonic()
    moved = replace(settings, runtime_image=NEXT_IMAGE, min_idle=SIZE - claimed)
    ticks, service = _until_rolled(moved)
    _report("moved", around, began, ticks)
    assert service.tick.rollout.state == "waiting"
    assert projects.images() == {settings.runtime_image: claimed, NEXT_IMAGE: SIZE - claimed}
    assert len(projects.own()) == SIZE
    assert projects.strangers() == strangers


def _service(settings: Settings) -> Service:
    return Service(settings, hosting(settings, lambda _: None, THROTTLE_SECONDS))


def _until_idle(settings: Settings, size: int) -> tuple[int, Service]:
    service, ticks, until = _service(settings), 0, time.monotonic() + MOST_SECONDS
    while time.monotonic() < until:
        try:
            service.tick.run()
        except PoolError as error:
            print(error)
        ticks += 1
        snapshot = service.pool.latest
        if snapshot is not None and sum(agent.state == "idle" for agent in snapshot.agents.values()) == size:
            return ticks, service
        time.sleep(min(1.0, service.tick.seconds_until_creation))
    raise AssertionError(f"{size} agents did not become ready: {service.tick.held}")


def _until_rolled(settings: Settings) -> tuple[int, Service]:
    service, ticks, until = _service(settings), 0, time.monotonic() + MOST_SECONDS
    while service.tick.rollout.state not in GOALS:
        assert time.monotonic() < until, service.tick.rollout
        began = time.monotonic()
        service.tick.run()
        ticks += 1
        time.sleep(max(0.0, began + 1.0 - time.monotonic()))
    return ticks, service


def _report(what: str, around: Surroundings, began: float, ticks: int) -> None:
    calls = [call for call in around.emulator.calls() if call["client"] == "convos-pool"]
    by_operation = Counter(call["operation"] for call in calls)
    throttled = sum("too quickly" in call["error"] for call in calls)
    limited = sum(call["error"] == "429" for call in calls)
    seconds = time.monotonic() - began
    print(
        f"\n{SIZE} agents {what} in {seconds:.0f} s and {ticks} ticks: {len(calls)} calls, {throttled} throttled,"
        f" {limited} of too many; {dict(by_operation)}"
    )
