"""Asks a stack's database how many rows its tables have, by its own estimate: a count would read whole tables."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import psycopg

from convos_infra.schema.address import parse_url
from convos_infra.schema.connection import connect
from railway_api.failure import Failure

WAIT_SECONDS = 3.0
_ESTIMATE = "SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(%s)"
"""-1 for a table that was never analyzed (postgresql.org/docs/current/catalog-pg-class.html)."""


def row_counts(url: str, tables: Sequence[str]) -> dict[str, int]:
    """Return the estimated number of rows by table: only for tables with an estimate, and none if the database fails.

    Args:
        url: of the database; empty if there is none yet.
        tables: as migrations name them.
    """
    found: dict[str, int] = {}
    if not url or not tables:
        return found
    with contextlib.suppress(Failure, psycopg.Error):
        address = parse_url(url)
        opened = contextlib.closing(connect(address, wait_seconds=WAIT_SECONDS))
        with opened as connection, connection.deadline(WAIT_SECONDS):
            for table in tables:
                row = connection.execute(_ESTIMATE, [_quoted(table)]).fetchone()
                if row is not None and row[0] >= 0:
                    found[table] = int(row[0])
    return found


def _quoted(table: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in table.split("."))
