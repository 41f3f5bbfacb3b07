"""A migrator that dies, and a wire that is cut: the next run always ends where an undisturbed one would have."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from convos_infra.schema.address import parse_url
from convos_infra.schema.apply import apply
from convos_infra.schema.catalog import fingerprint
from convos_infra.schema.limits import Limits
from railway_api.failure import Failure
from tests.schema.concurrent_builds import CONCURRENT, converges
from tests.schema.migrating import job, up, versions
from tests.schema.postgres_server import Database, Server, embedded_binaries, new_database, running
from tests.schema.wire_proxy import CUTS, proxied
from tests.support.refusing_postgres import CODES

pytestmark = pytest.mark.postgres
ROOT = Path(__file__).parents[2]
TEXTS = (
    "CREATE TABLE a (id integer PRIMARY KEY);\nINSERT INTO a VALUES (1);",
    "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS a_id ON a (id);",
    "ALTER TABLE a ADD COLUMN b text;\nUPDATE a SET b = 'x' WHERE id = 1;\nINSERT INTO a VALUES (2);",
)
TABLES = "CREATE SCHEMA app; CREATE TABLE app.t (id integer, n integer); INSERT INTO app.t VALUES (1, 1), (2, 2);"
BUILDS = (TABLES, *CONCURRENT)
SHORT = Limits(
    connect_seconds=2,
    wait_seconds=20,
    lock_timeout="300ms",
    statement_timeout="200ms",
    attempts=2,
    pause_seconds=0.05,
    answer_seconds=0.2,
    idle_seconds=0.6,
)
KILLED = """
import sys
from convos_infra.schema.address import parse_url
from convos_infra.schema.apply import apply
from tests.schema.concurrent_builds import CONCURRENT, converges
from tests.schema.migrating import job
apply(parse_url(sys.argv[1]), job(*sys.argv[2:]), lambda line: print(line, flush=True))
"""


@pytest.fixture(scope="module")
def expected(embedded: Server) -> str:
    with new_database(embedded) as found:
        return fingerprint(up(found, *TEXTS).catalog)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("crashes") / "postgres", embedded_binaries()) as found:
        yield found


@pytest.fixture
def found(embedded: Server) -> Iterator[Database]:
    with new_database(embedded) as database:
        yield database


@pytest.mark.parametrize("statement", [1, 2, 3])
def test_killed_mid_migration_leaves_history_and_schema_as_before(found: Database, statement: int) -> None:
    first = "CREATE TABLE a (id integer);"
    lines = ["CREATE TABLE b (id integer);", "INSERT INTO a VALUES (1);", "CREATE INDEX ON b (id);"]
    lines.insert(statement, "SELECT pg_sleep(30);")
    process = subprocess.Popen([sys.executable, "-c", KILLED, found.url, first, "\n".join(lines)], cwd=ROOT)
    try:
        sleeping = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{found.name}'"
        sleeping += " AND query LIKE '%pg_' || 'sleep(30)%' AND pid <> pg_backend_pid()"
        deadline = time.monotonic() + 30
        while not found.value(sleeping):
            assert process.poll() is None
            assert time.monotonic() < deadline
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert found.tables() == ["a", "schema_history"]
    assert found.value("SELECT count(*) FROM a") == 0
    lines.remove("SELECT pg_sleep(30);")
    began = time.monotonic()
    assert versions(up(found, first, "\n".join(lines))) == ["0001", "0002"]
    assert time.monotonic() - began < 10, "the server did not notice that the killed migrator is gone"
    assert found.value("SELECT count(*) FROM a") == 1


def round_trips(embedded: Server) -> int:
    with new_database(embedded) as database, proxied(embedded.port) as wire:
        apply(parse_url(embedded.url(database.name, port=wire.port)), job(*TEXTS))
        return wire.messages


def cut_then_run_again(embedded: Server, expected: str, cut: str, position: int) -> bool:
    """Return whether the first run failed."""
    said = ""
    with new_database(embedded) as database:
        with proxied(embedded.port, cut, position) as wire:
            try:
                apply(parse_url(embedded.url(database.name, port=wire.port)), job(*TEXTS, limits=SHORT))
            except Failure as error:
                said = str(error)
            state = up(database, *TEXTS)
        assert versions(state) == ["0001", "0002", "0003"], position
        assert fingerprint(state.catalog) == expected, position
        assert state.drift == (), position
        assert database.rows("SELECT id, b FROM a ORDER BY id") == [(1, "x"), (2, None)], position
    code = cut.partition("refused ")[2]
    assert "\n" not in said
    is_told = "the connection was lost" in said or "does not answer" in said or (code and f", {code}" in said)
    assert not said or is_told, said
    return bool(said)


@pytest.mark.parametrize("cut", CUTS)
def test_wire_cut_at_every_round_trip_to_postgres(embedded: Server, expected: str, cut: str) -> None:
    positions = round_trips(embedded)
    with ThreadPoolExecutor(6) as pool:  # they mostly wait
        failed = list(pool.map(lambda at: cut_then_run_again(embedded, expected, cut, at), range(1, positions + 1)))
    print(f"{cut}: {positions} positions, {sum(failed)} runs failed, {len(failed)} converged on the next run")
    assert sum(failed) >= positions - 6  # a cut handshake is tried again, a cut goodbye hurts nobody


def test_postgres_refuses_at_every_round_trip(embedded: Server, expected: str) -> None:
    """A full disk, a lost race, a standby, a shutdown: the error is the server's, and the next run converges.

    With `REFUSALS=all` each message meets each SQLSTATE; without it, each meets the next one in turn.
    """
    positions = range(1, round_trips(embedded) + 1)
    found = [(at, CODES[at % len(CODES)]) for at in positions]
    if os.environ.get("REFUSALS") == "all":
        found = [(at, code) for at in positions for code in CODES]
    with ThreadPoolExecutor(6) as pool:
        failed = list(pool.map(lambda one: cut_then_run_again(embedded, expected, f"refused {one[1]}", one[0]), found))
    print(f"{len(found)} refusals, {sum(failed)} runs failed, all converged on the next run")
    assert sum(failed) >= len(found) // 2  # a lost race is tried again, a refused goodbye hurts nobody


def builds_cut_then_run_again(embedded: Server, cut: str, position: int) -> None:
    """The first file is applied before, so that its catalog is recorded, and whatever is left could be drift."""
    with new_database(embedded) as database:
        up(database, *BUILDS[:1])
        with proxied(embedded.port, cut, position) as wire, contextlib.suppress(Failure):
            apply(parse_url(embedded.url(database.name, port=wire.port)), job(*BUILDS, limits=SHORT))
        converges(database, TABLES, position)


@pytest.mark.parametrize("cut", CUTS)
def test_wire_cut_at_every_round_trip_of_three_concurrent_builds(embedded: Server, cut: str) -> None:
    with new_database(embedded) as database, proxied(embedded.port) as wire:
        up(database, *BUILDS[:1])
        apply(parse_url(embedded.url(database.name, port=wire.port)), job(*BUILDS))
        positions = wire.messages
    with ThreadPoolExecutor(6) as pool:  # they mostly wait
        list(pool.map(lambda at: builds_cut_then_run_again(embedded, cut, at), range(1, positions + 1)))
