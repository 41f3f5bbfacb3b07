"""Rollouts end to end: what is moved, in which order, and what is left alone, as Railway's API sees it."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from tests.emulator.fix_emulator import until
from tests.pool.pool_process import IMAGE, Pool
from tests.pool.surroundings import BROKEN_IMAGE, NEXT_IMAGE, Surroundings, agents, counts, until_idle

QUICK = {
    "POOL_ROLLOUT_BAKE_MS": "150",
    "POOL_ROLLOUT_READY_TIMEOUT_MS": "3000",
    "POOL_ROLLOUT_BATCH": "2",
    "POOL_ROLLOUT_MAX_UNAVAILABLE": "2",
}
WISH = {"agentName": "Ada", "instructions": "Be brief."}


def state(pool: Pool) -> str:
    return str(pool.json("GET", "/api/pool/rollout")["state"])


def until_state(pool: Pool, wanted: str, seconds: float = 60.0) -> dict[str, Any]:
    until(
        lambda: state(pool) == wanted,
        seconds,
        lambda: f"{pool.json('GET', '/api/pool/rollout')}\n{pool.printed()[-3000:]}",
    )
    found: dict[str, Any] = pool.json("GET", "/api/pool/rollout")
    return found


def patches(around: Surroundings) -> list[int]:
    """Return how many deployments each patch made."""
    calls = [call for call in around.emulator.calls() if call["operation"] == "environmentPatchCommit"]
    return [len(call["deployments"]) for call in calls]


def test_hold_is_the_default_and_touches_nothing(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="3") as pool:
        until_idle(pool, 3)
        pool.restart(RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE)
        found = until_state(pool, "held")
        assert found["policy"] == "hold"
        until(lambda: "3 agents stay on their image" in pool.json("GET", "/api/pool/rollout")["text"], 20)
        assert around.images() == {IMAGE: 3}


def test_idle_agents_are_moved_canary_first_then_batch_by_batch_one_patch_each(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="5", **QUICK) as pool:
        until_idle(pool, 5)
        around.emulator.forget_calls()
        pool.restart(RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE, POOL_ROLLOUT_POLICY="redeploy-idle")
        until_state(pool, "done")
        assert around.images() == {NEXT_IMAGE: 5}
        assert patches(around) == [1, 2, 2]
        assert len(around.services()) == 5


def test_what_the_plan_said_is_what_was_done(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="6", **QUICK) as pool:
        until_idle(pool, 6)
        pool.environ["POOL_ROLLOUT_BAKE_MS"] = "4000"
        pool.restart(RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE, POOL_ROLLOUT_POLICY="drain-and-replace")
        until(lambda: len(around.sql("SELECT 1 FROM agent_move")) == 1, 20)
        (first,) = around.sql("SELECT agent_id, batch FROM agent_move")
        planned = pool.json("GET", "/api/pool/rollout")["batches"]
        pool.restart(POOL_ROLLOUT_BAKE_MS="200")
        until_state(pool, "done")
        done = around.sql("SELECT batch, agent_id, previous_image, image FROM agent_move ORDER BY batch, agent_id")
        expected = [(batch["batch"], one["id"], one["from"], one["to"]) for batch in planned for one in batch["agents"]]
        assert done == [(1, first[0], IMAGE, NEXT_IMAGE), *expected]


def test_claimed_agents_are_waited_for_and_left_while_somebody_has_them(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="2", **QUICK) as pool:
        until_idle(pool, 2)
        id_ = pool.json("POST", "/api/pool/claim", WISH)["instanceId"]
        until_idle(pool, 2)
        pool.restart(RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE, POOL_ROLLOUT_POLICY="drain-and-replace")
        found = until_state(pool, "waiting")
        assert found["text"] == "1 agent is claimed and keeps its image"
        assert around.images() == {NEXT_IMAGE: 2, IMAGE: 1}
        around.sql("DELETE FROM agent_metadata WHERE id = %s", id_)
        until_state(pool, "done")
        assert around.images() == {NEXT_IMAGE: 3}


def test_after_the_deadline_claimed_agents_are_replaced_where_the_setting_says_so(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1", **QUICK) as pool:
        until_idle(pool, 1)
        pool.json("POST", "/api/pool/claim", WISH)
        until_idle(pool, 1)
        pool.environ.update(POOL_ROLLOUT_CLAIMED="replace", POOL_ROLLOUT_DEADLINE_MS="1000")
        pool.restart(RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE, POOL_ROLLOUT_POLICY="drain-and-replace")
        until_state(pool, "done")
        assert IMAGE not in around.images()
        assert counts(pool)["claimed"] == 1
        assert around.sql("SELECT count(*) FROM agent_metadata") == [(1,)]


@pytest.mark.parametrize("outcome", ["crash", "never_ready"])
def test_a_broken_image_stops_at_the_canary_which_goes_back_to_its_digest(around: Surroundings, outcome: str) -> None:
    around.emulator.settings(outcomes={BROKEN_IMAGE: outcome})
    with around.pool(POOL_MIN_IDLE="4", **QUICK) as pool:
        until_idle(pool, 4)
        ids = {agent["id"] for agent in agents(pool)}
        pool.restart(RAILWAY_RUNTIME_IMAGE=BROKEN_IMAGE, POOL_ROLLOUT_POLICY="redeploy-idle")
        found = until_state(pool, "aborted")
        assert "stopped at batch 1" in found["text"]
        assert "the batch was rolled back" in found["text"]
        until(lambda: around.images() == {IMAGE: 4}, 20)
        until_idle(pool, 4)
        assert {agent["id"] for agent in agents(pool)} == ids, pool.printed()
        pool.restart()
        assert until_state(pool, "aborted")["text"] == found["text"]
        assert around.images() == {IMAGE: 4}


def test_an_image_that_starts_but_never_gets_ready_stops_the_rollout(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="3", **QUICK) as pool:
        until_idle(pool, 3)
        first = min(agent["id"] for agent in agents(pool))
        pool.restart(RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE, POOL_ROLLOUT_POLICY="redeploy-idle")
        around.farm.unready.add(first)
        found = until_state(pool, "aborted")
        assert first in found["text"]
        around.farm.unready.clear()
        until_idle(pool, 3)
        assert around.images() == {IMAGE: 3}


def test_a_broken_image_that_is_then_fixed_heals_without_hands(around: Surroundings) -> None:
    """agones-dev/agones#1636."""
    around.emulator.settings(outcomes={BROKEN_IMAGE: "crash"})
    with around.pool(POOL_MIN_IDLE="3", **QUICK) as pool:
        until_idle(pool, 3)
        pool.restart(RAILWAY_RUNTIME_IMAGE=BROKEN_IMAGE, POOL_ROLLOUT_POLICY="redeploy-idle")
        until_state(pool, "aborted")
        pool.restart(RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE)
        until_state(pool, "done")
        assert around.images() == {NEXT_IMAGE: 3}


