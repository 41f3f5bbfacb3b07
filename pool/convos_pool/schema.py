"""Migrates the schema of a pool without Pulumi to this pool manager's version.

It uses the same files, lock and history as the migrator of the Pulumi program, which does more: it refuses destructive
files, detects changes by other programs, and retries if a lock is busy. So if the program has written the history of a
database, its migrations are left to `pulumi up`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from .connection import CONNECT_SECONDS
from .database import one_line
from .errors import DatabaseUnavailableError

FOLDER = Path(__file__).parent / "migrations"
LOCK_KEY = 0x636F6E766F730001
"""The migrators' advisory lock, as in convos_infra/schema/lock.py."""
PROGRAM = "convos-pool"
_FILE = re.compile(r"([0-9]{4})_([a-z0-9_]+)\.sql")
_LOCK_TIMEOUT, _STATEMENT_TIMEOUT = "5s", "60s"
HISTORY = """
CREATE TABLE IF NOT EXISTS public.schema_history (
    version text PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    seconds double precision NOT NULL,
    applied_by text NOT NULL DEFAULT current_user,
    program text NOT NULL,
    baseline boolean NOT NULL DEFAULT false,
    catalog jsonb
)
"""
_RECORD = (
    "INSERT INTO public.schema_history (version, name, checksum, seconds, program)"
    " VALUES (%s, %s, %s, extract(epoch FROM clock_timestamp() - now()), %s)"
)


@dataclass(frozen=True)
class File:
    """One migration."""

    version: str
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """The checksum, equal to the program's: independent of git's conversion of line endings."""
        return f"sha256:{hashlib.sha256(self.sql.encode()).hexdigest()}"


@dataclass(frozen=True)
class Applied:
    """A row of the history."""

    version: str
    checksum: str
    program: str


def files(folder: Path = FOLDER) -> list[File]:
    """Return the migrations of this pool manager, in order."""
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _FILE.fullmatch(path.name)
        if match:
            found.append(File(match[1], match[2], path.read_text(encoding="utf-8").replace("\r\n", "\n")))
    return found


def bring_up(url: str, tell: Callable[[str], None], migrations: Sequence[File] | None = None) -> None:
    """Apply missing migrations if no other program manages the schema; otherwise report the difference.

    Args:
        url: the database.
        tell: called with each line of the log.
        migrations: the files; by default those of this pool manager.

    Raises:
        DatabaseUnavailableError: the database does not answer, or refuses a file; the files before it stay applied.
    """
    wanted = files() if migrations is None else migrations
    try:
        with psycopg.connect(
            url, connect_timeout=CONNECT_SECONDS, application_name=PROGRAM, autocommit=True
        ) as connection:
            if _is_ours_to_do(_history(connection), wanted, tell) and not _is_pooled(connection, tell):
                _apply(connection, wanted, tell)
    except psycopg.Error as error:
        raise DatabaseUnavailableError(f"database: schema: {one_line(error)}") from None


def _is_ours_to_do(applied: Sequence[Applied], wanted: Sequence[File], tell: Callable[[str], None]) -> bool:
    newest, ours = max((one.version for one in applied), default=""), max((one.version for one in wanted), default="")
    if newest > ours:
        tell(f"schema: the database is at {newest}, newer than {ours} of this pool manager; nothing is applied")
        return False
    known = {one.version: one.checksum for one in wanted}
    changed = [one.version for one in applied if known.get(one.version) != one.checksum]
    if changed:
        tell(f"schema: migration {changed[0]} of the database differs from this pool manager's; nothing is applied")
        return False
    if newest == ours:
        return False
    if any(not one.program.startswith(PROGRAM) for one in applied):
        tell(f"schema: the database is at {newest}, this pool manager knows {ours}; run pulumi up")
        return False
    return True


def _is_pooled(connection: psycopg.Connection[Any], tell: Callable[[str], None]) -> bool:
    """Tell whether the connection goes through a pooler, where a session's lock would stay in a reused session."""
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    if row and row[0] == connection.info.backend_pid:
        return False
    tell("schema: DATABASE_URL leads to a pooler; to migrate, start once with the server's own address, or pulumi up")
    return True


def _apply(connection: psycopg.Connection[Any], wanted: Sequence[File], tell: Callable[[str], None]) -> None:
    connection.execute("SET idle_in_transaction_session_timeout = '30s'")
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", (LOCK_KEY,)).fetchone()
    if not row or not row[0]:
        raise DatabaseUnavailableError("database: schema: another migration is running; the next tick tries again")
    try:
        # Read again under the lock, because another migrator may have been faster.
        applied = _history(connection)
        if not _is_ours_to_do(applied, wanted, tell):
            return
        connection.execute(HISTORY)
        done = {one.version for one in applied}
        for file in wanted:
            if file.version not in done:
                _run(connection, file)
                tell(f"schema: applied {file.version}_{file.name}.sql")
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", (LOCK_KEY,))


def _run(connection: psycopg.Connection[Any], file: File) -> None:
    if re.search(r"^--\s*no-transaction\s*$", file.sql, re.MULTILINE):
        raise DatabaseUnavailableError(
            f"database: schema: {file.version}_{file.name}.sql needs the program; run pulumi up"
        )
    with connection.transaction():
        connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'".encode())
        connection.execute(f"SET LOCAL statement_timeout = '{_STATEMENT_TIMEOUT}'".encode())
        connection.execute("SET LOCAL search_path = public")
        connection.execute("SET LOCAL standard_conforming_strings = on")
        connection.execute(file.sql.encode())
        connection.execute(_RECORD, (file.version, file.name, file.checksum, PROGRAM))


def _history(connection: psycopg.Connection[Any]) -> list[Applied]:
    try:
        rows = connection.execute("SELECT version, checksum, program FROM public.schema_history").fetchall()
    except psycopg.errors.UndefinedTable:
        return []
    return [Applied(*row) for row in rows]
