"""Progress of long migrations: the line names the statement, and says for whom or for what it waits."""

from __future__ import annotations

import queue
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from convos_infra.schema.address import parse_url
from convos_infra.schema.apply import apply
from convos_infra.schema.progress import IndexBuild, describe
from tests.schema.migrating import QUICK, job, up, versions
from tests.schema.postgres_server import Database

TABLE = "CREATE TABLE a (id integer PRIMARY KEY, n integer);"
INDEX = "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS a_n\n  ON a (n);"
LIMITS = replace(QUICK, progress_seconds=0.02, lock_timeout="20s", statement_timeout="30s")


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            INDEX,
            "0002_m2.sql:2: still running after 0 s: CREATE INDEX CONCURRENTLY IF NOT EXISTS a_n ON a (n); waiting",
        ),
        ("SELECT 1;\nALTER TABLE a ADD COLUMN m text;", "0002_m2.sql:2: still running after 0 s: ALTER TABLE a ADD"),
    ],
    ids=["an index build", "a lock"],
)
def test_a_long_statement_is_named_with_the_session_that_it_waits_for(
    database: Database, text: str, words: str
) -> None:
    """The statement waits for a transaction of ours, which ends once the line has come."""
    up(database, TABLE)
    lines: queue.Queue[str] = queue.Queue()
    address = parse_url(database.url)
    with psycopg.connect(database.url) as other, ThreadPoolExecutor(1) as pool:
        other.execute("INSERT INTO a VALUES (1, 1)")
        running = pool.submit(apply, address, job(TABLE, text, limits=LIMITS), lines.put)
        pid = other.info.backend_pid
        line = lines.get(timeout=20)
        while f"pid {pid}" not in line:
            line = lines.get(timeout=20)
        other.commit()
        assert versions(running.result(timeout=20)) == ["0001", "0002"]
    assert line.startswith(words), line
    left = [lines.get_nowait() for _ in range(lines.qsize())]
    assert left[-1].startswith("applied 0002_m2.sql in "), "a line after the end"


@pytest.mark.postgres
def test_without_a_second_session_the_line_says_how_long(database: Database) -> None:
    """A role that may connect once: progress is best effort, and never fails a migration."""
    role = f"lone_{database.name}"
    database.run(f"CREATE ROLE {role} LOGIN PASSWORD 'lone' CONNECTION LIMIT 1; GRANT ALL ON SCHEMA public TO {role}")
    lines: list[str] = []
    url = database.server.url(database.name, user=role, password="lone")
    state = apply(parse_url(url), job("SELECT pg_sleep(0.3);", limits=LIMITS), lines.append)
    database.run(f"DROP OWNED BY {role}; DROP ROLE {role}")
    assert versions(state) == ["0001"]
    assert lines[0] == "0001_m1.sql:1: still running after 0 s: SELECT pg_sleep(0.3)"


@pytest.mark.parametrize(
    ("blocking", "build", "said"),
    [
        ([], None, ""),
        ([7, 8], None, "; waits for a lock of pid 7, 8"),
        ([], ("scanning table", 0, 0, 0, 50, 200, 0, 0), "; scanning table, 25 % of 200 blocks"),
        ([], ("loading tuples in tree", 0, 0, 0, 0, 0, 9, 10), "; loading tuples in tree, 90 % of 10 rows"),
        ([5], ("waiting", 1, 3, 5, 0, 0, 0, 0), "; waiting, 1 of 3 transactions ended, waits for pid 5"),
        ([], ("initializing", None, None, None, None, None, None, None), "; initializing"),
    ],
)
def test_how_far_an_index_is(blocking: list[int], build: tuple[Any, ...] | None, said: str) -> None:
    assert describe(blocking, IndexBuild(*build) if build else None) == said
