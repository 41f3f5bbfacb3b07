"""Runs one migration in one transaction; its errors point at a line of the file.

The transaction begins in the message of the file's first statement, and is recorded and committed in the message of
its last one. So a file of one statement takes one round trip. PostgreSQL applies `statement_timeout` to each statement
of a message since version 13; before that, only the client's deadline ends the first statement.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

import psycopg

from convos_infra.errors import InfraError
from convos_infra.schema import catalog, history
from convos_infra.schema.script import Statement, body_line, line_of

if TYPE_CHECKING:
    from convos_infra.schema.connection import BoundedConnection
    from convos_infra.schema.limits import Timeouts
    from convos_infra.schema.migration import MigrationFile
    from convos_infra.schema.progress import StatementWatch

_BUSY = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
_BODY_LINE = re.compile(r"inline_code_block\D+(\d+)")
"""The line number in PostgreSQL's context, in any language of the server."""
_SEPARATOR = "\n;"
"""The end of a statement in a message: its line break ends a comment that would otherwise hide the COMMIT."""
WRITABLE = "give the address of the primary, or turn default_transaction_read_only off for this role and database"


class LockBusyError(InfraError):
    """Another session held a lock: nothing was changed, and a retry may succeed."""


def run(
    connection: BoundedConnection,
    migration: MigrationFile,
    timeouts: Timeouts,
    watch: StatementWatch,
    *,
    noted: frozenset[str] | None,
) -> None:
    """Run a migration and record it; if it fails, nothing is changed.

    Args:
        connection: in autocommit.
        migration: without `-- no-transaction`.
        timeouts: for each of its statements.
        watch: gets each statement while it runs.
        noted: the schemas whose content is recorded afterwards; None to record none.

    Raises:
        LockBusyError: a lock timed out.
        InfraError: a statement failed, or the connection did.
    """
    before = (
        f"BEGIN; SET LOCAL lock_timeout = '{timeouts.lock}'; SET LOCAL statement_timeout = '{timeouts.statement}';"
        " SET LOCAL search_path = public; SET LOCAL standard_conforming_strings = on; "
    )
    statements = migration.script.statements
    statement = statements[0]
    try:
        for statement in statements:
            with connection.deadline(timeouts.seconds):
                after = ""
                if statement is statements[-1] and noted is None:
                    after = f"{_SEPARATOR} {history.record_text(connection, migration)}; COMMIT"
                watch.begin(migration.file, statement)
                connection.execute(f"{before}{statement.text}{after}".encode())
            before = ""
        if noted is not None:
            with connection.deadline(timeouts.seconds):
                found = catalog.read(connection, noted)
                commit = f"SET LOCAL statement_timeout = '{timeouts.statement}'; COMMIT"
                history.record(connection, migration, catalog=found, then=commit)
    except psycopg.Error as error:
        with contextlib.suppress(psycopg.Error), connection.deadline(timeouts.answer_seconds):
            connection.rollback()
        raise failed(migration, statement, connection, error, skipped=len(before)) from None
    finally:
        watch.end()


def failed(
    migration: MigrationFile,
    statement: Statement,
    connection: BoundedConnection,
    error: psycopg.Error,
    *,
    skipped: int = 0,
) -> InfraError:
    """Return the error of a statement: file, line, PostgreSQL's message, SQLSTATE and hint.

    Args:
        migration: its file.
        statement: the statement.
        connection: the connection on which it ran.
        error: the error.
        skipped: the number of characters before the statement in its message.
    """
    subject = f"{migration.file}:{_line(migration, statement, error, skipped)}"
    if isinstance(error, _BUSY):
        hint = "see who holds it: SELECT pid, state, query FROM pg_stat_activity WHERE state <> 'idle'"
        return LockBusyError(
            subject, f"a lock is held elsewhere ({error.diag.message_primary}, {error.sqlstate})", hint
        )
    return lost_or_refused(subject, connection, error)


def lost_or_refused(subject: str, connection: BoundedConnection, error: psycopg.Error) -> InfraError:
    """Return the error for PostgreSQL's message, or for a lost connection.

    Args:
        subject: the subject of the error.
        connection: the connection on which it happened.
        error: what psycopg raised.
    """
    if error.diag.message_primary is None or connection.closed:
        said = f" ({error.diag.message_primary})" if error.diag.message_primary else ""
        return InfraError(
            subject, f"the connection was lost{said}", "run the same command again: it continues where it stopped"
        )
    diag = error.diag
    details = f" ({diag.message_detail})" if diag.message_detail else ""
    hint = diag.message_hint or ""
    if isinstance(error, psycopg.errors.QueryCanceled):
        hint = 'increase it by "-- statement-timeout: 10min", or split the statement'
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        hint = hint or "connect as the role that owns the tables"
    if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
        hint = WRITABLE
    return InfraError(subject, f'PostgreSQL says "{diag.message_primary}"{details}, {error.sqlstate}', hint)


def _line(migration: MigrationFile, statement: Statement, error: psycopg.Error, skipped: int) -> int:
    """Return the line where a statement failed: the server counts characters from the start of the message."""
    position = int(error.diag.statement_position or 0) - skipped
    if 0 < position <= len(statement.text + _SEPARATOR):  # one that ends too early fails at the separator
        return line_of(migration.sql, statement.offset + min(position, len(statement.text)) - 1)
    body = _BODY_LINE.search(error.diag.context or "")
    if body is not None and statement.kind == "do_stmt":
        return body_line(statement) + int(body[1]) - 1
    return statement.line
