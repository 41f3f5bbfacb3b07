"""Conditions that select every row, whatever its values are, and others: by PostgreSQL and by the guard."""

from __future__ import annotations

import psycopg
import pytest

from convos_infra.schema import guards
from convos_infra.schema.condition import Rows, can_exclude
from convos_infra.schema.excluded_row import types_of
from convos_infra.schema.script import read_script
from tests.schema.conditions import ALL_ROWS, NOT_ALL_ROWS, WITHOUT_PROOF
from tests.schema.migrating import migrations
from tests.schema.postgres_server import Database

COLUMNS = dict.fromkeys(("a", "c", "x", "y", "z", "v_id"), "int4") | {
    "b": "text",
    "flag": "bool",
    "at": "timestamptz",
    "expires_at": "timestamptz",
    "tags": "text[]",
    "data": "jsonb",
    "u": "uuid",
    "h": "bytea",
    "ip": "inet",
    "p": "numeric",
    "status": "text",
    "m": "text",
}
TABLES = f"""
CREATE TABLE log ({", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())});
CREATE TABLE u (x integer); CREATE TABLE t (id integer, n integer);
INSERT INTO u SELECT * FROM generate_series(-3, 3);
INSERT INTO t VALUES (1, 3), (2, 4);
"""
ROW = """
INSERT INTO log SELECT a, c, a, c, a * c, a + c, b, flag, at, at, ARRAY[b, 'y'],
    CASE WHEN flag THEN jsonb_build_object('n', a, 'x', b) ELSE '[]' END, gen_random_uuid(), b::bytea, '192.168.0.1',
    a + 0.25, b, b
FROM unnest(ARRAY[-7, -1, 0, 1, 2, 3, 10, 9999]) AS a, unnest(ARRAY[-7, 1, 2, 10]) AS c,
    unnest(ARRAY['a', '', 'Zx 9 deleted', '7', 'x']) AS b, unnest(ARRAY[true, false]) AS flag,
    unnest(ARRAY['1990-01-01', '2019-06-01', '2020-06-01', '2090-01-01']::timestamptz[]) AS at;
"""


def _rows(*, with_types: bool) -> Rows:
    types = {name: types_of(kind) for name, kind in COLUMNS.items()} if with_types else {}
    return Rows("log", alias="log", types=types)


def _can_exclude(condition: str, *, with_types: bool) -> bool:
    statement = read_script(f"DELETE FROM log WHERE {condition}").statements[0]
    return can_exclude(statement.node.where_clause, _rows(with_types=with_types))


@pytest.mark.parametrize("with_types", [True, False])
def test_the_guard_finds_the_row_that_a_condition_excludes(*, with_types: bool) -> None:
    assert [one for one in NOT_ALL_ROWS if not _can_exclude(one, with_types=with_types)] == []


@pytest.mark.parametrize("with_types", [True, False])
def test_the_guard_finds_no_row_where_there_is_none(*, with_types: bool) -> None:
    assert [one for one in [*ALL_ROWS, *WITHOUT_PROOF] if _can_exclude(one, with_types=with_types)] == []


@pytest.mark.postgres
def test_postgresql_says_the_same(database: Database) -> None:
    database.run(TABLES)
    database.run(ROW)
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute("CREATE FUNCTION g(integer) RETURNS boolean LANGUAGE sql AS 'SELECT $1 > 0'")

        def is_every(condition: str, truth: str) -> bool:
            asked = condition.replace("$1", "ARRAY[1, 2]")
            found = connection.execute(f"SELECT bool_and(({asked}) {truth}) FROM log".encode()).fetchall()
            return bool(found[0][0])

        assert [one for one in ALL_ROWS if not is_every(one, "IS NOT FALSE")] == []
        with_null = ("b IS NOT NULL", "at IS NOT NULL AND at < now()", "num_nonnulls(a, c) = 0")
        assert [one for one in NOT_ALL_ROWS if is_every(one, "IS TRUE") and one not in with_null] == []


def test_an_update_of_all_rows_asks_once_per_column() -> None:
    text = "UPDATE log SET b = NULL, c = 0 WHERE a % 1 = 0"
    problems = guards.check(migrations(TABLES, text)[1:], migrations(TABLES))
    assert [one.next_step for one in problems] == [
        'add "-- allow: update-all log.b" if that is meant',
        'add "-- allow: update-all log.c" if that is meant',
    ]


@pytest.mark.parametrize(
    "condition",
    [
        f"a NOT IN ({', '.join(map(str, range(2000)))})",
        " OR ".join(f"a = {number}" for number in range(500)),
        "b ~ '(a+)+$' AND length(b) > 2000000000",
        "repeat(b, 2000000000) = 'x'",
        "9 ^ 9 ^ 9 ^ 9 = a",
        "a = '1e999999999'",
    ],
)
def test_the_search_for_a_row_is_bounded(condition: str) -> None:
    assert _can_exclude(condition, with_types=True)


@pytest.mark.parametrize("nested", ["NOT (" * 400 + "a = 1" + ")" * 400, "'a' || " * 900 + "'b' = b"])
def test_a_condition_that_is_nested_deeply_is_read_or_refused_with_its_line(nested: str) -> None:
    """How deep a tree protobuf reads depends on which of its implementations the process has loaded."""
    text = f"-- A comment\nDELETE FROM log WHERE {nested}"
    problems = [str(one) for one in guards.check(migrations(TABLES, text)[1:], migrations(TABLES))]
    assert [one.partition(" ")[0] for one in problems] == ["0002_m2.sql:2:"] * len(problems)
    assert all("is nested too deeply" in one or "-- allow: delete-all log" in one for one in problems)
