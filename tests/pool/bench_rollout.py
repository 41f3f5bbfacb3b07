"""The suite `rollout`: what draining and replacing a fleet asks of Railway, with its documented limits switched on."""

from __future__ import annotations

import io
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from convos_pool.serve import Service
from convos_pool.settings import Settings, read

from pool_contract.requests import ClaimRequest
from tests.emulator.fix_emulator import running_emulator
from tests.pool.agent_farm import running_farm
from tests.pool.surroundings import NEXT_IMAGE, Surroundings, surroundings
from tests.schema.postgres_server import embedded_binaries, new_database, running

SIZES = (20, 200)
CLAIMED_SHARE = 0.1
TICK_SECONDS = 1.0
"""The pool manager's own is 30; more often is harder on the limits."""
OFF = {"requests_per_second": 0, "requests_per_hour": 0, "creation_throttle_seconds": 0}
HOBBY = {"requests_per_second": 10, "requests_per_hour": 1000, "creation_throttle_seconds": 30}
"""The smallest paid plan's, from Railway's documentation; a Pro plan has five and ten times as many."""
POLICY = {
    "POOL_ROLLOUT_POLICY": "drain-and-replace",
    "POOL_ROLLOUT_CANARY": "1",
    "POOL_ROLLOUT_BATCH": "10",
    "POOL_ROLLOUT_MAX_UNAVAILABLE": "10",
    "POOL_ROLLOUT_BAKE_MS": "1000",
}
GOALS = {"waiting", "done", "aborted"}


@dataclass(frozen=True)
class Rolled:
    """A rollout that has come to its end: its state, how many reads of Railway it took, and for how long."""

    state: str
    ticks: int
    seconds: float


def rows(sizes: tuple[int, ...] = SIZES) -> Iterator[dict[str, Any]]:
    """Yield each row as soon as it is measured."""
    with (
        tempfile.TemporaryDirectory() as name,
        running(Path(name) / "postgres", embedded_binaries()) as server,
        running_emulator(Path(name), deploy_step_seconds=0) as emulator,
        running_farm() as farm,
    ):
        for size in sizes:
            emulator.settings(**OFF)
            with (
                new_database(server) as database,
                surroundings(Path(name), database, emulator, farm) as around,
            ):
                # The pool manager's log is no part of the table.
                with redirect_stdout(io.StringIO()):
                    row = _row(around, size)
                yield row


def _row(around: Surroundings, size: int) -> dict[str, Any]:
    emulator = around.emulator
    settings = read(around.variables(POOL_MIN_IDLE=str(size), **POLICY))
    claimed = int(size * CLAIMED_SHARE)
    _fill(settings, size, claimed)
    emulator.settings(**HOBBY, deploy_step_seconds=0.3)
    emulator.forget_calls()
    rolled = _roll(replace(settings, runtime_image=NEXT_IMAGE, min_idle=size - claimed))
    calls = emulator.calls()
    emulator.settings(**OFF, deploy_step_seconds=0)
    images = around.images()
    assert (rolled.state, images[NEXT_IMAGE]) == ("waiting", size - claimed), f"{rolled} {images}"
    return {
        "suite": "rollout",
        "case": POLICY["POOL_ROLLOUT_POLICY"],
        "size": size,
        "calls": len(calls),
        "mutations": sum(call["type"] == "mutation" for call in calls),
        "deployments": sum(len(call["deployments"]) for call in calls),
        "seconds": round(rolled.seconds, 2),
        # The pool manager runs in this process.
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "claimed": claimed,
        "batches": around.sql("SELECT count(DISTINCT batch) FROM agent_move")[0][0],
        "queries": sum(call["type"] == "query" for call in calls),
        "ticks": rolled.ticks,
        "refused": sum(call["error"] == "429" for call in calls),
    }


def _fill(settings: Settings, size: int, claimed: int) -> None:
    """Have the agents made and some of them claimed, by a pool manager that nothing limits."""
    service = Service(settings)
    for _ in range(10):
        service.tick.run()
        snapshot = service.pool.latest
        if snapshot is not None and sum(agent.state == "idle" for agent in snapshot.agents.values()) == size:
            for number in range(claimed):
                service.pool.claim(ClaimRequest(agentName=f"somebody {number}", instructions="Be brief."))
            # It gives them their names on Railway, and makes none in their place.
            Service(replace(settings, min_idle=size - claimed)).tick.run()
            return
    raise AssertionError(f"{size} agents did not become ready")


def _roll(settings: Settings) -> Rolled:
    """Tick at the pool manager's pace until the rollout is at an end."""
    service, began, ticks = Service(settings), time.monotonic(), 0
    while service.tick.rollout.state not in GOALS:
        time.sleep(max(0.0, began + ticks * TICK_SECONDS - time.monotonic()))
        service.tick.run()
        ticks += 1
    return Rolled(service.tick.rollout.state, ticks, time.monotonic() - began)
