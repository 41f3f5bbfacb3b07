"""Each agent's own bearer key: the pool's opens nothing at an agent, and an agent's opens nothing at the pool."""

from __future__ import annotations

from typing import Any

from convos_pool.agent_keys import AgentKeys
from convos_pool.errors import RailwayCallError

from pool_contract.agent_api_key import agent_api_key
from tests.emulator.fix_emulator import until
from tests.pool.pool_process import API_KEY
from tests.pool.surroundings import NEXT_IMAGE, Surroundings, agents, counts, until_idle

WISH = {"agentName": "Ada", "instructions": "Be brief."}
SET_KEY = "mutation v($input: VariableUpsertInput!) { variableUpsert(input: $input) }"


def make_old(around: Surroundings, agent: dict[str, Any], key: str = API_KEY) -> None:
    """Give an agent the key that an older pool manager made it with."""
    given = {"projectId": around.world.project_id, "environmentId": around.environment_id, "name": "POOL_API_KEY"}
    around.world.run(SET_KEY, input={**given, "serviceId": agent["serviceId"], "value": key})


def test_each_agent_is_made_with_a_key_of_its_own_and_hears_no_other(around: Surroundings) -> None:
    around.wants_keys()
    with around.pool(POOL_MIN_IDLE="2") as pool:
        until_idle(pool, 2)
        id_ = pool.json("POST", "/api/pool/claim", WISH)["instanceId"]
        until_idle(pool, 2)
        assert len(around.farm.heard) == 3
        for agent_id, heard in around.farm.heard.items():
            assert heard == {agent_api_key(API_KEY, agent_id)} == {around.variables_of(agent_id)["POOL_API_KEY"]}
        assert around.farm.tokens == {agent_api_key(API_KEY, id_)}


