"""Agents and rows that another pool manager made: known by their ids, and where they were renamed by their service."""

from __future__ import annotations

from typing import Any

import pytest
from convos_pool import agents as pure

from tests.emulator.fix_emulator import until
from tests.pool.pool_process import IMAGE
from tests.pool.surroundings import Surroundings, agents, counts, until_idle

WISH = {"agentName": "Ada", "instructions": "Be brief."}
IDS = ["A_b-C1d2E3f4", "ABCDEFGHIJKL", "____________", "------------", "abc-defghijk", "0123456789oO"]
CREATE = "mutation s($input: ServiceCreateInput!) { serviceCreate(input: $input) { id } }"
COMMIT = """mutation c($e: String!, $p: EnvironmentConfig!) { environmentPatchCommit(environmentId: $e, patch: $p) }"""


def make(around: Surroundings, name: str, variables: dict[str, str] | None = None) -> str:
    """Make a service as another pool manager does; return its id."""
    given = {"projectId": around.world.project_id, "environmentId": around.environment_id, "name": name}
    service_id = str(around.world.run(CREATE, input=given)["serviceCreate"]["id"])
    values = {"OPENCLAW_GATEWAY_TOKEN": "t" * 64, "POOL_API_KEY": "shared"} if variables is None else variables
    service = {"source": {"image": IMAGE}, "variables": {key: {"value": value} for key, value in values.items()}}
    around.world.run(COMMIT, e=around.environment_id, p={"services": {service_id: service}})
    return service_id


@pytest.mark.parametrize("id_", IDS)
def test_ids_of_others_are_read_from_names_warm_and_claimed(id_: str) -> None:
    assert pure.agent_id(f"convos-agent-{id_}") == id_
    assert pure.agent_id(f"convos-agent-ada-{id_}") == id_
    assert pure.agent_id(pure.service_name(id_, "Ada Lovelace")) == id_
    assert pure.service_name(id_) == f"convos-agent-{id_}"


NO_AGENTS = [
    "convos-agent-pool-manager",
    "convos-agent-",
    "convos-agent-short",
    "convos-agent-abc.efghijkl",
    "convos-agent-abcdefghijklm",
    "x-convos-agent-abcdefghijkl",
    "Convos-agent-abcdefghijkl",
    "convos-agentabcdefghijkl",
    "convos-agent-äbcdefghijkl",
]


@pytest.mark.parametrize("name", NO_AGENTS)
def test_other_names_are_no_agents(name: str) -> None:
    assert pure.agent_id(name) is None


def test_an_idle_agent_of_theirs_counts_and_is_handed_out(around: Surroundings) -> None:
    around.wants_keys()
    make(around, f"convos-agent-{IDS[0]}")
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        assert [agent["id"] for agent in agents(pool)] == [IDS[0]], "none was made beside it"
        answer = pool.json("POST", "/api/pool/claim", WISH)
        assert (answer["instanceId"], answer["gatewayToken"]) == (IDS[0], "t" * 64)
        assert around.farm.tokens == {"shared"}, "it wants to hear what it was made with"
        pool.json("DELETE", f"/api/pool/instances/{IDS[0]}")
        until_idle(pool, 1)
        assert IDS[0] not in {agent["id"] for agent in agents(pool)}


@pytest.mark.parametrize("name", ["Ada's agent", f"convos-agent-ada-{IDS[1]}", f"convos-agent-{IDS[1]}", "web"])
def test_a_claimed_agent_of_theirs_is_known_by_its_row_whatever_its_name(around: Surroundings, name: str) -> None:
    service_id = make(around, name)
    around.sql(
        "INSERT INTO agent_metadata (id, railway_service_id, agent_name, conversation_id, invite_url, instructions)"
        " VALUES (%s, %s, 'Ada', 'c', 'https://convos.org/v2?i=1', 'Be brief.')",
        IDS[1],
        service_id,
    )
    with around.pool(POOL_MIN_IDLE="1", POOL_STUCK_TIMEOUT_MS="1000") as pool:
        until_idle(pool, 1)
        (mine,) = [one for one in pool.json("GET", "/api/pool/status")["instances"] if one["id"] == IDS[1]]
        assert (mine["status"], mine["agentName"], mine["serviceId"]) == ("claimed", "Ada", service_id)
        around.farm.unready.add(IDS[1])
        pool.json("POST", "/api/pool/drain", {"count": 20})
        until_idle(pool, 1)
        assert counts(pool)["claimed"] == 1
        pool.json("DELETE", f"/api/pool/instances/{IDS[1]}")
        assert service_id not in {one["serviceId"] for one in around.services()}
        assert around.sql("SELECT count(*) FROM agent_metadata") == [(0,)]


STRANGERS: list[dict[str, Any]] = [{}, {"PORT": "8080"}]


@pytest.mark.parametrize("variables", STRANGERS, ids=str)
def test_a_strangers_service_whose_name_could_be_an_agents_is_never_deleted(
    around: Surroundings, variables: dict[str, str]
) -> None:
    name = "convos-agent-my-web-sites"
    service_id = make(around, name, variables)
    around.farm.unready.add("my-web-sites")
    around.emulator.settings(outcomes={})
    with around.pool(POOL_MIN_IDLE="1", POOL_STUCK_TIMEOUT_MS="1000") as pool:
        until(lambda: counts(pool).get("dead") == 1 and counts(pool).get("idle") == 1, 30, pool.printed)
        before = pool.json("GET", "/api/pool/status")["seenAt"]
        until(lambda: pool.json("GET", "/api/pool/status")["seenAt"] > before + 1, 20)
        assert service_id in {one["serviceId"] for one in around.services()}


def test_a_renamed_agent_of_theirs_is_asked_whether_it_is_ready(around: Surroundings) -> None:
    service_id = make(around, "Ada")
    statement = (
        "INSERT INTO agent_metadata (id, railway_service_id, agent_name, conversation_id) VALUES (%s, %s, 'Ada', 'c')"
    )
    around.sql(statement, IDS[1], service_id)
    heard: dict[str, set[str]] = around.farm.heard
    with around.pool(POOL_MIN_IDLE="0", POOL_AGENT_URL=around.farm.url.replace("{id}", "{name}")) as pool:
        until(lambda: counts(pool).get("claimed") == 1, 20)
        until(lambda: "Ada" in heard, 20)
