"""What the pool manager's API refuses, and what it tells those who have no token."""

from __future__ import annotations

from typing import Any

import pytest

from tests.pool.pool_process import API_KEY, Pool
from tests.pool.surroundings import Surroundings

BAD_BODIES = [
    (b"{", 400, "not valid JSON"),
    (b"[]", 400, "must be a JSON object"),
    (b"[" * 100_000, 400, "not valid JSON"),
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


def test_an_unknown_agent_cannot_be_redeployed(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="0") as pool:
        for given, shown in UNKNOWN_AGENTS.items():
            answer = pool.call("POST", f"/api/pool/redeploy/{given}")
            assert answer.status_code == (404 if shown else 400)
            assert (f"there is no agent {shown}" if shown else "id: not an agent's id") in answer.json()["error"]
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