def test_an_agents_key_opens_nothing_at_the_pool_manager(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        (agent,) = agents(pool)
        bearer = {"Authorization": f"Bearer {agent_api_key(API_KEY, agent['id'])}"}
        for method, path in (("GET", "status"), ("POST", "claim"), ("POST", "retire"), ("POST", "drain")):
            assert pool.call(method, f"/api/pool/{path}", {}, headers=bearer).status_code == 401
        shown = pool.call("GET", "/api/pool/agents", headers=bearer).json()
        assert shown == {"claimed": [], "crashed": []}


def test_an_agent_of_an_older_pool_manager_goes_on_until_it_is_redeployed(around: Surroundings) -> None:
    around.wants_keys()
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        (agent,) = agents(pool)
        pool.stop()
        make_old(around, agent)
        around.wants_keys()
        around.farm.heard.clear()
        pool.start()
        until_idle(pool, 1)
        derived = agent_api_key(API_KEY, agent["id"])
        assert around.farm.heard[agent["id"]] == {derived, API_KEY}, "its own first, then what it was made with"
        before = pool.json("GET", "/api/pool/status")["seenAt"]
        until(lambda: pool.json("GET", "/api/pool/status")["seenAt"] > before + 0.5, 20)
        assert pool.printed().count("created with a key that is not its own") == 1, "it is looked up once"
        around.wants_keys()
        pool.json("POST", f"/api/pool/redeploy/{agent['id']}")
        until(lambda: around.variables_of(agent["id"])["POOL_API_KEY"] == derived, 20)
        around.wants_keys()
        around.farm.heard.clear()
        until_idle(pool, 1)
        assert around.farm.heard[agent["id"]] == {derived}
        assert pool.json("POST", "/api/pool/claim", WISH)["instanceId"] == agent["id"]


def test_a_rollout_gives_old_agents_their_own_key(around: Surroundings) -> None:
    around.wants_keys()
    with around.pool(POOL_MIN_IDLE="2") as pool:
        until_idle(pool, 2)
        old = agents(pool)
        pool.stop()
        for agent in old:
            make_old(around, agent)
        around.wants_keys()
        pool.restart(RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE, POOL_ROLLOUT_POLICY="redeploy-idle", POOL_ROLLOUT_BAKE_MS="0")

        def all_new() -> bool:
            around.wants_keys()
            return around.images() == {NEXT_IMAGE: 2} and counts(pool).get("idle") == 2

        until(all_new, 40, pool.printed)
        assert len(old) == 2
        for agent in old:
            assert around.variables_of(agent["id"])["POOL_API_KEY"] == agent_api_key(API_KEY, agent["id"])


def test_an_agent_that_refuses_every_key_never_hears_the_pools(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1", POOL_STUCK_TIMEOUT_MS="1500") as pool:
        around.farm.key_of = lambda _: None
        until(lambda: "deleted, because it was dead" in pool.printed(), 30, pool.printed)
        assert around.farm.heard
        for agent_id, heard in around.farm.heard.items():
            assert heard == {agent_api_key(API_KEY, agent_id)}


def test_an_agent_of_a_pool_whose_key_was_changed_hears_what_it_was_made_with(around: Surroundings) -> None:
    around.wants_keys()
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        (agent,) = agents(pool)
        around.farm.heard.clear()
        pool.restart(POOL_API_KEY="another-key-0123456789")
        until(lambda: counts(pool).get("idle") == 1, 20)
        made_with = agent_api_key(API_KEY, agent["id"])
        assert around.farm.heard[agent["id"]] == {made_with, agent_api_key("another-key-0123456789", agent["id"])}


class _Railway:
    """Says what the variables of a service are, and counts how often it was asked."""

    def __init__(self, value: str) -> None:
        self.value, self.asked, self.fails = value, 0, False

    def variables(self) -> dict[str, dict[str, str]]:
        self.asked += 1
        if self.fails:
            raise RailwayCallError("agentVariables", "no answer")
        return {"s1": {"POOL_API_KEY": self.value} if self.value else {}}


def instance(deployment: str = "d1") -> Any:
    from datetime import UTC, datetime

    from convos_pool.railway import Instance

    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Instance("s1", "convos-agent-abcdefghijkm", "i", "d", at, deployment, "SUCCESS", at)


def test_a_value_that_is_no_key_is_never_sent() -> None:
    for value in ("", "${{shared.POOL_API_KEY}}", "x${{postgres.PASSWORD}}"):
        keys = AgentKeys(API_KEY, _Railway(value).variables)
        assert keys.learn({"s1": instance()}) == frozenset()
        assert keys.key_for(instance()) == agent_api_key(API_KEY, "abcdefghijkm")


def test_a_question_that_fails_is_asked_again_and_an_answer_counts_for_its_deployment() -> None:
    railway = _Railway("old-key")
    keys = AgentKeys(API_KEY, railway.variables)
    railway.fails = True
    assert keys.learn({"s1": instance()}) == frozenset()
    railway.fails = False
    assert keys.learn({"s1": instance()}) == {"s1"}
    assert keys.key_for(instance()) == "old-key"
    assert keys.learn({"s1": instance()}) == frozenset()
    assert railway.asked == 2
    assert keys.key_for(instance("d2")) == agent_api_key(API_KEY, "abcdefghijkm")
    assert keys.key_for(instance()) == "old-key"


def test_an_agent_that_refuses_the_key_that_it_has_is_asked_about_once_a_deployment() -> None:
    railway = _Railway(agent_api_key(API_KEY, "abcdefghijkm"))
    keys = AgentKeys(API_KEY, railway.variables)
    for deployment in ("d1", "d1", "d1", "d2"):
        assert keys.learn({"s1": instance(deployment)}) == frozenset()
    assert railway.asked == 2


def test_keys_of_two_agents_and_of_two_pools_differ() -> None:
    made = {agent_api_key(pool, id_) for pool in ("k1", "k2") for id_ in ("a", "b", "", "a\x00", "A")}
    assert len(made) == 10
    assert all(len(key) == 64 for key in made)
