"""Connections to PostgreSQL are used again, and one that ended meanwhile costs nobody an error."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from convos_pool.connection import SilentError
from convos_pool.database import Database
from convos_pool.heartbeat import Heartbeat
from convos_pool.kept_connections import KEPT_SECONDS, LIFE_SECONDS, KeptConnections

from tests.pool.swallowing_wire import Wire, wire
from tests.schema.postgres_server import Database as Place
from tests.schema.postgres_server import Server, new_database

FIRST = "SET LOCAL statement_timeout = 5000"


@pytest.fixture
def place(pool_server: Server) -> Iterator[Place]:
    with new_database(pool_server) as found:
        yield found


@pytest.fixture
def line(place: Place) -> Iterator[Wire]:
    with wire(place.url) as found:
        yield found


def pid(kept: KeptConnections) -> int:
    with kept.block() as connection:
        return connection.info.backend_pid


def test_a_connection_is_used_again_and_two_blocks_at_once_have_one_each(place: Place) -> None:
    kept = KeptConnections(place.url, FIRST)
    assert pid(kept) == pid(kept)
    with kept.block() as one, kept.block() as other:
        assert one.info.backend_pid != other.info.backend_pid


def test_each_block_is_a_transaction_of_its_own_with_the_limits(place: Place) -> None:
    kept = KeptConnections(place.url, FIRST)
    with kept.block() as connection:
        connection.execute("CREATE TABLE t (n int)")
        began = connection.execute("SELECT now()").fetchone()
    with pytest.raises(psycopg.errors.DivisionByZero), kept.block() as connection:
        connection.execute("INSERT INTO t VALUES (1); SELECT 1 / 0")
    with kept.block() as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
        assert connection.execute("SHOW statement_timeout").fetchone() == ("5s",)
        assert connection.execute("SELECT now()").fetchone() != began


def test_connections_that_the_server_ended_are_replaced_before_anything_was_asked(place: Place) -> None:
    kept = KeptConnections(place.url, FIRST)
    with kept.block() as one, kept.block() as other:
        pids = [one.info.backend_pid, other.info.backend_pid]
    with psycopg.connect(place.url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(p) FROM unnest(%s::int[]) AS p", (pids,))
    assert pid(kept) not in pids
    assert pid(kept) not in pids, "the other one is forgotten as well"


def test_a_kept_connection_that_is_silent_is_waited_for_once(line: Wire) -> None:
    kept = KeptConnections(line.url, FIRST, silence_seconds=0.3)
    with kept.block(), kept.block():
        pass
    line.swallows.set()
    with pytest.raises(SilentError):
        pid(kept)
    line.swallows.clear()
    assert pid(kept)


def test_one_that_nobody_used_for_long_is_closed(place: Place) -> None:
    now = [0.0]
    kept = KeptConnections(place.url, FIRST, clock=lambda: now[0])
    with kept.block() as first:
        pass
    now[0] += KEPT_SECONDS + 1
    assert pid(kept)
    assert first.closed


def test_one_that_is_used_all_the_time_is_replaced_as_its_server_may_be_another_by_now(place: Place) -> None:
    now = [0.0]
    kept = KeptConnections(place.url, FIRST, clock=lambda: now[0])
    pids = []
    while now[0] <= LIFE_SECONDS + 10:
        pids.append(pid(kept))
        now[0] += 10
    assert len(set(pids)) == 2


def test_a_server_that_takes_no_writes_any_more_is_left_by_all(place: Place) -> None:
    kept = KeptConnections(place.url, FIRST)
    with kept.block() as one, kept.block() as other:
        one.execute("CREATE TABLE t (n int)")
        pids = {one.info.backend_pid, other.info.backend_pid}
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), kept.block() as connection:
        connection.execute("SET TRANSACTION READ ONLY; INSERT INTO t VALUES (1)")
    assert pid(kept) not in pids


def test_no_statement_is_prepared_which_a_pooler_would_not_know(place: Place) -> None:
    kept = KeptConnections(place.url, FIRST)
    for _ in range(8):
        with kept.block() as connection:
            connection.execute("SELECT %s::int", (1,))
            assert connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)


def test_a_heartbeat_leaves_a_connection_alone_once_its_lock_is_given_back(place: Place) -> None:
    database = Database(place.url, heartbeat=Heartbeat(0.001))
    for _ in range(50):
        with database.lock("a"):
            pass
        # Of the same connection: a beat after the block would have begun its transaction.
        with database.connect() as connection:
            row = connection.execute("SELECT now() >= statement_timestamp() - interval '1 second'").fetchone()
            assert row == (True,)
    with psycopg.connect(place.url, autocommit=True) as admin:
        open_ones = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = %s"
        assert admin.execute(open_ones, (place.name,)).fetchone() == (0,)
