"""Several migrators of one database, and sessions that hold what a migration needs."""

from __future__ import annotations

import multiprocessing
import re
import threading
import time
from dataclasses import replace

import psycopg
import pytest

from convos_infra.errors import InfraError
from convos_infra.schema.address import parse_url
from convos_infra.schema.apply import apply
from convos_infra.schema.lock import KEY
from railway_api.failure import Failure
from tests.schema.migrating import QUICK, job, up, versions
from tests.schema.postgres_server import Database

pytestmark = pytest.mark.postgres
# The table counts how often a file ran: a second time would add a row.
TEXTS = (
    "CREATE TABLE runs (version text);",
    *(f"INSERT INTO runs VALUES ('{n}'), (pg_sleep(0.02)::text);" for n in range(9)),
)
A = "CREATE TABLE a (id integer);"
ALTER = "ALTER TABLE a ADD COLUMN b integer;"


def migrate(url: str, told: multiprocessing.Queue[list[str]]) -> None:
    lines: list[str] = []
    try:
        apply(parse_url(url), job(*TEXTS), lines.append)
    except Failure as error:
        lines.append(f"error: {error}")
    told.put(lines)


def test_five_migrators_at_once_apply_each_file_once(database: Database) -> None:
    context = multiprocessing.get_context("spawn")
    told: multiprocessing.Queue[list[str]] = context.Queue()
    five = [context.Process(target=migrate, args=(database.url, told)) for _ in range(5)]
    for one in five:
        one.start()
    lines = [line for _ in five for line in told.get(timeout=60)]
    for one in five:
        one.join(30)
    applied = sorted(line.split()[1] for line in lines if line.startswith("applied"))
    assert applied == [f"{n:04}_m{n}.sql" for n in range(1, 11)]
    assert [line for line in lines if line.startswith("error")] == []
    assert database.value("SELECT count(*) FROM runs") == 18
    assert database.value("SELECT count(*) FROM schema_history") == 10


def test_a_migrator_waits_for_another_and_says_so(database: Database) -> None:
    told: list[str] = []
    with database.connect() as other:
        other.execute("SELECT pg_advisory_lock(%s)", (KEY,))
        threading.Timer(0.5, other.execute, ("SELECT pg_advisory_unlock(%s)", (KEY,))).start()
        state = apply(parse_url(database.url), job(A), told.append)
    assert versions(state) == ["0001"]
    assert told[0] == "waiting for another migrator of this database"


def test_a_migrator_that_waits_too_long_says_how_to_find_the_other(database: Database) -> None:
    with database.connect() as other:
        other.execute("SELECT pg_advisory_lock(%s)", (KEY,))
        with pytest.raises(InfraError, match="schema: another migrator has held the lock of this database .*pg_locks"):
            up(database, A, limits=replace(QUICK, wait_seconds=0.2))
    assert database.tables() == []


def test_two_databases_of_one_server_do_not_wait_for_each_other(database: Database) -> None:
    with psycopg.connect(database.server.url("postgres"), autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (KEY,))
        up(database, A, limits=replace(QUICK, wait_seconds=0.1))


def test_a_locked_table_is_tried_again_and_then_the_error_names_the_line(database: Database) -> None:
    up(database, A)
    told: list[str] = []
    with database.connect() as other, other.transaction():
        other.execute("SELECT * FROM a")
        with pytest.raises(InfraError) as found:
            apply(parse_url(database.url), job(A, "SELECT 1;\n" + ALTER), told.append)
    assert str(found.value).startswith(
        "0002_m2.sql:2: a lock is held elsewhere (canceling statement due to lock timeout, 55P03), 2 times; "
    )
    assert re.search(
        r"; the oldest open transaction of this database is that of pid \d+ \(unnamed, idle in tran", str(found.value)
    )
    assert len(told) == 1
    assert told[0].startswith("0002_m2.sql:2: a lock is held elsewhere")
    assert database.value("SELECT count(*) FROM schema_history") == 1


def test_a_table_that_is_locked_for_a_while_is_migrated_when_it_is_free(database: Database) -> None:
    up(database, A)
    with database.connect() as other:
        other.execute("BEGIN; SELECT * FROM a")
        threading.Timer(0.4, other.execute, ("COMMIT",)).start()
        state = up(database, A, ALTER, limits=replace(QUICK, attempts=20))
    assert versions(state) == ["0001", "0002"]


def test_readers_are_held_up_no_longer_than_the_lock_timeout(database: Database) -> None:
    """A waiting ALTER TABLE makes all later readers queue behind it."""
    up(database, A)
    slowest = 0.0
    with database.connect() as other, database.connect() as reader, other.transaction():
        other.execute("SELECT * FROM a")
        failed: list[InfraError] = []

        def run() -> None:
            try:
                up(database, A, ALTER, limits=replace(QUICK, lock_timeout="300ms", attempts=3))
            except Failure as error:
                failed.append(error)

        migrator = threading.Thread(target=run)
        migrator.start()
        while migrator.is_alive():
            began = time.monotonic()
            reader.execute("SELECT count(*) FROM a")
            slowest = max(slowest, time.monotonic() - began)
        migrator.join()
    assert len(failed) == 1
    assert 0.05 < slowest < 1.0, f"the slowest read took {slowest:.2f} s"


def test_an_index_is_built_while_another_migrator_waits(database: Database) -> None:
    """Waiting inside `pg_advisory_lock` would hold a snapshot that CREATE INDEX CONCURRENTLY waits for: a deadlock."""
    index = "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS a_id ON a (id);"
    texts = (A, "SELECT pg_sleep(0.5);", index)
    results: list[list[str]] = []
    threads = [threading.Thread(target=lambda: results.append(versions(up(database, *texts)))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == [["0001", "0002", "0003"]] * 3