def test_the_same_image_is_tried_again_only_when_somebody_asks(around: Surroundings) -> None:
    around.emulator.settings(outcomes={BROKEN_IMAGE: "crash"})
    with around.pool(POOL_MIN_IDLE="2", **QUICK) as pool:
        until_idle(pool, 2)
        pool.restart(RAILWAY_RUNTIME_IMAGE=BROKEN_IMAGE, POOL_ROLLOUT_POLICY="redeploy-idle")
        until_state(pool, "aborted")
        until_idle(pool, 2)
        around.emulator.settings(outcomes={})
        assert pool.json("POST", "/api/pool/rollout/retry") == {"retrying": True}
        until_state(pool, "done")
        assert around.images() == {BROKEN_IMAGE: 2}


def test_a_single_idle_agent_is_kept_when_the_new_image_never_gets_one_ready(around: Surroundings) -> None:
    around.emulator.settings(outcomes={BROKEN_IMAGE: "crash"})
    with around.pool(POOL_MIN_IDLE="1", **QUICK) as pool:
        until_idle(pool, 1)
        pool.restart(RAILWAY_RUNTIME_IMAGE=BROKEN_IMAGE, POOL_ROLLOUT_POLICY="redeploy-idle")
        found = until_state(pool, "aborted")
        assert "3 new agents in a row did not become ready" in found["text"]
        assert counts(pool)["idle"] == 1
        around.emulator.settings(outcomes={})
        assert pool.json("POST", "/api/pool/rollout/retry") == {"retrying": True}
        until_state(pool, "done")
        assert set(around.images()) == {BROKEN_IMAGE}


def test_a_newer_image_that_arrives_midway_is_taken_up(around: Surroundings) -> None:
    """agones-dev/agones#2574: stuck with two old versions."""
    third = NEXT_IMAGE.replace("2" * 64, "4" * 64)
    with around.pool(POOL_MIN_IDLE="5", **QUICK) as pool:
        until_idle(pool, 5)
        pool.restart(RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE, POOL_ROLLOUT_POLICY="drain-and-replace")
        until(lambda: 1 <= around.images()[NEXT_IMAGE] < 5, 30)
        pool.restart(signal.SIGKILL, RAILWAY_RUNTIME_IMAGE=third)
        until_state(pool, "done")
        assert around.images() == {third: 5}


