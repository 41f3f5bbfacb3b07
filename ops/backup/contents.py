"""The number of rows in each table of a database: a restored backup is compared by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

if TYPE_CHECKING:
    import psycopg

TABLES = """SELECT schemaname, tablename FROM pg_catalog.pg_tables
 WHERE schemaname <> 'information_schema' AND schemaname NOT LIKE 'pg\\_%' ORDER BY 1, 2"""


@dataclass(frozen=True)
class Contents:
    """Counts of a database.

    Attributes:
        rows: how many rows each table has, by `schema.table`.
    """

    rows: Mapping[str, int]

    @property
    def text(self) -> str:
        """Return it in words."""
        return f"{len(self.rows)} tables, {sum(self.rows.values())} rows"

    def differences(self, other: Contents) -> list[str]:
        """Return the tables whose number of rows differs in `other`."""
        names = sorted({*self.rows, *other.rows})
        return [
            f"{name}: {self.rows.get(name, 'no table')} -> {other.rows.get(name, 'no table')}"
            for name in names
            if self.rows.get(name) != other.rows.get(name)
        ]


def counted(connection: psycopg.Connection[Any]) -> Contents:
    """Count the rows of every table that is not PostgreSQL's own, in the connection's transaction."""
    names = connection.execute(TABLES).fetchall()
    rows = {}
    for schema, table in names:
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))
        row = connection.execute(query).fetchone()
        rows[f"{schema}.{table}"] = int(row[0]) if row else 0
    return Contents(rows)
