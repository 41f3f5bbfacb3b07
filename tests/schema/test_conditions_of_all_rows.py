"""Conditions that select every row, whatever its values are, and others: by PostgreSQL and by the guard."""

from __future__ import annotations

import psycopg
import pytest

from convos_infra.schema import guards
from convos_infra.schema.condition import Rows, chooses
from convos_infra.schema.excluded_row import types_of
from convos_infra.schema.script import read_script
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
ALL_ROWS = [
    "a % 1 = 0",
    "a - a = 0",
    "a = a + 0",
    "a * 0 = 0",
    "abs(a) >= 0",
    "a IS NOT DISTINCT FROM a",
    "coalesce(a, a) = a",
    "length(b) >= 0",
    "true OR g(a)",
    "a::text = a::text",
    "a <> 1 OR a <> 2",
    "a < 5 OR a > 3",
    "a >= -3 OR a < 7",
    "NOT (a = 1 AND a = 2)",
    "b >= ''",
    "b LIKE '%%'",
    "b ~ '^'",
    "b ~ 'x*'",
    "b ~ '^.*$'",
    "b || '' = b",
    "length(b || 'x') > 0",
    "a BETWEEN a AND a",
    "a IN (a, 1)",
    "a = ANY (ARRAY[a])",
    "ROW(a) = ROW(a)",
    "EXISTS (SELECT a)",
    "(SELECT a) = a",
    "a = (SELECT a)",
    "left(b, 0) = ''",
    "repeat(b, 0) = ''",
    "power(a, 0) = 1",
    "nullif(a, a) IS NULL",
    "greatest(a, 0) >= 0",
    "position('' in b) = 1",
    "starts_with(b, '')",
    "tags @> '{}'",
    "tags @> ARRAY[]::text[]",
    "at <= 'infinity'",
    "at > '-infinity'",
    "num_nulls(a) >= 0",
    "pg_typeof(a) = 'integer'::regtype",
    "cardinality(tags) >= 0",
    "extract(dow from at) BETWEEN 0 AND 6",
    "extract(year from at) > 0",
    "date_trunc('day', at) <= at",
    "tableoid = 'log'::regclass",
    "log IS NOT NULL",
    "log.* IS NOT DISTINCT FROM log.*",
    "a & 0 = 0",
    "a / 1 = a",
    "round(a) = a",
    "a = a",
    "a IS NULL OR a IS NOT NULL",
    "(a = 1) IS NOT DISTINCT FROM (a = 1)",
    "(a IS NULL) IN (true, false)",
    "flag IN (true, false) OR flag = flag",
    "CASE WHEN a > 0 THEN true ELSE true END",
    "CASE a WHEN 1 THEN true ELSE true END",
    "coalesce(flag, true) OR NOT coalesce(flag, true)",
    "(a > 0) = (a > 0)",
    "NOT (a <> a)",
    "a % 2 < 2",
    "sign(a) <= 1",
    "(a * a) >= 0",
    "a + 1 > a",
    "now() > '2000-01-01'",
    "random() < 2",
    "lower(b) = lower(b)",
    "b = b::text",
    "concat(b) IS NOT NULL",
    "a >= -a OR a < 0",
    "a IN (1,2) OR a NOT IN (1)",
    "a = 1 IS NOT NULL OR true",
    "1 IN (1)",
    "(a, b) = (a, b)",
    "b NOT LIKE 'x' OR b LIKE 'x'",
    "a > ALL (ARRAY[]::integer[])",
    "a = 1 OR a = 2 OR a NOT BETWEEN 1 AND 2",
    "NOT EXISTS (SELECT 1 WHERE false)",
    "a IS DISTINCT FROM NULL OR a IS NULL",
    "(SELECT count(*) FROM u WHERE u.x = log.a) >= 0",
    "a < 'infinity'::float8",
    "b SIMILAR TO '%'",
    "b LIKE '%' ESCAPE '!'",
    "a - 1 < a",
    "a = +a",
    "a = - - a",
    "at = at AT TIME ZONE 'UTC'",
]
NOT_ALL_ROWS = [
    "a % 2 = 0",
    "a - c = 0",
    "a = c + 0",
    "a * 2 = 4",
    "abs(a) > 5",
    "length(b) > 100",
    "length(b) = 0",
    "lower(b) LIKE '%@x.com'",
    "data->>'x' = 'y'",
    "(data->>'n')::int > 5",
    "data->>'x' = '1' OR data->>'y' = '2'",
    "a + c > 10",
    "a = c",
    "at < now() - interval '1 year'",
    "now() - at > '1 day'",
    "now() - at > interval '1 day'",
    "at + interval '1 day' < now()",
    "at < '2020-01-01' OR at > '2021-01-01'",
    "at NOT BETWEEN '2019-01-01' AND '2020-01-01'",
    "date_trunc('day', at) < '2020-01-01'",
    "at::date = current_date",
    "extract(year from at) < 2020",
    "coalesce(b, '') = ''",
    "flag",
    "NOT flag",
    "flag IS NOT TRUE",
    "b IS NULL",
    "b IS NOT NULL",
    "b <> ''",
    "b !~ '^[0-9]+$'",
    "b NOT LIKE '%deleted%'",
    "a IN (1, 2, 3)",
    "a NOT IN (1, 2)",
    "a = ANY ('{1,2}')",
    "a = ANY ($1)",
    "a = ANY (ARRAY[1, 2])",
    "(a, b) IN ((1, 'x'), (2, 'y'))",
    "(a = 1 AND b = 'x') OR (a = 2 AND b = 'y')",
    "tags @> ARRAY['x']",
    "'x' = ANY (tags)",
    "cardinality(tags) = 0",
    "array_length(tags, 1) > 3",
    "starts_with(b, 'x')",
    "trim(b) = ''",
    "b IS DISTINCT FROM 'x'",
    "a IS DISTINCT FROM c",
    "a BETWEEN 1 AND 10",
    "b ~ '\\\\mfoo'",
    "EXISTS (SELECT 1 FROM t WHERE t.id = log.a)",
    "a IN (SELECT id FROM t WHERE n = 3)",
    "a = 1 OR at IS NULL",
    "u = '6ba7b810-9dad-11d1-80b4-00c04fd430c8'",
    "u::text LIKE '6ba%'",
    "a = v_id",
    "b = 'a' AND now() > '2000-01-01'",
    "encode(h, 'hex') = 'ff'",
    "md5(b) = 'x'",
    "split_part(b, '@', 2) = 'x.com'",
    "upper(b) <> b",
    "b <> lower(b)",
    "a > 0 AND a < 10 OR a > 20",
    "a <> 1 AND a <> 2",
    "m = 'ok'",
    "(a = 1) IS UNKNOWN",
    "data ? 'k'",
    "data @> '{\"k\": 1}'",
    "(SELECT count(*) FROM u WHERE u.x = log.a) = 0",
    "a > (SELECT avg(n) FROM t)",
    "a <> (SELECT max(id) FROM t)",
    "NOT a = (SELECT min(a) FROM log)",
    "at <> (SELECT max(at) FROM log)",
    "ctid = '(0,1)'",
    "round(p, 2) = 1.5",
    "greatest(a, c) > 5",
    "a / 10 = 3",
    "a & 4 = 4",
    "a % 10 IN (1, 2)",
    "length(b) < 5 OR b LIKE 'x%'",
    "replace(b, ' ', '') = ''",
    "NOT (a = 1 OR b = 'x')",
    "substring(b from 1 for 3) = 'abc'",
    "jsonb_typeof(data) = 'object'",
    "x = 1 AND y = 2 AND z = 3 OR x = 4 AND y = 5 AND z = 6",
    "at IS NOT NULL AND at < now()",
    "expires_at <= clock_timestamp()",
    "ip << inet '10.0.0.0/8'",
    "to_tsvector('simple', b) @@ to_tsquery('x')",
    "status::text IN ('a', 'b')",
    "num_nonnulls(a, c) = 0",
    "abs(a - c) < 5",
    "position('x' in b) > 0",
    "concat(b, m) = 'x'",
    "hashtext(b) % 10 = 3",
    "overlay(b placing 'x' from 1) = 'y'",
    "array_position(tags, 'x') IS NOT NULL",
    "jsonb_path_exists(data, '$.a')",
    "to_hex(a) = 'ff'",
    "array_to_string(tags, ',') = 'x'",
]
WITHOUT_PROOF = [
    "isfinite(at)",
    "quote_ident(b) <> ''",
    "exp(p) > 0",
    "crc32(h) >= 0",
    "hashtext(b) <> 5",
    "b ~ b",
    "1 / 0 = a",
    "id = 1e999999999",
]
"""Conditions that the guard does not evaluate, so that a file has to say that all rows are meant."""


