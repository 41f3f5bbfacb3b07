"""Handing agents out: one wins, nothing is lost, and whoever is claimed is left alone."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from pool_contract.agent_api_key import agent_api_key
from tests.emulator.fix_emulator import until
from tests.pool.pool_process import API_KEY, Pool
from tests.pool.surroundings import NEXT_IMAGE, Surroundings, agents, counts, surroundings, until_idle
from tests.schema.postgres_server import Database, embedded_binaries, running

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator.fix_emulator import Emulator
    from tests.pool.agent_farm import Farm

WISH = {"agentName": "Ada Lovelace", "instructions": "Be brief."}


def claim(pool: Pool, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = pool.json("POST", "/api/pool/claim", {**WISH, **more})
    return found


def rows(around: Surroundings) -> list[tuple[Any, ...]]:
    return around.sql(
        "SELECT id, railway_service_id, agent_name, conversation_id, invite_url, instructions FROM agent_metadata"
    )


def test_a_claim_returns_all_that_the_caller_needs_and_is_written_down(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        (service,) = around.services()
        answer = claim(pool)
        assert set(answer) == {"inviteUrl", "conversationId", "instanceId", "joined", "gatewayToken", "gatewayUrl"}
        config = around.world.service_config(service["serviceId"], environment_id=around.environment_id)
        assert answer["gatewayToken"] == config["variables"]["OPENCLAW_GATEWAY_TOKEN"]["value"]
        assert answer["joined"] is False
        assert rows(around) == [
            (
                answer["instanceId"],
                service["serviceId"],
                "Ada Lovelace",
                answer["conversationId"],
                answer["inviteUrl"],
                "Be brief.",
            )
        ]
        assert around.farm.tokens == {agent_api_key(API_KEY, answer["instanceId"])}
        assert around.farm.conversations[answer["instanceId"]][0] == WISH


def test_a_claimed_agent_is_renamed_and_another_takes_its_place(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        id_ = claim(pool)["instanceId"]
        until_idle(pool, 1)
        assert counts(pool)["claimed"] == 1
        names = {service["serviceName"] for service in around.services()}
        assert f"convos-agent-ada-lo-{id_}" in names
        assert all(len(name) <= 32 for name in names)


def test_an_agent_joins_where_it_is_told_to(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        answer = claim(pool, joinUrl="https://convos.org/v2?i=abc")
        assert (answer["joined"], answer["inviteUrl"]) == (True, "https://convos.org/v2?i=abc")


def test_two_claims_at_once_for_one_agent_one_wins(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        around.farm.hold = threading.Event()
        with ThreadPoolExecutor(4) as threads:
            asked = [
                threads.submit(pool.call, "POST", "/api/pool/claim", {**WISH, "agentName": f"a{n}"}) for n in range(4)
            ]
            until(lambda: rows(around), 20)
            around.farm.hold.set()
            answers = [one.result() for one in asked]
        won = [answer for answer in answers if answer.status_code == 200]
        lost = [answer for answer in answers if answer.status_code == 503]
        assert (len(won), len(lost)) == (1, 3)
        assert len(around.farm.conversations) == 1
        assert all("No idle instances available" in answer.json()["error"] for answer in lost)


def test_ten_claims_at_once_get_ten_different_agents(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="10") as pool:
        until_idle(pool, 10)
        with ThreadPoolExecutor(10) as threads:
            answers = list(threads.map(lambda number: claim(pool, agentName=f"agent {number}"), range(10)))
        assert len({answer["instanceId"] for answer in answers}) == 10
        assert len({answer["conversationId"] for answer in answers}) == 10


def test_an_agent_that_stopped_being_ready_is_passed_over(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="2") as pool:
        until_idle(pool, 2)
        bad, good = (agent["id"] for agent in sorted(agents(pool), key=lambda agent: agent["createdAt"]))
        around.farm.unready.add(bad)
        assert claim(pool)["instanceId"] == good


def test_an_agent_that_is_in_a_conversation_already_is_passed_over_and_kept(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="2") as pool:
        until_idle(pool, 2)
        used, free = (agent["id"] for agent in sorted(agents(pool), key=lambda agent: agent["createdAt"]))
        around.farm.busy.add(used)
        assert claim(pool)["instanceId"] == free
        until(lambda: counts(pool).get("released") == 1, 20)
        assert [row[0] for row in rows(around)] == [free]


def test_an_answer_that_was_lost_once_is_asked_for_again(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        around.farm.lose_answers = 1
        answer = claim(pool)
        assert around.farm.conversations[answer["instanceId"]][1] == answer["conversationId"]


def test_a_claim_that_was_cut_off_by_a_kill_is_completed_by_the_next_pool_manager(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        around.farm.hold = threading.Event()
        caller = threading.Thread(target=lambda: _ignore(pool))
        caller.start()
        until(lambda: rows(around), 20)
        pool.stop(signal.SIGKILL)
        around.farm.hold.set()
        caller.join(20)
        assert rows(around)[0][3] is None
        around.sql("UPDATE agent_metadata SET created_at = now() - interval '10 minutes'")
        pool.start()
        until(lambda: rows(around)[0][3], 30)
        (row,) = rows(around)
        assert around.farm.conversations[row[0]][1] == row[3]
        until_idle(pool, 1)
        assert counts(pool)["claimed"] == 1


def _ignore(pool: Pool) -> None:
    try:
        pool.call("POST", "/api/pool/claim", WISH)
    except OSError:
        return


def test_a_claimed_agent_is_touched_by_nothing_that_the_pool_does(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="2", POOL_STUCK_TIMEOUT_MS="1000") as pool:
        until_idle(pool, 2)
        id_ = claim(pool)["instanceId"]
        until_idle(pool, 2)
        (mine,) = [service for service in around.services() if service["serviceName"].endswith(id_)]
        before = around.world.deployments(mine["serviceId"], around.environment_id)
        around.farm.unready.add(id_)
        pool.restart(RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE, POOL_ROLLOUT_POLICY="redeploy-idle", POOL_ROLLOUT_BAKE_MS="0")
        until(lambda: around.images()[NEXT_IMAGE] >= 2, 30)
        assert pool.call("POST", f"/api/pool/redeploy/{id_}").status_code == 409
        pool.json("POST", "/api/pool/drain", {"count": 100})
        pool.call("POST", "/api/pool/reconcile")
        until_idle(pool, 2)
        assert around.world.deployments(mine["serviceId"], around.environment_id) == before
        assert around.sql("SELECT count(*) FROM agent_metadata") == [(1,)]


def test_a_database_that_was_emptied_costs_nobody_an_agent(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1", POOL_STUCK_TIMEOUT_MS="1000") as pool:
        until_idle(pool, 1)
        id_ = claim(pool)["instanceId"]
        until_idle(pool, 1)
        around.sql("DELETE FROM agent_metadata")
        until(lambda: counts(pool)["released"] == 1, 20)
        around.farm.unready.add(id_)
        pool.json("POST", "/api/pool/drain", {"count": 100})
        until_idle(pool, 1)
        assert any(service["serviceName"].endswith(id_) for service in around.services())
        assert claim(pool)["instanceId"] != id_


def test_rows_of_older_pool_managers_count_by_their_service(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        (service,) = around.services()
        around.sql(
            "INSERT INTO agent_metadata (id, railway_service_id, agent_name) VALUES ('legacy-1', %s, 'old')",
            service["serviceId"],
        )
        until(lambda: counts(pool)["claimed"] == 1, 20)
        until_idle(pool, 1)
        assert claim(pool)["instanceId"] not in service["serviceName"]


def test_new_agents_get_a_new_image_and_old_ones_keep_theirs(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="2") as pool:
        until_idle(pool, 2)
        before = {service["serviceId"]: service["latestDeployment"] for service in around.services()}
        pool.restart(RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE)
        until_idle(pool, 2)
        claim(pool)
        until_idle(pool, 2)
        assert around.images()[NEXT_IMAGE] == 1
        after = {service["serviceId"]: service["latestDeployment"] for service in around.services()}
        assert {id_: after[id_] for id_ in before} == before


def test_claims_prefer_the_newest_image(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="2") as pool:
        until_idle(pool, 2)
        pool.restart(RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE, POOL_MIN_IDLE="3")
        until_idle(pool, 3)
        (newest,) = (agent["id"] for agent in agents(pool) if agent["latest"])
        assert claim(pool)["instanceId"] == newest


def test_without_a_database_there_is_503_and_then_it_recovers(
    tmp_path: Path, pool_emulator: Emulator, farm: Farm
) -> None:
    with (
        running(tmp_path / "postgres", embedded_binaries()) as server,
        surroundings(tmp_path, Database(server, "postgres"), pool_emulator, farm) as around,
        around.pool(POOL_MIN_IDLE="1") as pool,
    ):
        until_idle(pool, 1)
        server.stop()
        try:
            answer = pool.call("POST", "/api/pool/claim", WISH)
            assert answer.status_code == 503
            assert answer.json()["error"].startswith("database: ")
            assert answer.headers["retry-after"]
            assert pool.call("GET", "/healthz").status_code == 200
            assert farm.conversations == {}
        finally:
            server.start()
        until(lambda: pool.call("POST", "/api/pool/claim", WISH).status_code == 200, 30)


def test_while_railway_is_away_nothing_is_decided(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="2") as pool:
        until_idle(pool, 2)
        before = {service["serviceId"] for service in around.services()}
        for kind in ("null_data", "html", "502", "not_authorized", "empty", "opaque"):
            around.emulator.fault(kind, times=2)
        until(lambda: len([call for call in around.emulator.calls() if call["fault"]]) == 12, 40)
        until_idle(pool, 2)
        assert {service["serviceId"] for service in around.services()} == before


def test_an_older_schema_is_named(around: Surroundings) -> None:
    around.keep_schema("9999")
    around.sql("DROP TABLE agent_metadata")
    with around.pool(POOL_MIN_IDLE="1") as pool:
        answer = pool.call("POST", "/api/pool/claim", WISH)
        assert answer.status_code == 503
        assert answer.json() == {"error": "database: agent_metadata is not there; run pulumi up, which makes it"}
        assert around.services() == []


BAD_BODIES = [
    (b"{", 400, "not JSON"),
    (b"[]", 400, "must be a JSON object"),
    (b"[" * 100_000, 400, "not JSON"),
    (b"{}", 400, "agentName: missing"),
    (b'{"agentName": "a"}', 400, "instructions: missing"),
    (b'{"agentName": "a", "instructions": " "}', 400, "instructions: missing"),
    (b'{"agentName": " ", "instructions": "b"}', 400, "agentName: missing"),
    (b'{"agentName": "a", "instructions": 7}', 400, "instructions: must be text"),
    (b'{"agentName": 7}', 400, "agentName: must be text"),
    (b'{"agentName": "a\\u0000b"}', 400, "agentName: must be text"),
    (b'{"agentName": "\\ud800"}', 400, "agentName: must be text"),
    (b'{"agentName": "a", "instructions": "b", "joinUrl": "nope"}', 400, "joinUrl: must be a URL"),
    (b'{"agentName": "' + b"a" * 201 + b'"}', 400, "agentName: longer than 200"),
    (b'{"agentName": "' + b"a" * 300_000 + b'"}', 413, "larger than"),
]


@pytest.mark.parametrize(("data", "status", "problem"), BAD_BODIES)
def test_a_bad_claim_is_one_line(idle_pool: Pool, data: bytes, status: int, problem: str) -> None:
    headers = {"Authorization": f"Bearer {API_KEY}"}
    answer = idle_pool.session.post(f"{idle_pool.url}/api/pool/claim", data=data, headers=headers, timeout=20)
    assert answer.status_code == status
    assert problem in answer.json()["error"]


def test_a_body_without_a_length_that_grows_too_large_is_refused(idle_pool: Pool) -> None:
    headers = {"Authorization": f"Bearer {API_KEY}"}
    parts = (b"x" * 65536 for _ in range(8))
    answer = idle_pool.session.post(f"{idle_pool.url}/api/pool/claim", data=parts, headers=headers, timeout=20)
    assert answer.status_code == 413


GUARDED = [
    ("GET", "/api/pool/status"),
    ("POST", "/api/pool/claim"),
    ("POST", "/api/pool/replenish"),
    ("POST", "/api/pool/drain"),
    ("POST", "/api/pool/reconcile"),
    ("POST", "/api/pool/redeploy/abc"),
    ("GET", "/api/pool/rollout"),
    ("POST", "/api/pool/rollout/plan"),
    ("POST", "/api/pool/rollout/retry"),
]


@pytest.mark.parametrize(("method", "path"), GUARDED)
@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", f"Basic {API_KEY}", f"Bearer {API_KEY}x", API_KEY])
def test_without_the_token_nothing_is_told(idle_pool: Pool, method: str, path: str, header: str) -> None:
    answer = idle_pool.call(method, path, headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert answer.json() == {"error": "authorization: a valid bearer token is required"}


@pytest.mark.parametrize("count", [0, -1, 1001, "3", 1.5, True, [1]])
def test_a_bad_count_is_refused(idle_pool: Pool, count: Any) -> None:
    answer = idle_pool.call("POST", "/api/pool/drain", {"count": count})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("count: must be a whole number from 1 to 1000")


def test_an_unknown_path_is_404_in_json(idle_pool: Pool) -> None:
    answer = idle_pool.call("GET", "/api/nothing")
    assert (answer.status_code, answer.json()) == (404, {"error": "no GET /api/nothing here"})


def test_replenish_makes_more_than_the_warm_ones(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        made = pool.json("POST", "/api/pool/replenish", {"count": 2})
        assert (made["ok"], made["created"], made["creating"], made["counts"]["total"]) == (True, 2, 0, 3)
        until_idle(pool, 3)


def test_drain_takes_the_oldest_image_first_and_reports_whom(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="2") as pool:
        until_idle(pool, 2)
        old = {agent["id"] for agent in agents(pool)}
        pool.restart(RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE, POOL_MIN_IDLE="3")
        until_idle(pool, 3)
        done = pool.json("POST", "/api/pool/drain", {"count": 2})
        assert (done["ok"], done["drained"], set(done["ids"]), done["counts"]["idle"]) == (True, 2, old, 1)
        until_idle(pool, 3)
        assert around.images() == {NEXT_IMAGE: 3}
        assert around.orphans() == []


def test_an_idle_agent_is_redeployed_by_hand_with_the_newest_image(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        pool.restart(RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE)
        until_idle(pool, 1)
        (agent,) = agents(pool)
        answer = pool.json("POST", f"/api/pool/redeploy/{agent['id']}")
        assert answer == {"instanceId": agent["id"], "image": NEXT_IMAGE}
        until_idle(pool, 1)
        (service,) = around.services()
        assert service["serviceId"] == agent["serviceId"]
        assert service["source"]["image"] == NEXT_IMAGE
        again = len(around.world.deployments(agent["serviceId"], around.environment_id))
        pool.json("POST", f"/api/pool/redeploy/{agent['id']}")
        assert len(around.world.deployments(agent["serviceId"], around.environment_id)) == again + 1


def test_an_unknown_agent_cannot_be_redeployed(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="0") as pool:
        for given, shown in UNKNOWN_AGENTS.items():
            answer = pool.call("POST", f"/api/pool/redeploy/{given}")
            assert answer.status_code == (404 if shown else 400)
            assert (f"there is no agent {shown}" if shown else "id: is not an agent's id") in answer.json()["error"]
        assert pool.call("POST", "/api/pool/redeploy/").status_code == 404
        assert pool.call("POST", "/api/pool/redeploy/a%2Fb").status_code == 404


UNKNOWN_AGENTS = {
    "nobody": "'nobody' in",
    "convos-agent-pool-manager": "'convos-agent-pool-manager' in",
    "x" * 64: f"'{'x' * 40}' in",
    # What cannot be an agent's id is refused before anybody looks.
    "x" * 3000: "",
    "%00": "",
    "%0a%1b[31m": "",
    "%F0%9F%A6%8A": "",
}


@pytest.mark.parametrize("path", ["drain", "replenish", "rollout/plan", "rollout/retry", "redeploy/abc"])
def test_an_oversize_or_broken_body_is_refused_by_every_route(idle_pool: Pool, path: str) -> None:
    headers = {"Authorization": f"Bearer {API_KEY}"}
    for data, status in ((b'{"a": "' + b"a" * 300_000 + b'"}', 413), (b"{", 400), (b"[1]", 400)):
        answer = idle_pool.session.post(f"{idle_pool.url}/api/pool/{path}", data=data, headers=headers, timeout=20)
        assert answer.status_code == status
        assert answer.json()["error"].startswith("body: ")


def test_a_changed_pool_key_leaves_living_agents_claimable(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="2") as pool:
        until_idle(pool, 2)
        old = {agent["id"] for agent in agents(pool)}
        pool.restart(POOL_API_KEY="another-key-0123456789")
        bearer = {"Authorization": "Bearer another-key-0123456789"}
        claimed = pool.call("POST", "/api/pool/claim", WISH, headers=bearer)
        assert claimed.status_code == 200, claimed.text
        assert claimed.json()["instanceId"] in old
        wanted = agent_api_key(API_KEY, claimed.json()["instanceId"])
        assert around.farm.tokens == {wanted}, "an agent wants to hear the key that it was made with"
