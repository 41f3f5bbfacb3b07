"""Fleets on the real emulator and a real PostgreSQL under random failure, seed by seed.

Agents crash, are claimed, released and deleted; answers of the API get lost, PostgreSQL ends connections, the process
is killed at any call. `SEED=<n>` runs one seed alone, `FLEET_SEEDS=<n>` more than the usual ones.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
from convos_pool import agents
from convos_pool.kept_connections import KeptConnections
from convos_pool.rollout_plan import plan

from pool_contract.policy import Policy
from tests.pool.emulated_fleet import Chances, Fleet
from tests.pool.emulated_ground import Connections, Ground
from tests.pool.fix_ground import connect, running_ground
from tests.schema.postgres_server import Server

pytestmark = pytest.mark.postgres

OLD, NEW, CRASHES, NEVER_READY = (f"ghcr.io/example/convos-runtime:t@sha256:{digit * 64}" for digit in "1234")
SEEDS = [int(os.environ["SEED"])] if os.environ.get("SEED") else list(range(int(os.environ.get("FLEET_SEEDS", "210"))))
KINDS = 3
SIZES = (3, 5, 8)
EVENTS = ("claim", "claim", "release", "crash", "delete", "nothing", "nothing")
AT_REST = {"done", "waiting", "aborted"}
STEP = 60.0
PATIENT_STEPS = (700.0, 60.0, 60.0, 60.0)
"""A broken image is tried again after 10 minutes at the latest; what was half made is finished then."""


def of_kind(kind: int) -> list[int]:
    return [seed for seed in SEEDS if seed % KINDS == kind]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory, pool_server: Server) -> Iterator[Ground]:
    outcomes = {CRASHES: "crash", NEVER_READY: "never_ready"}
    with running_ground(tmp_path_factory.mktemp("emulated"), pool_server, OLD, SIZES, outcomes) as found:
        yield found


@pytest.fixture
def start(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return what begins a run."""
    kept = Connections()

    def begin(seed: int, policy: Policy, size: int) -> Fleet:
        monkeypatch.setattr(KeptConnections, "block", lambda self: kept.connect(self.url))
        fleet = Fleet(ground, seed, policy, size, OLD)
        connect(fleet, monkeypatch)
        return fleet

    yield begin
    kept.close()


def policy_of(rng: random.Random) -> Policy:
    most = rng.randint(1, 6)
    return Policy(
        kind=rng.choice(["redeploy-idle", "drain-and-replace"]),
        canary=rng.randint(1, min(2, most)),
        batch=rng.randint(1, most),
        max_unavailable=most,
        bake_seconds=rng.choice([0.0, 30.0]),
        ready_seconds=300.0,
    )


def begun(start: Any, seed: int) -> Fleet:
    """Return a warm fleet, some of it claimed, whose pool manager is to begin with a new image."""
    rng = random.Random(seed)
    fleet: Fleet = start(seed, policy_of(rng), rng.choice(SIZES))
    fleet.tick(STEP)
    for _ in range(rng.randint(0, 2)):
        assert fleet.claim()
    return fleet


def planned(fleet: Fleet) -> list[dict[str, str]]:
    snapshot = fleet.manager.pool.refresh()
    batches = plan(snapshot.agents.values(), fleet.policy, fleet.manager.rolling.on_record())
    return [{id_: after for id_, _, after in batch.moves} for batch in batches]


def images_of(fleet: Fleet) -> set[str]:
    """Return what runs for nobody."""
    taken = fleet.claimed()
    return {one["image"] for one in fleet.services() if one["id"] not in taken and fleet.is_ready(one)}


def happens(fleet: Fleet, event: str) -> None:
    if event != "nothing":
        getattr(fleet, event)()


@pytest.mark.parametrize("seed", of_kind(0))
def test_undisturbed_each_call_is_the_one_that_the_plan_showed(start: Any, seed: int) -> None:
    fleet = begun(start, seed)
    fleet.until({"done", "waiting"}, STEP)
    fleet.restart(NEW)
    shown = planned(fleet)
    fleet.until({"done", "waiting"}, STEP)
    assert fleet.patches == shown
    assert images_of(fleet) == {NEW}
    assert fleet.violations == []


@pytest.mark.parametrize("seed", of_kind(1))
def test_with_lost_answers_and_kills_each_agent_is_moved_once_as_the_plan_showed(start: Any, seed: int) -> None:
    fleet = begun(start, seed)
    fleet.until({"done", "waiting"}, STEP)
    fleet.restart(NEW)
    shown = planned(fleet)
    before = {agents.agent_id(one["name"]) for one in fleet.services()}
    fleet.chances = Chances(kill=fleet.rng.choice([0.0, 0.03]), fault=0.1, cut=0.03)
    for _ in range(12):
        fleet.tick(STEP)
    fleet.chances = Chances()
    fleet.until({"done", "waiting"}, STEP)
    moved = sorted(pair for patch in fleet.patches for pair in patch.items() if pair[0] in before)
    assert moved == sorted(pair for patch in shown for pair in patch.items())
    assert images_of(fleet) == {NEW}
    assert fleet.violations == []


@pytest.mark.parametrize("seed", of_kind(2))
def test_whatever_happens_a_rollout_ends_at_its_goal_or_at_a_clean_abort(start: Any, seed: int) -> None:
    fleet = begun(start, seed)
    rng = fleet.rng
    target = rng.choice([NEW, NEW, NEW, CRASHES, NEVER_READY])
    fleet.restart(target)
    fleet.chances = Chances(kill=rng.choice([0.0, 0.01, 0.04]), fault=rng.choice([0.0, 0.1]), cut=0.02)
    for _ in range(rng.randint(5, 15)):
        happens(fleet, rng.choice(EVENTS))
        fleet.tick(rng.uniform(1, 2 * STEP))
        ids = [agents.agent_id(one["name"]) for one in fleet.services()]
        assert len(ids) == len(set(ids)), "two services for one agent"
    fleet.chances = Chances()
    fleet.until(AT_REST, STEP)
    state = [fleet.tick(seconds) for seconds in PATIENT_STEPS][-1]
    assert state in AT_REST, "it began again"
    assert fleet.violations == []
    if state == "aborted":
        _went_back(fleet, target)
    else:
        # Who was moved and is not there any more tells nothing of the image.
        there = {agents.agent_id(one["name"]) for one in fleet.services()}
        moved = there & {id_ for patch in fleet.patches for id_ in patch}
        assert target == NEW or not moved, "a broken image counts as rolled out"
        assert images_of(fleet) <= {target}
    assert all(one["image"] for one in fleet.services()), "a half-made agent was left"


def _went_back(fleet: Fleet, target: str) -> None:
    reason, batch = fleet.ground.admin.execute("SELECT reason, aborted_batch FROM agent_rollout").fetchone() or ("", 0)
    assert str(reason).startswith("stopped at batch")
    rows = fleet.ground.admin.execute("SELECT agent_id FROM agent_move WHERE batch = %s", (batch,)).fetchall()
    stopped, taken = {row[0] for row in rows}, fleet.claimed()
    for one in fleet.services():
        left = agents.agent_id(one["name"]) in stopped and one["image"] == target
        assert not left or one["id"] in taken or fleet.is_ready(one), f"{one['name']} was left"