def _rows(*, with_types: bool) -> Rows:
    types = {name: types_of(kind) for name, kind in COLUMNS.items()} if with_types else {}
    return Rows("log", alias="log", types=types)


def _chooses(condition: str, *, with_types: bool) -> bool:
    statement = read_script(f"DELETE FROM log WHERE {condition}").statements[0]
    return chooses(statement.node.where_clause, _rows(with_types=with_types))


@pytest.mark.parametrize("with_types", [True, False])
def test_the_guard_finds_the_row_that_a_condition_excludes(*, with_types: bool) -> None:
    assert [one for one in NOT_ALL_ROWS if not _chooses(one, with_types=with_types)] == []


@pytest.mark.parametrize("with_types", [True, False])
def test_the_guard_finds_no_row_where_there_is_none(*, with_types: bool) -> None:
    assert [one for one in [*ALL_ROWS, *WITHOUT_PROOF] if _chooses(one, with_types=with_types)] == []


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
    assert _chooses(condition, with_types=True)


@pytest.mark.parametrize("nested", ["NOT (" * 400 + "a = 1" + ")" * 400, "'a' || " * 900 + "'b' = b"])
def test_a_condition_that_is_nested_deeply_is_read_or_refused_with_its_line(nested: str) -> None:
    """How deep a tree protobuf reads depends on which of its implementations the process has loaded."""
    text = f"-- A comment\nDELETE FROM log WHERE {nested}"
    problems = [str(one) for one in guards.check(migrations(TABLES, text)[1:], migrations(TABLES))]
    assert [one.partition(" ")[0] for one in problems] == ["0002_m2.sql:2:"] * len(problems)
    assert all("is nested too deeply" in one or "-- allow: delete-all log" in one for one in problems)
