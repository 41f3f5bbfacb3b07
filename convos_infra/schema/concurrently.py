"""Runs a migration that cannot be in a transaction: one statement that may be repeated, as a cut run repeats it.

CREATE INDEX CONCURRENTLY that fails leaves an invalid index, which `IF NOT EXISTS` would then take for a good one
(postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY): it is removed before and after.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from convos_infra.schema import catalog, history
from convos_infra.schema.execute import failed

if TYPE_CHECKING:
    from convos_infra.schema.connection import Session
    from convos_infra.schema.limits import Timeouts
    from convos_infra.schema.migration import Migration
    from convos_infra.schema.script import Statement

_INVALID = """
SELECT FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE relname = %s AND relnamespace = 'public'::regnamespace AND NOT indisvalid
"""


def run(connection: Session, migration: Migration, timeouts: Timeouts, *, is_last: bool) -> None:
    """Run a migration's one statement, then record it.

    Args:
        connection: in autocommit.
        migration: with `-- no-transaction`.
        timeouts: for its statement.
        is_last: record with it what is in the database then.

    Raises:
        BusyError: a lock was not to be had in time.
        InfraError: the statement failed, or the connection did.
    """
    statement = migration.script.statements[0]
    index = index_made(statement)
    began = time.monotonic()
    settings = (
        f"SET lock_timeout = '{timeouts.lock}'; SET statement_timeout = '{timeouts.statement}';"
        " SET search_path = public; SET standard_conforming_strings = on"
    )
    try:
        with connection.deadline(3 * timeouts.seconds):
            connection.execute(settings.encode())
            _drop_invalid(connection, index)
            connection.execute(statement.text.encode())
            found = catalog.read(connection) if is_last else None
            history.record(connection, migration, seconds=time.monotonic() - began, catalog=found)
    except psycopg.Error as error:
        with contextlib.suppress(psycopg.Error), connection.deadline(timeouts.seconds):
            _drop_invalid(connection, index)
        raise failed(migration, statement, connection, error) from None


def index_made(statement: Statement) -> str:
    """Return the name of the index that a CREATE INDEX CONCURRENTLY IF NOT EXISTS makes; empty for anything else."""
    return str(statement.node.idxname) if statement.kind == "index_stmt" and statement.node.if_not_exists else ""


def _drop_invalid(connection: Session, index: str) -> None:
    if index and connection.execute(_INVALID, (index,)).fetchone() is not None:
        connection.execute(sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS public.{}").format(sql.Identifier(index)))
