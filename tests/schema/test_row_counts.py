"""How many rows tables have, by the estimate of a real PostgreSQL; and nothing where it cannot be asked."""

from __future__ import annotations

import psycopg
import pytest

from ops.plan.row_counts import row_counts
from tests.schema.postgres_server import Database

pytestmark = pytest.mark.postgres
HOSTILE = "a\"b'; DROP TABLE t; --"


def test_rows_are_estimated_where_the_table_was_analyzed(database: Database) -> None:
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t AS SELECT generate_series(1, 1234) AS id")
        connection.execute("CREATE TABLE fresh (id integer)")
        connection.execute("CREATE SCHEMA app")
        connection.execute('CREATE TABLE app."Odd" AS SELECT 1 AS id')
        connection.execute("ANALYZE t")
        connection.execute('ANALYZE app."Odd"')
    tables = ["t", "fresh", "none", "app.Odd", HOSTILE, ""]
    assert row_counts(database.url, tables) == {"t": 1234, "app.Odd": 1}


@pytest.mark.parametrize("url", ["", "nonsense", "postgresql://u:p@127.0.0.1:9/d"])
def test_a_database_that_cannot_be_asked_leaves_the_numbers_out(url: str) -> None:
    assert row_counts(url, ["t"]) == {}
