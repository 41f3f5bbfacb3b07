"""The history of a database: which migrations it has, in a table of its own."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any

import psycopg

from convos_infra.errors import InfraError

if TYPE_CHECKING:
    from datetime import datetime

    from convos_infra.schema.connection import Connection
    from convos_infra.schema.migration import Migration

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
    baseline boolean NOT NULL DEFAULT false
)
"""
_READ = f"""
SELECT version, name, checksum, applied_at, seconds, applied_by, program, baseline
FROM public.{TABLE} ORDER BY version
"""  # noqa: S608  # the table's name is ours
# now() is the transaction's begin: what is measured is the migration, in the server's time.
_RECORD = f"""
INSERT INTO public.{TABLE} (version, name, checksum, seconds, program, baseline)
VALUES (%s, %s, %s, extract(epoch FROM clock_timestamp() - now()) + %s, %s, %s)
"""  # noqa: S608


@dataclass(frozen=True)
class Applied:
    """A migration that a database has.

    Args:
        version: its four digits.
        name: its name then.
        checksum: its text's then.
        applied_at: when its transaction began.
        seconds: how long it took.
        applied_by: the role.
        program: the version of this program.
        baseline: it was only marked as applied.
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
        """Its file's name then."""
        return f"{self.version}_{self.name}.sql"

    def as_output(self) -> dict[str, Any]:
        """Return it as Pulumi shows it."""
        return {
            "file": self.file,
            "appliedAt": self.applied_at.isoformat(timespec="seconds"),
            "seconds": round(self.seconds, 3),
            "by": self.applied_by,
            "program": self.program,
            "baseline": self.baseline,
        }


def read(connection: Connection) -> tuple[Applied, ...]:
    """Return what the database has, oldest first; nothing where no migrator has been.

    Raises:
        InfraError: there is a table of that name which is not this one.
    """
    try:
        rows = connection.execute(_READ).fetchall()
    except psycopg.errors.UndefinedTable:
        return ()
    except psycopg.errors.UndefinedColumn:
        raise InfraError(
            f"table {TABLE}", "is there already and is not the history of migrations", "rename it"
        ) from None
    return tuple(Applied(*row) for row in rows)


def prepare(connection: Connection) -> None:
    """Make the table where it is missing; call it with the lock, as two at once would collide in the catalog."""
    connection.execute(_CREATE)


def record(connection: Connection, migration: Migration, *, seconds: float = 0.0, baseline: bool = False) -> None:
    """Add a migration, in the transaction that ran it.

    Args:
        connection: where it ran.
        migration: what ran.
        seconds: what it took before this transaction began.
        baseline: it was only marked.
    """
    values = (migration.version, migration.name, migration.checksum, seconds, program_version(), baseline)
    connection.execute(_RECORD, values)


def program_version() -> str:
    """Return this program's version."""
    try:
        return metadata.version("convos-infra")
    except metadata.PackageNotFoundError:
        return "0.1.0"  # a checkout that is not installed; pyproject.toml has the same
