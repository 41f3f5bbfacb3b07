"""A hundred claims at once: each is answered, none gets an agent twice, and few connections are opened."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import requests
from convos_pool.errors import RailwayCallError
from convos_pool.health_rounds import FIRST_SECONDS, GRACE_SECONDS
from convos_pool.routes import CALLS_SECONDS, ROUND_SECONDS
from convos_pool.serve import Service
from convos_pool.settings import read

from tests.emulator.fix_emulator import until
from tests.pool.pool_process import API_KEY, Pool
from tests.pool.surroundings import Surroundings, agents, counts, until_idle

WARM, CLAIMS = 20, 100
CONNECTIONS = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'convos-pool' AND datname = current_database()"
)


def claim(pool: Pool, number: int) -> tuple[int, str]:
    # A connection of its own: the session of `pool` keeps ten.
    answer = requests.post(
        f"{pool.url}/api/pool/claim",
        json={"agentName": f"Ada {number}", "instructions": "Be brief."},
        headers={"Authorization": f"Bearer {API_KEY}"},
        timeout=60,
    )
    return answer.status_code, answer.json().get("instanceId", "")


def claim_all(pool: Pool, count: int) -> list[tuple[int, str]]:
    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(lambda number: claim(pool, number), range(count)))


def test_a_hundred_claims_at_once_get_a_different_agent_each_or_are_refused(around: Surroundings) -> None:
    most, ends = [0], threading.Event()

    def watch() -> None:
        with psycopg.connect(around.database.url, autocommit=True) as connection:
            while not ends.wait(0.02):
                row = connection.execute(CONNECTIONS).fetchone()
                most[0] = max(most[0], row[0] if row else 0)

    with around.pool(POOL_MIN_IDLE=str(WARM)) as pool:
        until_idle(pool, WARM)
        pool.restart(TICK_INTERVAL_MS="3600000", POOL_MIN_IDLE="0")
        until_idle(pool, WARM)
        around.emulator.forget_calls()
        watching = threading.Thread(target=watch)
        watching.start()
        answers = claim_all(pool, CLAIMS)
        ends.set()
        watching.join()
        given = [id_ for status, id_ in answers if status == 200]
        assert len(given) == len(set(given)) == WARM
        assert {status for status, _ in answers} == {200, 503}
        assert 1 <= most[0] <= 20
        # One call confirms a claim; names on Railway are the tick's to change.
        asked = [one["operation"] for one in around.emulator.calls()]
        assert asked.count("serviceInstance") == WARM
        assert asked.count("projectToken") <= 2, (
            "which kind of token it is, is asked once for claims and once for ticks"
        )
        until(lambda: {one["state"] for one in agents(pool)} == {"claimed"}, 20)
        before = len(around.emulator.calls())
        assert {status for status, _ in claim_all(pool, CLAIMS)} == {503}
        # An empty pool answers from what it knows; what is asked is the tick's one look, not one for each claim.
        assert len(around.emulator.calls()) - before < 3 * WARM
        assert counts(pool)["claimed"] == WARM


def test_an_agent_that_takes_long_keeps_neither_counts_nor_other_claims_waiting(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="2") as pool:
        until_idle(pool, 2)
        around.farm.hold = threading.Event()
        with ThreadPoolExecutor(2) as threads:
            waiting = [threads.submit(claim, pool, number) for number in range(2)]
            until(lambda: len(around.sql("SELECT 1 FROM agent_metadata")) == 2, 20)
            row = around.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid <> 0")
            assert counts(pool)["total"] >= 2
            assert pool.json("GET", "/api/pool/status")["counts"]["total"] >= 2
            assert row[0][0] <= 2, "none for an agent that is being told; the tick's, perhaps"
            around.farm.hold.set()
            assert [one.result()[0] for one in waiting] == [200, 200]


def test_an_agent_that_is_killed_while_it_is_told_is_not_handed_out(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        (first,) = [one["id"] for one in agents(pool)]
        around.farm.hold = threading.Event()
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(claim, pool, 1)
            until(lambda: around.sql("SELECT 1 FROM agent_metadata"), 20)
            pool.json("DELETE", f"/api/pool/instances/{first}")
            until(lambda: counts(pool)["idle"] == 1, 30)
            around.farm.hold.set()
            status, id_ = waiting.result()
        assert (status, id_ != first) == (200, True), "another one was"
        assert [row[0] for row in around.sql("SELECT id FROM agent_metadata")] == [id_]


def test_a_railway_that_accepts_and_never_answers_costs_a_caller_ten_seconds(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        around.emulator.settings(latency_ms=30_000)
        began = time.monotonic()
        status, _ = claim(pool, 1)
        seconds = time.monotonic() - began
        began = time.monotonic()
        assert counts(pool)["idle"] == 1
        assert pool.json("GET", "/api/pool/status")["counts"]["idle"] == 1
        assert time.monotonic() - began < 2, "nobody else waits for Railway"
        around.emulator.settings(latency_ms=0)
        assert (status, seconds < 12) == (500, True), f"{status} after {seconds:.1f} s"
        until(lambda: claim(pool, 2)[0] == 200, 60, pool.printed)


def test_a_round_that_a_request_waits_for_ends_in_time_when_railway_does_not_answer(around: Surroundings) -> None:
    service = Service(read(around.variables(POOL_MIN_IDLE="0")))
    service.tick.run()
    around.emulator.settings(latency_ms=30_000)
    began = time.monotonic()
    with pytest.raises(RailwayCallError):
        service.tick.run(calls_seconds=0.5)
    assert time.monotonic() - began < 10, "and not after 35 s of retries, or 180 s for each call"
    around.emulator.settings(latency_ms=0)
    # The lock ends with its connection, which the server may notice a moment later.
    service.tick.run(wait_seconds=10, calls_seconds=CALLS_SECONDS)
    agents_seconds = 2 * (FIRST_SECONDS + GRACE_SECONDS)
    assert ROUND_SECONDS + CALLS_SECONDS + agents_seconds <= 60, "callers give up after a minute"
