"""What another pool manager can do is asked once and said; nothing waits for what it will never do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pulumi.dynamic import Config

from convos_infra.errors import InfraError
from convos_infra.rollout.abilities import Abilities, abilities, check_reach
from convos_infra.rollout.pool_api import NoAnswer, PoolApi
from convos_infra.rollout.resource import AgentRolloutProvider
from convos_infra.rollout.retire_on_destroy import DELETE, REFUSE, Time, drain, refuse_if_in_use
from stack.rollout import RolloutPolicy
from tests.pool.other_pool_manager import KEY, PREFIX, Other, agent, other_pool_manager
from tests.railway.scripted import FakeTime

IMAGE = "ghcr.io/example/runtime:1@sha256:" + "1" * 64


@pytest.fixture
def other() -> Iterator[Other]:
    with other_pool_manager(agent("aaaaaaaaaaaa"), agent("bbbbbbbbbbbb")) as found:
        yield found


def api(other: Other) -> PoolApi:
    return PoolApi(other.url, KEY)


def inputs(other: Other, kind: str = "hold", **more: Any) -> dict[str, Any]:
    variables = {"RAILWAY_RUNTIME_IMAGE": IMAGE, **RolloutPolicy(kind=kind).variables()}
    place = {"url": other.url, "apiKey": KEY, "mode": "container", "agentPrefix": PREFIX, "serviceOwned": True}
    return {**place, "variables": variables, "waitSeconds": 900, **more}


def configured() -> AgentRolloutProvider:
    """Return a provider that has a stack's config, as in a destroy."""
    provider = AgentRolloutProvider()
    # Not `configure()`, which shapes the whole process.
    provider._config = Config({}, "convos-infra")
    return provider


def test_the_preview_says_that_it_only_holds_and_asks_once(other: Other) -> None:
    found, failures = AgentRolloutProvider().checked({}, inputs(other))
    assert failures == []
    assert found["plan"] == [
        "policy hold: this pool manager (version 1.2.3) has no rollouts: every agent stays as it is"
    ]
    assert other.asked == ["GET /version", "GET /api/pool/rollout"]
    AgentRolloutProvider().checked(found, inputs(other))
    assert len(other.asked) == 2, "a preview without a change asks nothing"


@pytest.mark.parametrize("kind", ["redeploy-idle", "drain-and-replace"])
def test_a_policy_that_it_cannot_carry_out_is_refused_in_the_preview_and_not_waited_for(
    other: Other, kind: str
) -> None:
    with pytest.raises(
        InfraError, match=rf"^rolloutPolicy: {kind} needs a pool manager with rollouts.*set rolloutPoli"
    ):
        AgentRolloutProvider().checked({}, inputs(other, kind))
    with pytest.raises(InfraError, match=r"^rolloutPolicy: "):
        AgentRolloutProvider().created(inputs(other, kind))


def test_a_project_token_is_refused_where_it_would_be_sent_as_a_bearer(other: Other) -> None:
    with pytest.raises(InfraError, match=r"^poolRailwayToken: missing: .*Bearer.* account or workspace token"):
        AgentRolloutProvider().checked({}, inputs(other, madeToken=True))
    AgentRolloutProvider().checked({}, inputs(other))


def test_an_update_is_done_when_it_reaches_railway_and_the_database(other: Other) -> None:
    done = AgentRolloutProvider().created(inputs(other)).outs or {}
    assert done["state"] == "held"
    assert "POST /api/pool/reconcile" in other.asked


def test_one_that_runs_and_reaches_nothing_fails_the_update_in_one_line(other: Other) -> None:
    other.broken = "Not Authorized"
    passed = FakeTime()
    with pytest.raises(InfraError) as caught:
        check_reach(api(other), Abilities("1", rollouts=False, retires=False), passed.sleep, passed.clock, 10)
    text = str(caught.value)
    assert "cannot read Railway and its database: /api/pool/reconcile: Not Authorized" in text
    assert "poolRailwayToken" in text
    assert "\n" not in text
    assert passed.now <= 10


