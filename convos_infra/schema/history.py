"""The history table of a database: its applied migrations, and its catalog after the last one."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import metadata
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from convos_infra.errors import InfraError

if TYPE_CHECKING:
    from convos_infra.schema.connection import Connection
    from convos_infra.schema.migration import MigrationFile

TABLE = "schema_history"
_CREATE = f"""
CREATE TABLE IF NOT EXISTS public.{TABLE} (
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
_READ = f"""
SELECT version, name, checksum, extract(epoch FROM applied_at) * 1000000, seconds * 1000000,
    applied_by, program, baseline,
    CASE WHEN version = max(version) OVER () THEN catalog END
FROM public.{TABLE} ORDER BY version
"""  # noqa: S608  # the table's name is ours
# now() is the start of the transaction, so this measures the migration by the server's clock.
_RECORD = f"""
INSERT INTO public.{TABLE} (version, name, checksum, seconds, program, baseline, catalog)
VALUES (%s, %s, %s, extract(epoch FROM clock_timestamp() - now()) + %s, %s, %s, %s)
"""  # noqa: S608
_BEGUN = f"""
UPDATE public.{TABLE} SET catalog = catalog || jsonb_build_object('begun', %s::text)
WHERE version = (SELECT max(version) FROM public.{TABLE}) AND catalog IS NOT NULL
"""  # noqa: S608
# Only the newest catalog is ever used.
_FORGET = f"UPDATE public.{TABLE} SET catalog = NULL WHERE catalog IS NOT NULL AND version < {{}}"  # noqa: S608
_RESET_ROLE = "RESET SESSION AUTHORIZATION; RESET ROLE"
"""A file may have set another role, which has no privileges on the history."""
_NOTE = f"UPDATE public.{TABLE} SET catalog = %s WHERE version = (SELECT max(version) FROM public.{TABLE})"  # noqa: S608
_PLAIN = re.compile(r"[\w.:+!-]*", re.ASCII)
CATALOG_FORMAT = 2
"""The format of `catalog`; a record of another format, or another major version of PostgreSQL, is not compared."""


@dataclass(frozen=True)
class Applied:
    """An applied migration.

    Attributes:
        version: its four digits.
        name: its name at that time.
        checksum: the checksum of its text at that time.
        applied_at: when its transaction began.
        seconds: its duration.
        applied_by: the role.
        program: the version of this program.
        baseline: whether it was only marked as applied.
    """

    version: str
    name: str
    checksum: str
    applied_at: datetime
    seconds: float
    applied_by: str
    program: str
    baseline: bool

    @property
    def file(self) -> str:
        """The name of its file at that time."""
        return f"{self.version}_{self.name}.sql"

    def as_output(self) -> dict[str, Any]:
        """Return it as an output for Pulumi."""
        return {
            "file": self.file,
            "appliedAt": self.applied_at.isoformat(timespec="seconds"),
            "seconds": round(self.seconds, 3),
            "by": self.applied_by,
            "program": self.program,
            "baseline": self.baseline,
        }


@dataclass(frozen=True)
class History:
    """The history of a database.

    Attributes:
        applied: its applied migrations, oldest first.
        catalog: the content right after the last one; None if unknown.
        left: the names of the objects after the last one, known even if their definitions cannot be compared.
        begun: the checksum of a file without a transaction that was begun after the last one.
    """

    applied: tuple[Applied, ...] = ()
    catalog: Mapping[str, str] | None = None
    begun: str = ""
    left: frozenset[str] = frozenset()

    @property
    def schemas(self) -> frozenset[str]:
        """The schemas of the migrations so far."""
        return frozenset(name.removeprefix("schema ") for name in self.left if name.startswith("schema ")) | {"public"}


def read(connection: Connection) -> History:
    """Return the history of a database; empty if it has none. One round trip.

    Raises:
        InfraError: there is a table with that name that is not the history.
    """
    try:
        rows = connection.execute(_READ).fetchall()
    except psycopg.errors.UndefinedTable:
        return History()
    except psycopg.errors.UndefinedColumn:
        raise InfraError(
            f"table {TABLE}", "exists already, but is not the history of migrations", "rename it"
        ) from None
    if not rows:
        return History()
    noted = rows[-1][-1] or {}
    is_comparable = noted.get("format") == CATALOG_FORMAT and noted.get("server") == _server(connection)
    objects = noted["objects"] if is_comparable else None
    return History(
        tuple(_applied(row) for row in rows),
        objects,
        str(noted.get("begun") or ""),
        frozenset(noted.get("objects") or ()),
    )


def _applied(row: tuple[Any, ...]) -> Applied:
    """Return a row as a value; its times are numbers, as their notation depends on settings of role and database."""
    version, name, checksum, applied_at, seconds, *rest = row[:-1]
    moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(applied_at))
    return Applied(version, name, checksum, moment, round(float(seconds)) / 1_000_000, *rest)


