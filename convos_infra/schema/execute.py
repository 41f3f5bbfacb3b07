"""Runs one migration in one transaction; its errors point at a line of its file."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from convos_infra.errors import InfraError
from convos_infra.schema import history
from convos_infra.schema.connection import Connection, deadline
from convos_infra.schema.statements import Statement, line_of

if TYPE_CHECKING:
    from convos_infra.schema.migration import Migration

_SLACK_SECONDS = 15.0
_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0}
_DURATION = re.compile(r"([0-9]+)(ms|s|min)")
_BUSY = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
_BODY_LINE = re.compile(r"PL/pgSQL function inline_code_block line (\d+)")


class BusyError(InfraError):
    """Somebody else held a lock: nothing was changed, and trying again may do."""


@dataclass(frozen=True)
class Timeouts:
    """How long a statement may wait for a lock, and run: `500ms`, `5s`, `2min`."""

    lock: str
    statement: str

    @property
    def answer_seconds(self) -> float:
        """When a server that still has not answered must be gone."""
        match = _DURATION.fullmatch(self.statement)
        assert match is not None  # checked where it was read
        return int(match[1]) * _UNITS[match[2]] + _SLACK_SECONDS


def run(connection: Connection, migration: Migration, timeouts: Timeouts) -> None:
    """Run a migration and record it, or leave everything as it was.

    Raises:
        BusyError: a lock was not to be had in time.
        InfraError: a statement failed, or the connection did.
    """
    begin = (
        f"BEGIN; SET LOCAL lock_timeout = '{timeouts.lock}'; SET LOCAL statement_timeout = '{timeouts.statement}';"
        " SET LOCAL search_path = public; SET LOCAL standard_conforming_strings = on"
    )
    statement = migration.script.statements[0]
    try:
        with deadline(connection, timeouts.answer_seconds):
            connection.execute(begin.encode())
        for statement in migration.script.statements:
            with deadline(connection, timeouts.answer_seconds):
                connection.execute(statement.text.encode())
        with deadline(connection, timeouts.answer_seconds):
            history.record(connection, migration)
            connection.execute("COMMIT")
    except psycopg.Error as error:
        with contextlib.suppress(psycopg.Error), deadline(connection, _SLACK_SECONDS):
            connection.rollback()
        raise failed(migration, statement, connection, error) from None


def failed(migration: Migration, statement: Statement, connection: Connection, error: psycopg.Error) -> InfraError:
    """Return what happened to a statement: file, line, PostgreSQL's words, SQLSTATE and hint."""
    thing = f"{migration.file}:{_line(migration, statement, error)}"
    if isinstance(error, _BUSY):
        hint = "see who holds it: SELECT pid, state, query FROM pg_stat_activity WHERE state <> 'idle'"
        return BusyError(thing, f"a lock is held elsewhere ({error.diag.message_primary}, {error.sqlstate})", hint)
    return lost_or_refused(thing, connection, error)


def lost_or_refused(thing: str, connection: Connection, error: psycopg.Error) -> InfraError:
    """Return an error of the server in its own words, or say that the connection was lost."""
    if error.diag.message_primary is None or connection.closed:
        said = f" ({error.diag.message_primary})" if error.diag.message_primary else ""
        return InfraError(thing, f"the connection was lost{said}", "run the same command again: it goes on from there")
    diag = error.diag
    details = f" ({diag.message_detail})" if diag.message_detail else ""
    hint = diag.message_hint or ""
    if isinstance(error, psycopg.errors.QueryCanceled):
        hint = 'give it longer by "-- statement-timeout: 10min", or make it smaller'
    if isinstance(error, (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
        hint = hint or "connect as the role that owns the tables"
    return InfraError(thing, f'PostgreSQL says "{diag.message_primary}"{details}, {error.sqlstate}', hint)


def _line(migration: Migration, statement: Statement, error: psycopg.Error) -> int:
    """Return the line where a statement failed: the server counts characters from the statement's first."""
    if error.diag.statement_position:
        return line_of(migration.sql, statement.offset + int(error.diag.statement_position) - 1)
    body = _BODY_LINE.search(error.diag.context or "")
    quoted = next((token for token in statement.tokens if token.kind == "dollar"), None)
    if body is not None and quoted is not None:
        return line_of(migration.sql, quoted.offset) + int(body[1]) - 1
    return statement.line