def test_pinning_the_old_image_moves_everything_back(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="3", POOL_ROLLOUT_POLICY="redeploy-idle", **QUICK) as pool:
        until_idle(pool, 3)
        for image in (NEXT_IMAGE, IMAGE):
            pool.restart(RAILWAY_RUNTIME_IMAGE=image)
            until_state(pool, "done")
            assert around.images() == {image: 3}


def test_killed_at_any_moment_it_goes_on_where_it_stopped(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="5", **QUICK) as pool:
        until_idle(pool, 5)
        pool.restart(RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE, POOL_ROLLOUT_POLICY="redeploy-idle", POOL_ROLLOUT_BAKE_MS="100")
        around.emulator.forget_calls()
        for number in range(1, 6):
            _until_moved(around, pool, number)
            pool.restart(signal.SIGKILL)
        until_state(pool, "done")
        assert around.images() == {NEXT_IMAGE: 5}
        assert sum(patches(around)) == 5, "no agent was moved twice"


def _until_moved(around: Surroundings, pool: Pool, wanted: int) -> None:
    until(lambda: around.images()[NEXT_IMAGE] >= wanted or state(pool) == "done", 40)


def test_the_last_idle_agent_stays_until_a_new_one_is_idle(around: Surroundings) -> None:
    """agones-dev/agones#3438: no room left for new work."""
    with around.pool(POOL_MIN_IDLE="1", **QUICK) as pool:
        until_idle(pool, 1)
        pool.restart(RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE, POOL_ROLLOUT_POLICY="redeploy-idle")
        seen: list[int] = []

        def done() -> bool:
            found = counts(pool)
            if found:
                seen.append(found["idle"])
            return state(pool) == "done"

        until(done, 40)
        assert min(seen) >= 1
        assert around.images() == {NEXT_IMAGE: 2}


def test_an_agent_that_is_claimed_midway_is_left_and_the_rest_goes_on(around: Surroundings) -> None:
    """agones-dev/agones#2432: the old set is never removed when one becomes busy midway."""
    with around.pool(POOL_MIN_IDLE="4", **QUICK) as pool:
        until_idle(pool, 4)
        pool.restart(RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE, POOL_ROLLOUT_POLICY="redeploy-idle", POOL_ROLLOUT_BAKE_MS="1500")
        until(lambda: around.images()[NEXT_IMAGE] >= 1, 20)
        answer = until(lambda: _claimed(pool), 20)
        mine = next(one for one in around.services() if one["serviceName"].endswith(answer["instanceId"]))
        before = around.world.deployments(mine["serviceId"], around.environment_id)
        until_state(pool, "done")
        assert around.world.deployments(mine["serviceId"], around.environment_id) == before
        assert counts(pool)["claimed"] == 1


def _claimed(pool: Pool) -> dict[str, Any]:
    answer = pool.call("POST", "/api/pool/claim", WISH)
    return dict(answer.json()) if answer.ok else {}


def test_when_most_are_busy_the_idle_ones_are_still_moved(around: Surroundings) -> None:
    """agones-dev/agones#2397."""
    with around.pool(POOL_MIN_IDLE="5", **QUICK) as pool:
        until_idle(pool, 5)
        pool.restart(POOL_MIN_IDLE="2")
        for number in range(4):
            until(lambda: _claimed(pool), 20)
            assert counts(pool)["claimed"] == number + 1
        until_idle(pool, 2)
        pool.restart(RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE, POOL_ROLLOUT_POLICY="drain-and-replace")
        until_state(pool, "waiting")
        assert around.images() == {IMAGE: 4, NEXT_IMAGE: 2}


def test_a_lost_answer_to_a_batch_is_read_back_and_not_sent_again(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="3", **QUICK) as pool:
        until_idle(pool, 3)
        around.emulator.forget_calls()
        around.emulator.fault("lost_answer", operation="environmentPatchCommit", times=2)
        pool.restart(RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE, POOL_ROLLOUT_POLICY="redeploy-idle")
        until_state(pool, "done")
        assert around.images() == {NEXT_IMAGE: 3}
        assert patches(around) == [1, 2]


def test_without_its_tables_a_rollout_says_so_and_the_pool_works(around: Surroundings) -> None:
    around.keep_schema("9999")
    for table in ("agent_rollout", "agent_move", "pool_leader"):
        around.sql(f"DROP TABLE {table}")
    with around.pool(POOL_MIN_IDLE="1", POOL_ROLLOUT_POLICY="redeploy-idle") as pool:
        until_idle(pool, 1)
        text = pool.json("GET", "/api/pool/status")["rollout"]["text"]
        assert (
            text == "database: agent_rollout is missing; run pulumi up, or without Pulumi look for schema: in the log"
        )