def _server(connection: Connection) -> int:
    return connection.info.server_version // 10_000


def _noted(connection: Connection, catalog: Mapping[str, str]) -> Jsonb:
    noted = {"format": CATALOG_FORMAT, "server": _server(connection), "objects": dict(catalog)}
    return Jsonb(noted, dumps=_letters)


def _letters(value: object) -> str:
    """Return JSON with unescaped letters: a database in SQL_ASCII cannot read escapes."""
    return json.dumps(value, ensure_ascii=False)


def prepare(connection: Connection) -> None:
    """Create the table if it is missing. Call it with the lock: concurrent calls would collide in the catalog."""
    connection.execute(_CREATE)


def record(
    connection: Connection,
    migration: MigrationFile,
    *,
    seconds: float = 0.0,
    baseline: bool = False,
    catalog: Mapping[str, str] | None = None,
    then: str = "",
) -> None:
    """Add a migration, in the transaction that ran it; `then` is SQL that follows in the same message.

    The other arguments are those of `record_text`.
    """
    text = record_text(connection, migration, seconds=seconds, baseline=baseline, catalog=catalog)
    connection.execute(f"{text}; {then}".encode() if then else text.encode())


def record_text(
    connection: Connection,
    migration: MigrationFile,
    *,
    seconds: float = 0.0,
    baseline: bool = False,
    catalog: Mapping[str, str] | None = None,
) -> str:
    """Return the statements that add a migration, for the message of its last statement.

    Args:
        connection: the connection on which it runs; its settings decide how a text is quoted.
        migration: the migration.
        seconds: its duration before this transaction began, in seconds.
        baseline: whether it was only marked as applied.
        catalog: the current content of the database, for the last one of a run.
    """
    named = (_plain(one) for one in (migration.version, migration.name, migration.checksum))
    noted = "NULL" if catalog is None else sql.Literal(_noted(connection, catalog)).as_string(connection)
    values = (*named, repr(seconds), _plain(program_version()), str(baseline).lower(), noted)
    parts = [_RESET_ROLE, _RECORD % values]
    if catalog is not None:
        parts.append(_FORGET.format(_plain(migration.version)))
    return "; ".join(parts)


def _plain(text: str) -> str:
    """Quote a version, a name or a checksum: none of them has a character that a quoted text would have to escape."""
    assert _PLAIN.fullmatch(text), text
    return f"'{text}'"


def note_begun(connection: Connection, migration: MigrationFile) -> None:
    """Record that a file without a transaction was begun, so that its remains after an interruption are not drift."""
    connection.execute(_BEGUN, (migration.checksum,))


def note_catalog(connection: Connection, catalog: Mapping[str, str]) -> None:
    """Record the current content of the database as the result of its last migration."""
    connection.execute(_NOTE, (_noted(connection, catalog),))


@functools.cache
def program_version() -> str:
    """Return this program's version."""
    try:
        return metadata.version("convos-infra")
    except metadata.PackageNotFoundError:
        return "0.2.0"  # a checkout that is not installed; pyproject.toml has the same
