"""What a pool may use: volumes and services of its project, and calls of an hour, of which claims come first."""

from __future__ import annotations

import json

import pytest
from convos_pool.limits import Limits, room
from convos_pool.railway import ProjectUse

from tests.emulator.fix_emulator import until
from tests.pool.pool_process import Pool
from tests.pool.surroundings import Surroundings, counts, until_idle

WISH = {"agentName": "Ada", "instructions": "Be brief."}


@pytest.mark.parametrize(
    ("limits", "use", "left", "named"),
    [
        (Limits(), ProjectUse(900, 900), None, ""),
        (Limits(services=100), ProjectUse(97, 900), 3, "97 of 100 services"),
        (Limits(volumes=20), ProjectUse(1, 20), 0, "20 of 20 volumes"),
        (Limits(volumes=20), ProjectUse(1, 23), 0, "23 of 20 volumes"),
        (Limits(volumes=20, has_volumes=False), ProjectUse(1, 23), None, ""),
        (Limits(100, 20), ProjectUse(99, 10), 1, "services"),
        (Limits(100, 20), ProjectUse(10, 18), 2, "volumes"),
        (Limits(100, 20, has_volumes=False), ProjectUse(10, 18), 90, "services"),
        (Limits(projects=50), ProjectUse(0, 0, 48), 2, "the workspace has 48 of 50 projects"),
    ],
)
def test_the_smaller_limit_counts(limits: Limits, use: ProjectUse, left: int | None, named: str) -> None:
    found, words = room(limits, use)
    assert found == left
    assert named in words
    assert limits.are_known == (left is not None)


def test_a_full_project_stops_the_pool_with_one_line_and_agents_without_volumes_still_fit(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="5", POOL_VOLUME_LIMIT="3") as pool:
        until_idle(pool, 3)
        words = "limit: the project has 3 of 3 volumes, so no more agents are created; have Railway raise the limit and"
        until(lambda: pool.json("GET", "/api/pool/status")["problem"].startswith(words), 20, pool.printed)
        before = pool.json("GET", "/api/pool/status")["seenAt"]
        until(lambda: pool.json("GET", "/api/pool/status")["seenAt"] > before + 1, 20)
        assert len([one for one in failures(pool) if one["reason"].startswith(words)]) == 1
        assert counts(pool)["total"] == 3
        assert pool.call("POST", "/api/pool/claim", WISH).status_code == 200, "what is there is handed out"
        pool.restart(POOL_AGENT_VOLUME="none")
        until_idle(pool, 5)
        assert pool.json("GET", "/api/pool/status")["problem"] == ""
        pool.restart(POOL_AGENT_VOLUME="/data", POOL_VOLUME_LIMIT="6", POOL_MIN_IDLE="6")
        until_idle(pool, 6)


def test_while_the_pool_fills_calls_are_kept_for_claims(around: Surroundings) -> None:
    around.emulator.settings(requests_per_hour=100)
    around.emulator.forget_calls()
    with around.pool(POOL_MIN_IDLE="60", TICK_INTERVAL_MS="2000") as pool:
        until(lambda: "calls are reserved for claims" in pool.printed(), 60, pool.printed)
        until(lambda: counts(pool).get("idle", 0) >= 3, 60, pool.printed)
        for _ in range(3):
            answer = pool.call("POST", "/api/pool/claim", WISH)
            assert answer.status_code == 200, answer.text
        (said,) = [one["reason"] for one in failures(pool) if "calls are reserved for claims" in one["reason"]]
        assert "Railway's rate limit; try again in" in said, "once, whatever the seconds that are left"
    around.emulator.settings(requests_per_hour=0)


def failures(pool: Pool) -> list[dict[str, str]]:
    found = [json.loads(line) for line in pool.printed().splitlines()]
    return [one for one in found if one.get("act") == "failure"]
