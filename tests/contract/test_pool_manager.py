"""What callers of a pool manager rely on, row by row. CONTRACT_POOL_URL and CONTRACT_POOL_KEY name another one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.conftest import SECONDS, Manager
from tests.emulator.fix_emulator import until

STATES = ("starting", "idle", "claimed", "crashed")
WORDS = {"agentName": "Ada Lovelace", "instructions": "Be brief."}
INSTANCE = {"serviceId", "id", "name", "url", "status", "createdAt", "deployStatus"}
GUARDED = [
    ("GET", "/api/pool/status"),
    ("POST", "/api/pool/claim"),
    ("POST", "/api/pool/replenish"),
    ("POST", "/api/pool/drain"),
    ("POST", "/api/pool/reconcile"),
    ("DELETE", "/api/pool/instances/abcdefghijkm"),
    ("DELETE", "/api/pool/crashed/abcdefghijkm"),
]


def listed(manager: Manager) -> dict[str, dict[str, Any]]:
    found = manager.call("GET", "/api/pool/status").json()["instances"]
    return {one["id"]: one for one in found}


def foreign_link(manager: Manager) -> str:
    environment = manager.call("GET", "/version", key="").json()["environment"]
    host = "dev.convos.org" if environment == "production" else "popup.convos.org"
    return f"https://{host}/v2?i=abc"


def are_counts(found: Any) -> bool:
    return all(isinstance(found.get(state), int) for state in STATES)


def test_health_answers_without_a_key(manager: Manager) -> None:
    answer = manager.call("GET", "/healthz", key="")
    assert (answer.status_code, answer.json()) == (200, {"ok": True})


def test_version_names_the_version_and_the_environment(manager: Manager) -> None:
    answer = manager.call("GET", "/version", key="")
    assert answer.status_code == 200
    assert answer.json()["version"]
    assert answer.json()["environment"] in {"dev", "staging", "production"}


def test_the_dashboard_is_a_page_for_people(manager: Manager) -> None:
    answer = manager.call("GET", "/", key="")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")


def test_counts_answer_without_a_key(manager: Manager) -> None:
    answer = manager.call("GET", "/api/pool/counts", key="")
    assert answer.status_code == 200
    assert are_counts(answer.json())


def test_agents_are_listed_without_a_key_by_what_they_are(manager: Manager) -> None:
    claimed = manager.claim()["instanceId"]
    answer = manager.call("GET", "/api/pool/agents", key="")
    assert answer.status_code == 200
    assert set(answer.json()) >= {"claimed", "crashed"}
    (mine,) = [one for one in answer.json()["claimed"] if one["id"] == claimed]
    assert set(mine) >= INSTANCE
    assert mine["status"] == "claimed"


def test_status_lists_every_agent(manager: Manager) -> None:
    claimed = manager.claim()
    answer = manager.call("GET", "/api/pool/status")
    assert answer.status_code == 200
    assert are_counts(answer.json()["counts"])
    found = listed(manager)
    assert found
    assert all(set(one) >= INSTANCE for one in found.values())
    mine = found[claimed["instanceId"]]
    assert (mine["agentName"], mine["instructions"]) == (WORDS["agentName"], WORDS["instructions"])
    assert (mine["inviteUrl"], mine["conversationId"]) == (claimed["inviteUrl"], claimed["conversationId"])
    assert mine["claimedAt"]


@pytest.mark.parametrize(("method", "path"), GUARDED)
@pytest.mark.parametrize("key", ["", "wrong"])
def test_without_the_key_nothing_is_done(manager: Manager, method: str, path: str, key: str) -> None:
    answer = manager.call(method, path, {} if method == "POST" else None, key=key)
    assert answer.status_code == 401
    assert set(answer.json()) == {"error"}


def test_a_claim_answers_with_everything_that_its_caller_needs(manager: Manager) -> None:
    found = manager.claim()
    assert set(found) >= {"inviteUrl", "conversationId", "instanceId", "joined", "gatewayToken", "gatewayUrl"}
    assert found["joined"] is False
    assert found["gatewayToken"]
    assert found["gatewayUrl"].startswith("http")


def test_an_agent_joins_a_conversation(manager: Manager) -> None:
    link = foreign_link(manager).replace("popup.", "").replace("dev.", "")
    found = manager.claim(joinUrl=link)
    assert found["joined"] is True


BAD_CLAIMS: list[dict[str, Any]] = [
    {},
    {"agentName": "Ada"},
    {"instructions": "Be brief."},
    {"agentName": "", "instructions": "Be brief."},
    {"agentName": "Ada", "instructions": ""},
    {"agentName": 7, "instructions": "Be brief."},
    {"agentName": "Ada", "instructions": ["Be brief."]},
]


@pytest.mark.parametrize("body", BAD_CLAIMS, ids=str)
def test_a_claim_without_both_texts_is_refused_before_an_agent_is_asked(manager: Manager, body: dict[str, Any]) -> None:
    manager.wait_idle()
    before = manager.counts()["claimed"]
    answer = manager.call("POST", "/api/pool/claim", body)
    assert answer.status_code == 400
    assert isinstance(answer.json()["error"], str)
    assert manager.counts()["claimed"] == before


def test_a_link_of_the_other_network_is_refused(manager: Manager) -> None:
    answer = manager.call("POST", "/api/pool/claim", {**WORDS, "joinUrl": foreign_link(manager)})
    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}


def test_replenish_makes_agents_and_tells_the_counts(manager: Manager) -> None:
    before = manager.counts()
    answer = manager.call("POST", "/api/pool/replenish", {"count": 1})
    assert answer.status_code == 200, answer.text
    assert answer.json()["ok"] is True
    assert answer.json()["created"] >= 1
    assert are_counts(answer.json()["counts"])
    until(lambda: manager.counts()["idle"] > before["idle"], SECONDS, lambda: str(manager.counts()))


def test_replenish_without_a_count_fills_the_pool(manager: Manager) -> None:
    answer = manager.call("POST", "/api/pool/replenish", {})
    assert answer.status_code == 200, answer.text
    assert answer.json()["ok"] is True
    assert are_counts(answer.json()["counts"])


def test_drain_deletes_one_agent_unless_told_how_many_and_never_a_claimed_one(manager: Manager) -> None:
    claimed = manager.claim()["instanceId"]
    manager.wait_idle(2)
    answer = manager.call("POST", "/api/pool/drain", {})
    assert answer.status_code == 200, answer.text
    assert answer.json()["ok"] is True
    assert answer.json()["drained"] == 1
    assert are_counts(answer.json()["counts"])
    manager.wait_idle()
    most = manager.call("POST", "/api/pool/drain", {"count": 50}).json()["drained"]
    assert 1 <= most <= 20
    assert listed(manager)[claimed]["status"] == "claimed"


def test_reconcile_does_a_round_and_tells_the_counts(manager: Manager) -> None:
    answer = manager.call("POST", "/api/pool/reconcile", {})
    assert answer.status_code == 200, answer.text
    assert answer.json()["ok"] is True
    assert are_counts(answer.json()["counts"])


def test_an_agent_is_killed_claimed_or_not_and_again_where_it_is_gone(manager: Manager) -> None:
    claimed = manager.claim()["instanceId"]
    manager.wait_idle()
    idle = next(id_ for id_, one in listed(manager).items() if one["status"] == "idle")
    for id_ in (claimed, idle):
        for _ in range(2):
            answer = manager.call("DELETE", f"/api/pool/instances/{id_}")
            assert answer.status_code == 200, answer.text
            assert answer.json()["ok"] is True
        until(lambda id_=id_: id_ not in listed(manager), SECONDS)


def test_a_crashed_agent_that_is_gone_is_dismissed(manager: Manager) -> None:
    answer = manager.call("DELETE", "/api/pool/crashed/abcdefghijkm")
    assert answer.status_code == 200, answer.text
    assert answer.json()["ok"] is True


def test_without_an_idle_agent_a_claim_is_told_so(manager: Manager) -> None:
    manager.wait_idle()
    for _ in range(60):
        answer = manager.call("POST", "/api/pool/claim", WORDS)
        if answer.status_code != 200:
            break
    assert answer.status_code == 503
    assert answer.json()["error"].startswith("No idle instances available.")
