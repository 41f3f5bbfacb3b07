"""Ensures that a database has one migrator at a time, by a session's advisory lock that is polled."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import psycopg

from convos_infra.errors import InfraError
from convos_infra.schema.execute import WRITABLE
from convos_infra.schema.session_settings import NEUTRAL

if TYPE_CHECKING:
    from convos_infra.schema.connection import BoundedConnection
    from convos_infra.schema.limits import Limits

KEY = 0x636F6E766F730001
"""`convos`, 1. Advisory locks are per database, and we know of no other tool that uses this key."""
# A server must notice that it lost its client; otherwise the lock and an open transaction outlive a killed migrator, by
# default for two hours (tcp_keepalives_idle). Settings that the server does not have are skipped:
# idle_session_timeout and client_connection_check_interval are new in PostgreSQL 14.
_SETTINGS = (
    "SELECT set_config(name, wanted.value, false)"
    " FROM pg_settings JOIN (VALUES {}) AS wanted (name, value) USING (name)"
)


@contextlib.contextmanager
def locked(
    connection: BoundedConnection, limits: Limits, tell: Callable[[str], None] = lambda _: None
) -> Iterator[bool]:
    """Hold the migrators' lock for a block, which receives whether the lock was free at once.

    The lock is polled: a session that waits inside `pg_advisory_lock` holds a snapshot, and a CREATE INDEX CONCURRENTLY
    of the holder would wait for that snapshot forever.

    Args:
        connection: a session of its own, not a pooler's.
        limits: how long to wait for another migrator, and for answers.
        tell: called with one line if there is another migrator.

    Raises:
        InfraError: another migrator held it for all of `limits.wait_seconds`, or the connection allows no updates.
    """
    problem = obstacle(connection, limits)
    if problem is not None:
        raise problem
    with connection.deadline(limits.answer_seconds):
        connection.execute(_settings(limits))
    began = time.monotonic()
    pause, told = 0.05, False
    while not _try(connection, limits.answer_seconds):
        if not told:
            tell("waiting for another migrator of this database")
            told = True
        if time.monotonic() - began >= limits.wait_seconds:
            raise InfraError(
                "schema",
                f"another migrator has held the lock of this database for more than {limits.wait_seconds:.0f} s",
                "wait for the other pulumi up, or find its session: SELECT pid, application_name, query_start FROM"
                " pg_stat_activity WHERE pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')",
            )
        time.sleep(pause)
        pause = min(pause * 1.5, 1.0) * random.uniform(0.75, 1.0)  # noqa: S311  # spreads, protects nothing
    try:
        yield not told
    finally:
        with contextlib.suppress(psycopg.Error), connection.deadline(limits.answer_seconds):
            connection.execute("SELECT pg_advisory_unlock(%s)", (KEY,))


def _try(connection: BoundedConnection, answer_seconds: float) -> bool:
    with connection.deadline(answer_seconds):
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (KEY,)).fetchone()
    return bool(row and row[0])


def _pooled(host: str) -> InfraError:
    return InfraError(host, "is reached through a pooler", "use the server's own address: migrations hold a session")


_OBSTACLES = """
SELECT pg_backend_pid(), pg_is_in_recovery(), current_setting('transaction_read_only') = 'on',
    has_schema_privilege('public', 'CREATE'), current_user
"""


def obstacle(connection: BoundedConnection, limits: Limits) -> InfraError | None:
    """Return why an update on this connection would be refused: a pooler, a standby, a role without privileges.

    The process id from a pooler's handshake is made up (PgBouncer: src/client.c), so it differs from the server's. A
    pooler may use another session for each transaction, and a lock would stay in one of them.
    """
    with connection.deadline(limits.answer_seconds):
        row = connection.execute(_OBSTACLES).fetchone()
    assert row is not None  # a SELECT without FROM always returns one
    pid, is_standby, is_read_only, may_create, user = row
    info = connection.info
    host = f"[{info.host}]" if ":" in info.host else info.host
    subject = f"database {host}:{info.port}/{info.dbname}"
    if pid != info.backend_pid:
        return _pooled(subject)
    if is_standby:
        return InfraError(subject, "is a standby, which accepts no changes", WRITABLE)
    if is_read_only:
        return InfraError(subject, f"is read-only for {user}", WRITABLE)
    if not may_create:
        return InfraError(
            subject, f"does not let {user} create tables in public", "connect as the role that owns the tables"
        )
    return None


def _settings(limits: Limits) -> bytes:
    idle = f"{int(limits.idle_seconds * 1000)}ms"
    wanted = {
        **NEUTRAL,
        "idle_session_timeout": idle,
        "client_connection_check_interval": "2s",
        "idle_in_transaction_session_timeout": idle,
        "tcp_keepalives_idle": "10",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
    }
    return _SETTINGS.format(", ".join(f"('{name}', '{value}')" for name, value in wanted.items())).encode()
