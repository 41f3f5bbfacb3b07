"""Three migrations that build indexes beside others' work, and what they come to."""

from __future__ import annotations

from tests.schema.migrating import up, versions
from tests.schema.postgres_server import Database

CONCURRENT = (
    "-- no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS t_id ON app.t (id);",
    "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS t_n ON app.t (n);",
    "-- no-transaction\nREINDEX (CONCURRENTLY) TABLE app.t;",
)


def converges(database: Database, tables: str, at: object) -> None:
    """Run them again, after the file that makes their table; what is recorded as applied is there, and valid."""
    state = up(database, tables, *CONCURRENT)
    assert versions(state) == ["0001", "0002", "0003", "0004"], at
    assert state.drift == (), at
    indexes = database.rows(
        "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid"
        " WHERE indrelid = 'app.t'::regclass ORDER BY 1"
    )
    assert indexes == [("t_id", True), ("t_n", True)], at
