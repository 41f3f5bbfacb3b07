"""What `pulumi up` waits through: a pool manager with old settings, one that cannot go on, one that is not there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from convos_infra.rollout.pool_api import PoolApi
from convos_infra.rollout.waiting import Outcome, Wait, wait
from tests.emulator.fix_emulator import until
from tests.pool.pool_process import API_KEY, Pool
from tests.pool.surroundings import NEXT_IMAGE, SCHEMA, Surroundings, until_idle

REDEPLOY = "redeploy-idle"


@dataclass
class Patience:
    """Waits without sleeping: the first pause changes something, each one lets the pool manager tick."""

    pool: Pool
    change: Callable[[], object]
    now: float = 0.0
    told: list[str] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        first = self.now == 0.0
        self.now += seconds
        if first:
            self.change()
        self.pool.call("POST", "/api/pool/reconcile")

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float = 3600.0) -> Outcome:
        how = Wait(seconds, self.told.append, self.sleep, self.clock)
        return wait(PoolApi(self.pool.url, API_KEY), NEXT_IMAGE, REDEPLOY, how)


def test_held_under_another_policy_keeps_waiting_until_the_policy_has_come(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="2", RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE) as pool:
        until_idle(pool, 2)
        until(lambda: pool.json("GET", "/api/pool/rollout")["state"] == "held", 20)
        waits = Patience(pool, lambda: pool.restart(POOL_ROLLOUT_POLICY=REDEPLOY))
        assert waits.wait().state == "done"
        assert waits.told[0] == "agents: the pool manager does not have the policy redeploy-idle yet, 0 s"


def test_an_older_image_is_no_goal(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1", POOL_ROLLOUT_POLICY=REDEPLOY) as pool:
        until_idle(pool, 1)
        until(lambda: pool.json("GET", "/api/pool/rollout")["state"] == "done", 20)
        waits = Patience(pool, lambda: None)
        outcome = waits.wait(seconds=5.0)
        assert (outcome.state, outcome.text) == ("rolling", "the pool manager does not have the new image yet")
        assert waits.told[-1] == "agents: the pool manager continues without us; the next pulumi up waits again"


def test_held_for_want_of_a_table_keeps_waiting_and_says_why(around: Surroundings) -> None:
    around.keep_schema("9999")
    tables = ("agent_rollout", "agent_move", "pool_leader")
    for table in tables:
        around.sql(f"DROP TABLE {table}")

    def migrate() -> None:
        for file in SCHEMA:
            around.database.run(file.read_text())

    with around.pool(POOL_MIN_IDLE="1", RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE, POOL_ROLLOUT_POLICY=REDEPLOY) as pool:
        until_idle(pool, 1)
        # The route itself says it too: it asks the table for the plan.
        answer = pool.call("GET", "/api/pool/rollout")
        assert answer.status_code == 503
        waits = Patience(pool, migrate)
        assert waits.wait().state == "done"
        assert (
            "database: agent_rollout is missing; run pulumi up, or without Pulumi look for schema: in the log"
            in waits.told[0]
        )


def test_a_pool_manager_that_is_being_replaced_is_waited_for(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1", RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE, POOL_ROLLOUT_POLICY=REDEPLOY) as pool:
        until_idle(pool, 1)
        pool.stop()
        waits = Patience(pool, pool.start)
        assert waits.wait().state == "done"
        assert "does not answer" in waits.told[0]
