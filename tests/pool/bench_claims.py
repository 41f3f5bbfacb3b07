"""The suite `pool`: a hundred claims at once, a tick while some agents hang, and claims while a pool fills."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import psycopg
import requests

from tests.emulator.fix_emulator import running_emulator, until
from tests.pool.agent_farm import running_farm
from tests.pool.grown_fleet import grow
from tests.pool.lies import LIES
from tests.pool.pool_process import API_KEY, Pool
from tests.pool.surroundings import Surroundings, agents, counts, surroundings, until_idle
from tests.schema.postgres_server import embedded_binaries, new_database, running

SIZES = (100, 500, 1000)
CLAIMS = 100
CLAIMS_WHILE_FILLING = 50
HOURS_CALLS = 1000
HANGING_SHARE = 0.05
LYING_SHARE = 0.1
FILL_SECONDS = 3600.0
MOST_MADE = 20
"""A larger fleet is grown out of one of this size: what the emulator takes to make it is not measured."""
HOUR_MS = "3600000"
CONNECTIONS = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'convos-pool' AND datname = current_database()"
)


def rows(sizes: tuple[int, ...] = SIZES) -> Iterator[dict[str, Any]]:
    """Yield each row as soon as it is measured."""
    with (
        tempfile.TemporaryDirectory() as name,
        running(Path(name) / "postgres", embedded_binaries()) as server,
        running_emulator(Path(name), deploy_step_seconds=0) as emulator,
    ):
        for size in sizes:
            with (
                new_database(server) as database,
                running_farm() as farm,
                surroundings(Path(name), database, emulator, farm) as around,
            ):
                yield _row(around, size)
        for row in (_row_with_liars, _row_while_filling):
            with (
                new_database(server) as database,
                running_farm() as farm,
                surroundings(Path(name), database, emulator, farm) as around,
            ):
                yield row(around)


def _row_with_liars(around: Surroundings) -> dict[str, Any]:
    """Claim from a thousand agents of which a hundred lie, in every way of `lies.py`, once they have been ready."""
    size = SIZES[-1]
    with _of_size(around, size) as pool:
        liars = [one["id"] for one in agents(pool)][:: round(1 / LYING_SHARE)]
        around.farm.lies.update(zip(liars, cycle(LIES.values()), strict=False))
        # The first round meets all of them as agents that were ready.
        first_tick_seconds = _tick(pool)
        until(lambda: not liars_that_count(pool, liars), 120)
        tick_seconds = _tick(pool)
        around.emulator.forget_calls()
        answers, connections = _with_connections(around, lambda: _claim_all(pool))
        asked = [call["operation"] for call in around.emulator.calls()]
        peak_mib = _peak_mib(pool)
        named = "".join(line for line in pool.printed().splitlines() if "unhealthy" in line)
        around.farm.lies.clear()
    given = [id_ for _, id_ in answers if id_]
    waits = sorted(seconds for seconds, _ in answers)
    return {
        "suite": "pool",
        "case": "claims-among-liars",
        "size": size,
        "load": round(os.getloadavg()[0], 1),
        "seconds": round(waits[-1], 2),
        "peak_mib": peak_mib,
        "claims": CLAIMS,
        "answered": len(set(given) - set(liars)),
        "double": len(given) - len(set(given)),
        "p50": round(waits[len(waits) // 2], 2),
        "p99": round(waits[-2], 2),
        "confirmations": asked.count("serviceInstance"),
        "connections": connections,
        "tick_seconds": round(max(first_tick_seconds, tick_seconds), 2),
        "lying": len(liars),
        "named": sum(id_ in named for id_ in liars),
    }


def liars_that_count(pool: Pool, liars: list[str]) -> set[str]:
    """Tick once, and return the liars that are still taken for idle."""
    _tick(pool)
    return {one["id"] for one in agents(pool) if one["state"] == "idle"} & set(liars)


def _tick(pool: Pool) -> float:
    """Run one tick, and return how many seconds it took."""
    began = time.monotonic()
    pool.json("POST", "/api/pool/reconcile")
    return time.monotonic() - began


@contextmanager
def _of_size(around: Surroundings, size: int) -> Iterator[Pool]:
    """Run a pool manager with so many idle agents, which makes no others."""
    made = min(size, MOST_MADE)
    with around.pool(POOL_MIN_IDLE=str(made), TICK_INTERVAL_MS="5000") as pool:
        until_idle(pool, made, FILL_SECONDS)
        if size > made:
            pool.stop()
            grow(around.emulator, around.folder / "emulator" / "state.sqlite", around.environment_id, size)
            pool.start()
        # Nothing is made meanwhile: what is measured is the claims.
        pool.restart(TICK_INTERVAL_MS=HOUR_MS, POOL_MIN_IDLE="0")
        until(lambda: pool.json("POST", "/api/pool/reconcile")["counts"]["idle"] == size, 120)
        yield pool


def _row_while_filling(around: Surroundings) -> dict[str, Any]:
    """Claim now and then while a large pool fills under the limits of Railway's smallest paid plan."""
    around.emulator.settings(requests_per_second=10, requests_per_hour=HOURS_CALLS)
    around.emulator.forget_calls()
    with around.pool(POOL_MIN_IDLE=str(SIZES[-1])) as pool:
        until(lambda: counts(pool).get("idle", 0) >= CLAIMS_WHILE_FILLING // 5, FILL_SECONDS)
        began = time.monotonic()
        answers = []
        for number in range(CLAIMS_WHILE_FILLING):
            answers.append(_claim(pool, number))
            time.sleep(max(0.0, began + number + 1 - time.monotonic()))
        seconds = time.monotonic() - began
        calls = around.emulator.calls()
        peak_mib = _peak_mib(pool)
    waits = sorted(seconds for seconds, _ in answers)
    given = [id_ for _, id_ in answers if id_]
    return {
        "suite": "pool",
        "case": "claims-while-filling",
        "size": SIZES[-1],
        "load": round(os.getloadavg()[0], 1),
        "calls": len(calls),
        "seconds": round(seconds, 2),
        "peak_mib": peak_mib,
        "claims": CLAIMS_WHILE_FILLING,
        "answered": len(given),
        "double": len(given) - len(set(given)),
        "p50": round(waits[len(waits) // 2], 2),
        "p99": round(waits[-1], 2),
        "confirmations": sum(call["operation"] == "serviceInstance" and not call["error"] for call in calls),
    }


def _row(around: Surroundings, size: int) -> dict[str, Any]:
    with _of_size(around, size) as pool:
        around.emulator.forget_calls()
        answers, connections = _with_connections(around, lambda: _claim_all(pool))
        asked = [call["operation"] for call in around.emulator.calls()]
        given = [id_ for _, id_ in answers if id_]
        waits = sorted(seconds for seconds, _ in answers)
        until(lambda: counts(pool)["claimed"] == len(given), 120)
        hanging = [one["id"] for one in agents(pool)][: int(size * HANGING_SHARE)]
        around.farm.hangs.update(hanging)
        # Once, so that it is known who hangs: the first round that meets them ends in time as well.
        pool.json("POST", "/api/pool/reconcile")
        began = time.monotonic()
        pool.json("POST", "/api/pool/reconcile")
        tick_seconds = time.monotonic() - began
        around.farm.let_go.set()
        peak_mib = _peak_mib(pool)
    return {
        "suite": "pool",
        "case": "claims",
        "size": size,
        "load": round(os.getloadavg()[0], 1),
        "seconds": round(waits[-1], 2),
        "peak_mib": peak_mib,
        "claims": CLAIMS,
        "answered": len(given),
        "double": len(given) - len(set(given)),
        "p50": round(waits[len(waits) // 2], 2),
        "p99": round(waits[-2], 2),
        "confirmations": asked.count("serviceInstance"),
        "connections": connections,
        "tick_seconds": round(tick_seconds, 2),
        "hanging": len(hanging),
    }


def _claim_all(pool: Pool) -> list[tuple[float, str]]:
    with ThreadPoolExecutor(CLAIMS) as threads:
        return list(threads.map(lambda number: _claim(pool, number), range(CLAIMS)))


def _claim(pool: Pool, number: int) -> tuple[float, str]:
    began = time.monotonic()
    body = {"agentName": f"Ada {number}", "instructions": "Be brief."}
    headers = {"Authorization": f"Bearer {API_KEY}"}
    answer = requests.post(f"{pool.url}/api/pool/claim", json=body, headers=headers, timeout=120)
    return time.monotonic() - began, str(answer.json().get("instanceId", ""))


def _with_connections(
    around: Surroundings, work: Callable[[], list[tuple[float, str]]]
) -> tuple[list[tuple[float, str]], int]:
    """Do something, and return the most connections that there were meanwhile as well."""
    most, ends = [0], threading.Event()

    def watch() -> None:
        with psycopg.connect(around.database.url, autocommit=True) as connection:
            while not ends.wait(0.01):
                row = connection.execute(CONNECTIONS).fetchone()
                most[0] = max(most[0], row[0] if row else 0)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        return work(), most[0]
    finally:
        ends.set()
        thread.join()


def _peak_mib(pool: Pool) -> float:
    assert pool.process is not None
    lines = Path(f"/proc/{pool.process.pid}/status").read_text().splitlines()
    (peak,) = [line for line in lines if line.startswith("VmHWM:")]
    return round(int(peak.split()[1]) / 1024, 1)