def test_what_answers_404_to_everything_is_no_pool_manager_without_rollouts() -> None:
    with other_pool_manager() as other:
        other.odd = dict.fromkeys(
            ("/version", "/api/pool/status", "/api/pool/rollout"), (404, {"message": "Application not found"})
        )
        with pytest.raises(NoAnswer):
            abilities(api(other))
        found, _ = AgentRolloutProvider().checked({}, inputs(other, "redeploy-idle"))
        assert found["plan"][0].startswith("no plan: "), "a preview goes on while the pool manager is away"


@pytest.mark.parametrize(
    ("version", "rollouts"),
    [
        ({"version": "2", "capabilities": ["rollout", "retire"]}, True),
        ({"version": "2", "capabilities": []}, False),
        ({"version": None}, False),
        ({"version": "\x1b[31mred"}, False),
        ({}, False),
        ({"version": "2", "capabilities": "rollout"}, False),
    ],
)
def test_what_it_can_do_is_read_from_its_version_else_from_the_route(
    other: Other, version: dict[str, Any], rollouts: bool
) -> None:
    other.odd["/version"] = (200, version)
    found = abilities(api(other))
    assert found.rollouts == rollouts
    assert found.version.isprintable()


def test_one_of_before_that_has_the_route_and_no_list_of_abilities_has_rollouts(other: Other) -> None:
    other.odd["/version"] = (404, {})
    other.odd["/api/pool/rollout"] = (200, {"state": "held"})
    assert abilities(api(other)) == Abilities("unknown", rollouts=True, retires=True)


@pytest.mark.parametrize(
    "theirs",
    [
        agent("cccccccccccc", "claimed"),
        agent("cccccccccccc", "crashed"),
        agent("cccccccccccc", "idle", name=f"{PREFIX}ada-cccccccccccc"),
    ],
)
def test_an_agent_that_somebody_has_stops_the_destroy_and_nothing_is_deleted(theirs: dict[str, Any]) -> None:
    with other_pool_manager(agent("aaaaaaaaaaaa"), theirs) as other:
        with pytest.raises(InfraError, match="in use: .*cccccccccccc"):
            refuse_if_in_use(api(other), REFUSE, PREFIX)
        with pytest.raises(InfraError, match="in use: .*cccccccccccc"):
            configured().deleted("agents", inputs(other))
        assert len(other.instances) == 2


def test_a_status_that_lists_nobody_is_not_taken_for_nobody(other: Other) -> None:
    other.odd["/api/pool/status"] = (200, {"counts": {"claimed": 3}})
    with pytest.raises(InfraError, match="unknown whether any is claimed"):
        refuse_if_in_use(api(other), REFUSE, PREFIX)


def test_idle_agents_are_drained_and_where_told_all_of_them_go() -> None:
    with other_pool_manager(*(agent(f"{number:012d}") for number in range(45))) as other:
        configured().deleted("agents", inputs(other))
        assert other.instances == []
        assert [call for call in other.asked if "drain" in call] == ["POST /api/pool/drain"] * 3
    lines: list[str] = []
    with other_pool_manager(agent("aaaaaaaaaaaa"), agent("cccccccccccc", "claimed")) as other:
        drain(api(other), DELETE, PREFIX, lines.append)
        assert other.instances == []
    assert lines == ["agents: 2 deleted, 0 are left: this pool manager cannot be closed"]


def test_one_that_says_that_it_drained_and_did_not_ends_the_destroy_all_the_same(other: Other) -> None:
    other.odd["/api/pool/drain"] = (200, {"ok": True, "drained": 1})
    lines: list[str] = []
    drain(api(other), REFUSE, PREFIX, lines.append, Time(sleep=lambda _: None))
    assert lines == ["agents: 0 deleted, 2 are left: this pool manager cannot be closed"]
