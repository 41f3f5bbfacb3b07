"""One migrator at a time in a database: a session's advisory lock, polled."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator

import psycopg

from convos_infra.errors import InfraError
from convos_infra.schema.connection import Connection, deadline

KEY = 0x636F6E766F730001
"""`convos`, 1. Advisory locks are per database, and this key is no other tool's that we know."""
WAIT_SECONDS = 600.0
_ANSWER_SECONDS = 30.0
# A server that lost its client must notice: else the lock and the half-done transaction outlive a killed migrator, by
# default for two hours. `client_connection_check_interval` came with PostgreSQL 14.
_NOTICE_LOST_CLIENTS = (
    "SELECT set_config(name, value, false) FROM pg_settings"
    " JOIN (VALUES ('tcp_keepalives_idle', '10'), ('tcp_keepalives_interval', '5'), ('tcp_keepalives_count', '3'),"
    " ('tcp_user_timeout', '30s'), ('client_connection_check_interval', '2s')) AS wanted (name, value) USING (name)"
)


@contextlib.contextmanager
def locked(
    connection: Connection, *, wait_seconds: float = WAIT_SECONDS, tell: Callable[[str], None] = lambda _: None
) -> Iterator[None]:
    """Hold the migrators' lock for a block.

    It is polled: a session that waits inside `pg_advisory_lock` holds a snapshot, and CREATE INDEX CONCURRENTLY of the
    holder would wait for that snapshot for ever.

    Args:
        connection: a session of its own, not one of a pooler's.
        wait_seconds: how long to wait for another migrator.
        tell: gets one line when there is another one.

    Raises:
        InfraError: another migrator holds it for longer, or a pooler stands in between.
    """
    _refuse_pooler(connection)
    began = time.monotonic()
    pause, told = 0.05, False
    while not _try(connection):
        if not told:
            tell("waiting for another migrator of this database")
            told = True
        if time.monotonic() - began >= wait_seconds:
            raise InfraError(
                "schema",
                f"another migrator holds the lock of this database for more than {wait_seconds:.0f} s",
                "wait for the other pulumi up, or find its session: SELECT pid, application_name, query_start FROM"
                " pg_stat_activity WHERE pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')",
            )
        time.sleep(pause)
        pause = min(pause * 1.5, 1.0) * random.uniform(0.75, 1.0)  # noqa: S311  # spreads, protects nothing
    try:
        yield
    finally:
        with contextlib.suppress(psycopg.Error), deadline(connection, _ANSWER_SECONDS):
            connection.execute("SELECT pg_advisory_unlock(%s)", (KEY,))


def _try(connection: Connection) -> bool:
    with deadline(connection, _ANSWER_SECONDS):
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (KEY,)).fetchone()
    return bool(row and row[0])


def _refuse_pooler(connection: Connection) -> None:
    """Refuse a pooler: it may give each transaction another session, and a lock would stay in one of them.

    A pooler makes up the process id of its handshake (PgBouncer: src/client.c), so it differs from the server's.
    """
    with deadline(connection, _ANSWER_SECONDS):
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        if row and row[0] == connection.info.backend_pid:
            connection.execute(_NOTICE_LOST_CLIENTS)
            return
    host = f"database {connection.info.host}:{connection.info.port}/{connection.info.dbname}"
    raise InfraError(host, "is reached through a pooler", "use the server's own address: migrations hold a session")
