"""`AgentRollout`: what a preview shows and what an update waits for, asked from a real pool manager."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.dynamic import Config

from convos_infra.errors import InfraError
from convos_infra.rollout.resource import NOBODY, AgentRolloutProvider
from stack.rollout import RolloutPolicy
from tests.emulator.fix_emulator import until
from tests.pool.pool_process import API_KEY, IMAGE, Pool
from tests.pool.surroundings import BROKEN_IMAGE, NEXT_IMAGE, Surroundings, until_idle

WISH = {"agentName": "Ada", "instructions": "Be brief."}
QUICK = RolloutPolicy(batch=2, max_unavailable=2, bake_seconds=0, ready_seconds=3, wait_seconds=60)


def inputs(pool: Pool | None, image: str, kind: str = "hold", **changed: Any) -> dict[str, Any]:
    policy = RolloutPolicy(**{**vars(QUICK), "kind": kind, **changed})
    return {
        "url": pool.url if pool is not None else "http://127.0.0.1:9",
        "apiKey": API_KEY,
        "mode": "container",
        "variables": {"RAILWAY_RUNTIME_IMAGE": image, **policy.variables()},
        "waitSeconds": policy.wait_seconds,
    }


def checked(news: dict[str, Any], olds: dict[str, Any] | None = None) -> dict[str, Any]:
    found, failures = AgentRolloutProvider().checked(olds or {}, news)
    assert failures == []
    return found


def test_the_preview_says_who_stays_under_the_policy_hold(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="2") as pool:
        until_idle(pool, 2)
        pool.json("POST", "/api/pool/claim", WISH)
        until_idle(pool, 2)
        before = checked(inputs(pool, IMAGE))
        assert before["plan"] == [f"policy hold: all 3 agents have sha256:{'1' * 8}"]
        news = checked(inputs(pool, NEXT_IMAGE), before)
        assert news["plan"] == [f"policy hold: 3 agents stay on sha256:{'1' * 8} (1 claimed, 2 idle)"]
        assert AgentRolloutProvider().changed("agents", before, news).changes
        done = AgentRolloutProvider().created(news).outs or {}
        assert (done["state"], done["text"]) == ("held", news["plan"][0])


def test_the_preview_shows_each_batch_with_its_agents_and_up_does_just_that(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="4") as pool:
        until_idle(pool, 4)
        before = checked(inputs(pool, IMAGE))
        news = checked(inputs(pool, NEXT_IMAGE, "redeploy-idle"), before)
        head, *batches = news["plan"]
        assert head == f"policy redeploy-idle: 4 agents move to sha256:{'2' * 8}, 3 batches"
        around.emulator.forget_calls()
        pool.restart(**news["variables"])
        done = AgentRolloutProvider().updated("agents", before, news).outs or {}
        assert (done["state"], done["text"]) == ("done", "4 of 4 agents have the image")
        rows = around.sql(
            "SELECT batch, string_agg(agent_id, ', ' ORDER BY agent_id) FROM agent_move GROUP BY 1 ORDER BY 1"
        )
        assert news["planBatches"] == [len(ids.split(", ")) for _, ids in rows]
        moves = f"sha256:{'1' * 8} -> sha256:{'2' * 8}"
        assert batches == [f"batch {number}: {ids}: {moves}" for number, ids in rows]


def test_an_update_ends_when_only_claimed_agents_are_left(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="2") as pool:
        until_idle(pool, 2)
        pool.json("POST", "/api/pool/claim", WISH)
        until_idle(pool, 2)
        news = checked(inputs(pool, NEXT_IMAGE, "drain-and-replace"), checked(inputs(pool, IMAGE)))
        assert news["plan"][0].endswith(f"; 1 agent stays on sha256:{'1' * 8} (1 claimed)")
        pool.restart(**news["variables"])
        done = AgentRolloutProvider().created(news).outs or {}
        assert (done["state"], done["text"]) == ("waiting", "1 agent is claimed and keeps its image")
        assert not AgentRolloutProvider().changed("agents", done, news).changes


def test_a_rollout_that_stopped_is_an_error_that_names_batch_and_agents(around: Surroundings) -> None:
    around.emulator.settings(outcomes={BROKEN_IMAGE: "crash"})
    with around.pool(POOL_MIN_IDLE="3") as pool:
        until_idle(pool, 3)
        news = checked(inputs(pool, BROKEN_IMAGE, "redeploy-idle"), checked(inputs(pool, IMAGE)))
        pool.restart(**news["variables"])
        with pytest.raises(
            InfraError, match=r"^agents: stopped at batch 1: \w{12} did not become ready .*; pin an image"
        ):
            AgentRolloutProvider().updated("agents", {}, news)
        until(lambda: around.images() == {IMAGE: 3}, 20)


def test_a_wait_that_is_over_leaves_the_rollout_to_the_pool_manager_and_the_next_up_waits_again(
    around: Surroundings,
) -> None:
    with around.pool(POOL_MIN_IDLE="2") as pool:
        until_idle(pool, 2)
        news = checked(inputs(pool, NEXT_IMAGE, "redeploy-idle", bake_seconds=3, wait_seconds=0), {})
        pool.restart(**news["variables"])
        done = AgentRolloutProvider().created(news).outs or {}
        assert done["state"] == "rolling"
        again = checked({**news, "waitSeconds": 60}, done)
        assert again["plan"] == news["plan"]
        assert AgentRolloutProvider().changed("agents", done, again).changes
        assert (AgentRolloutProvider().updated("agents", done, again).outs or {})["state"] == "done"


def test_a_pool_manager_that_does_not_answer_keeps_nobody_from_a_preview() -> None:
    found = checked(inputs(None, NEXT_IMAGE), checked(inputs(None, IMAGE)))
    assert found["plan"] == ["no plan: pool-manager: http://127.0.0.1:9 does not answer (ConnectionError)"]


def test_a_wrong_key_is_said(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="0") as pool:
        (line,) = checked({**inputs(pool, IMAGE), "apiKey": "wrong"})["plan"]
    assert line.startswith("no plan: pool-manager: it refuses this stack's poolApiKey")


def test_where_nothing_runs_it_says_so_and_goes_on() -> None:
    news = checked({**inputs(None, NEXT_IMAGE, "redeploy-idle"), "mode": "simulated"})
    assert news["plan"] == [NOBODY]
    assert (AgentRolloutProvider().created(news).outs or {})["state"] == "simulated"


def test_without_a_change_of_image_or_policy_nobody_is_asked() -> None:
    olds = {**inputs(None, IMAGE), "plan": ["as it was"]}
    assert checked(inputs(None, IMAGE), olds)["plan"] == ["as it was"]


BAD_PLANS = [
    ({"variables": {"POOL_ROLLOUT_POLICY": "yolo"}}, "POOL_ROLLOUT_POLICY: must be one of hold, redeploy-idle"),
    ({"variables": {"POOL_ROLLOUT_BATCH": "0"}}, "POOL_ROLLOUT_BATCH: must be a whole number from 1 to 1000, not '0'"),
    ({"variables": {"POOL_ROLLOUT_BATCH": "-1"}}, "POOL_ROLLOUT_BATCH: must be a whole number from 1"),
    ({"variables": {"POOL_ROLLOUT_BATCH": 3}}, "POOL_ROLLOUT_BATCH: must be text"),
    ({"variables": {"POOL_ROLLOUT_BATCH": "11"}}, "POOL_ROLLOUT_BATCH: 11 is more than POOL_ROLLOUT_MAX_UNAVAILABLE"),
    ({"variables": {"RAILWAY_RUNTIME_IMAGE": "a b"}}, "RAILWAY_RUNTIME_IMAGE: must be an image reference"),
    ({"variables": {"DATABASE_URL": "x"}}, "variables: DATABASE_URL does not affect a rollout"),
    ({"variables": []}, "variables: must be an object"),
]


@pytest.mark.parametrize(("given", "problem"), BAD_PLANS)
def test_a_bad_question_for_a_plan_is_one_line(idle_pool: Pool, given: Any, problem: str) -> None:
    answer = idle_pool.call("POST", "/api/pool/rollout/plan", given)
    assert answer.status_code == 400
    assert problem in answer.json()["error"]


def test_a_batch_that_is_larger_than_the_fleet_is_the_fleet(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="3") as pool:
        until_idle(pool, 3)
        news = inputs(pool, NEXT_IMAGE, "redeploy-idle", batch=900, max_unavailable=1000, canary=1)
        found = pool.json("POST", "/api/pool/rollout/plan", {"variables": news["variables"]})
        # The last idle agent stays until a new one is idle.
        assert [len(batch["agents"]) for batch in found["batches"]] == [1, 2]


def configured(**config: str) -> AgentRolloutProvider:
    provider = AgentRolloutProvider()
    values = {f"convos-infra:{key}": value for key, value in config.items()}
    # Not `configure()`, which shapes the whole process.
    provider._config = Config(values, "convos-infra")
    return provider


def test_a_destroy_deletes_idle_agents_and_an_up_after_it_opens_the_pool_again(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="2") as pool:
        until_idle(pool, 2)
        configured(agentsOnDestroy="refuse").deleted("agents", {**inputs(pool, IMAGE), "serviceOwned": True})
        assert around.services() == []
        AgentRolloutProvider().created(checked(inputs(pool, IMAGE)))
        until_idle(pool, 2)


@pytest.mark.parametrize(("config", "shell"), [({"agentsOnDestroy": "delete"}, ""), ({}, "delete")])
def test_a_destroy_stops_where_somebody_has_an_agent_unless_config_or_shell_say_otherwise(
    around: Surroundings, monkeypatch: pytest.MonkeyPatch, config: dict[str, str], shell: str
) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        pool.json("POST", "/api/pool/claim", WISH)
        until_idle(pool, 1)
        with pytest.raises(InfraError, match=r"^agents: in use: convos-agent-ada-\w{12} \(claimed\)"):
            configured(agentsOnDestroy="refuse").deleted("agents", {**inputs(pool, IMAGE), "serviceOwned": True})
        assert len(around.services()) == 2
        monkeypatch.setenv("AGENTS_ON_DESTROY", shell)
        configured(**config).deleted("agents", {**inputs(pool, IMAGE), "serviceOwned": True})
        assert around.services() == []


def test_agents_of_a_pool_manager_that_was_taken_over_stay_claimed_or_not(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        pool.json("POST", "/api/pool/claim", WISH)
        until_idle(pool, 1)
        before = {row["serviceId"] for row in around.services()}
        for config in ({"agentsOnDestroy": "refuse"}, {"agentsOnDestroy": "delete"}):
            configured(**config).deleted("agents", {**inputs(pool, IMAGE), "serviceOwned": False})
        assert {row["serviceId"] for row in around.services()} == before
        assert pool.call("POST", "/api/pool/claim", WISH).ok, "the pool is open as before"
        configured(agentsOnDestroy="delete", destroyAdopted="true").deleted(
            "agents", {**inputs(pool, IMAGE), "serviceOwned": False}
        )
        assert around.services() == []


def test_a_state_that_does_not_say_whose_the_pool_is_asks_and_deletes_no_agent(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        configured(agentsOnDestroy="refuse").deleted("agents", inputs(pool, IMAGE))
        assert len(around.services()) == 1
        pool.json("POST", "/api/pool/claim", WISH)
        with pytest.raises(InfraError, match=r"^agents: in use: convos-agent-[a-z0-9-]+ \(claimed\)"):
            configured(agentsOnDestroy="refuse").deleted("agents", inputs(pool, IMAGE))
