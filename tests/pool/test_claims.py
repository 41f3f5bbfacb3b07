"""Handing agents out: one wins, nothing is lost, and whoever is claimed is left alone."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pool_contract.agent_api_key import agent_api_key
from tests.emulator.fix_emulator import until
from tests.pool.pool_process import API_KEY, Pool
from tests.pool.surroundings import NEXT_IMAGE, Surroundings, agents, counts, surroundings, until_idle
from tests.schema.postgres_server import Database, embedded_binaries, running

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator.fix_emulator import Emulator
    from tests.pool.agent_farm import Farm
from tests.pool.claiming import WISH, claim, rows


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


def test_an_agent_that_was_deleted_by_hand_since_the_look_is_passed_over(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="2") as pool:
        until_idle(pool, 2)
        pool.restart(TICK_INTERVAL_MS="3600000", POOL_MIN_IDLE="0")
        until_idle(pool, 2)
        oldest = min(agents(pool), key=lambda one: one["createdAt"])
        delete = "mutation d($id: String!, $e: String!) { serviceDelete(id: $id, environmentId: $e) }"
        around.world.run(delete, id=oldest["serviceId"], e=around.environment_id)
        assert claim(pool)["instanceId"] != oldest["id"]
        assert len(rows(around)) == 1, "the deleted one is nobody's"


def test_an_agent_that_could_not_be_handed_out_comes_last_from_then_on(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="3") as pool:
        until_idle(pool, 3)
        pool.restart(TICK_INTERVAL_MS="3600000", POOL_MIN_IDLE="0")
        until_idle(pool, 3)
        oldest = min(agents(pool), key=lambda one: one["createdAt"])
        around.farm.answers[oldest["id"]] = (400, b'{"error": "not today"}')
        claim(pool)
        around.emulator.forget_calls()
        claim(pool)
        asked = [one["operation"] for one in around.emulator.calls()]
        assert asked.count("serviceInstance") == 1, "the unwilling one was not asked again"


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
        assert "if it refuses every call, check the pool's Railway token" in pool.printed()


def test_an_older_schema_is_named(around: Surroundings) -> None:
    around.keep_schema("9999")
    around.sql("DROP TABLE agent_metadata")
    with around.pool(POOL_MIN_IDLE="1") as pool:
        answer = pool.call("POST", "/api/pool/claim", WISH)
        assert answer.status_code == 503
        assert answer.json() == {
            "error": "database: agent_metadata is missing; run pulumi up, or without Pulumi look for schema: in the log"
        }
        assert around.services() == []


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
