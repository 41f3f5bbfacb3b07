"""Rows that are changed one by one, by a cursor: judged by the cursor's query, which PostgreSQL runs here as well."""

# ruff: noqa: E501  # SQL
from __future__ import annotations

import psycopg
import pytest

from convos_infra.schema import guards
from convos_infra.schema.script import read_script
from tests.schema.migrating import migrations
from tests.schema.postgres_server import Database

TABLES = """
CREATE TABLE log (id integer, at timestamptz);
CREATE TABLE kept (id integer PRIMARY KEY, note text);
CREATE VIEW shown AS SELECT * FROM log;
CREATE VIEW few AS SELECT * FROM log WHERE id = 1;
"""
DATA = "INSERT INTO log VALUES (1, now()), (2, NULL), (3, now()); INSERT INTO kept VALUES (3, 'x'), (4, 'y')"
ROUNDS = "BEGIN OPEN c; LOOP MOVE c; EXIT WHEN NOT FOUND; DELETE FROM log WHERE CURRENT OF c; END LOOP; END"
FOR = "BEGIN FOR r IN c LOOP DELETE FROM log WHERE CURRENT OF c; END LOOP; END"
JOINED = "BEGIN FOR r IN c LOOP DELETE FROM log AS l WHERE l.id = r.id; END LOOP; END"
FETCHED = "LOOP FETCH c INTO i; EXIT WHEN NOT FOUND; DELETE FROM log WHERE id = i; END LOOP"
UPDATED = "DECLARE c CURSOR FOR SELECT id FROM log FOR UPDATE; BEGIN OPEN c; FOR i IN 1..3 LOOP MOVE c; UPDATE log SET id = 0 WHERE CURRENT OF c; END LOOP; END"
ALL_ROWS = [
    f"DECLARE c CURSOR FOR SELECT id FROM log; {ROUNDS}",
    f"DECLARE c CURSOR FOR SELECT id FROM log FOR UPDATE; {FOR}",
    f"DECLARE c CURSOR FOR SELECT id FROM log; {JOINED}",
    f"DECLARE c CURSOR FOR SELECT id FROM shown; {FOR}",
    f"DECLARE c CURSOR FOR SELECT x.id FROM (SELECT * FROM log WHERE true) AS x WHERE x.id = x.id; {FOR}",
    f"DECLARE c CURSOR FOR WITH q AS (SELECT id FROM log) SELECT id FROM q; {JOINED}",
    f"DECLARE c CURSOR FOR SELECT log.id FROM log JOIN kept ON true FOR UPDATE OF log; {FOR}",
    f"DECLARE c CURSOR FOR SELECT log.id FROM log, kept WHERE kept.id = 3 FOR UPDATE OF log; {FOR}",
    f"DECLARE c CURSOR FOR SELECT l.id FROM kept AS k RIGHT JOIN log AS l ON k.id = l.id FOR UPDATE OF l; {FOR}",
    f"DECLARE c CURSOR FOR SELECT id FROM log UNION ALL SELECT 1; {JOINED}",
    f"DECLARE c CURSOR FOR SELECT id FROM log WHERE id IS NOT NULL OR id IS NULL LIMIT ALL; {FOR}",
    f"DECLARE c refcursor; i integer; BEGIN OPEN c FOR SELECT id FROM log; {FETCHED}; END",
    f"DECLARE c refcursor; i integer; BEGIN OPEN c SCROLL FOR SELECT l.id FROM log AS l ORDER BY at; WHILE true {FETCHED}; END",
    "DECLARE c refcursor; r record; BEGIN OPEN c FOR SELECT * FROM log FOR UPDATE; FETCH c INTO r; WHILE FOUND LOOP UPDATE log SET id = 0 WHERE log.id = r.id; FETCH NEXT FROM c INTO r; END LOOP; END",
    UPDATED,
    "DECLARE c CURSOR FOR SELECT * FROM log; BEGIN OPEN c; LOOP MOVE c; EXIT WHEN NOT FOUND; WITH x AS (DELETE FROM log WHERE CURRENT OF c RETURNING id) INSERT INTO kept SELECT 10 + id FROM x; END LOOP; END",
    "DECLARE c refcursor; BEGIN OPEN c FOR EXECUTE 'SELECT * FROM log'; LOOP MOVE c; EXIT WHEN NOT FOUND; DELETE FROM log WHERE CURRENT OF c; END LOOP; END",
    "DECLARE c refcursor; d refcursor; BEGIN OPEN c FOR SELECT id FROM log WHERE id = 1; OPEN d FOR SELECT id FROM log; c := d; LOOP MOVE c; EXIT WHEN NOT FOUND; DELETE FROM log WHERE CURRENT OF c; END LOOP; END",
    f"DECLARE c CURSOR FOR SELECT id FROM log WHERE id = 9; BEGIN {FOR}; DECLARE c CURSOR FOR SELECT id FROM log; {FOR}; END",
]
NOT_ALL_ROWS = [
    f"DECLARE c CURSOR FOR SELECT id FROM log WHERE at IS NULL; {ROUNDS}",
    f"DECLARE c CURSOR (k integer) FOR SELECT id FROM log WHERE id = k FOR UPDATE; {ROUNDS.replace('OPEN c', 'OPEN c(1)')}",
    f"DECLARE c CURSOR FOR SELECT id FROM log LIMIT 2; {FOR}",
    f"DECLARE c CURSOR FOR SELECT id FROM few; {FOR}",
    f"DECLARE c CURSOR FOR SELECT id FROM kept; {JOINED}",
    f"DECLARE c CURSOR FOR SELECT log.id FROM log JOIN kept USING (id) FOR UPDATE OF log; {FOR}",
    f"DECLARE c CURSOR FOR SELECT log.id FROM log JOIN kept ON kept.id = log.id FOR UPDATE OF log; {FOR}",
    f"DECLARE c CURSOR FOR SELECT l.id FROM log AS l LEFT JOIN kept AS k ON k.id = l.id WHERE k.id IS NULL FOR UPDATE OF l; {FOR}",
    f"DECLARE c CURSOR FOR WITH log AS (SELECT * FROM few) SELECT id FROM log; {JOINED}",
    f"DECLARE c CURSOR FOR SELECT id FROM log WHERE id IN (SELECT id FROM kept) FOR UPDATE OF log; {FOR}",
    f"DECLARE c CURSOR FOR SELECT id FROM log INTERSECT SELECT 1; {JOINED}",
    f"DECLARE c refcursor; i integer; BEGIN OPEN c FOR SELECT id FROM log WHERE id > 1; {FETCHED}; END",
    "DECLARE c refcursor; i integer; BEGIN OPEN c FOR SELECT id FROM log; FETCH c INTO i; DELETE FROM log WHERE id = i; CLOSE c; END",
    "DECLARE c refcursor := 'p'; r record; BEGIN OPEN c FOR SELECT * FROM log WHERE id < 3 FOR UPDATE; FETCH c INTO r; WHILE FOUND LOOP UPDATE log SET id = 0 WHERE CURRENT OF c; FETCH NEXT FROM c INTO r; END LOOP; END",
    "DECLARE c CURSOR FOR SELECT id FROM log; i integer; BEGIN OPEN c; LOOP FETCH c INTO i; EXIT WHEN NOT FOUND; INSERT INTO kept VALUES (10 + i); END LOOP; END",
    "DECLARE c CURSOR FOR SELECT id FROM log; i integer; BEGIN OPEN c; LOOP FETCH c INTO i; EXIT WHEN NOT FOUND; DELETE FROM log WHERE id = i + 1; EXIT; END LOOP; END",
]
FILES = {
    "DECLARE c CURSOR FOR SELECT * FROM log; MOVE c; DELETE FROM log WHERE CURRENT OF c": True,
    "DECLARE c CURSOR FOR SELECT * FROM shown; MOVE 2 FROM c; UPDATE log SET at = NULL WHERE CURRENT OF c": True,
    "DECLARE c CURSOR FOR SELECT * FROM log; MOVE c; DO $$ BEGIN DELETE FROM log WHERE CURRENT OF c; END $$": True,
    "DECLARE c CURSOR FOR SELECT * FROM log WHERE id = 1; CLOSE c; DECLARE c CURSOR FOR SELECT * FROM log; MOVE c; DELETE FROM log WHERE CURRENT OF c": True,
    "CREATE FUNCTION f(c refcursor) RETURNS refcursor LANGUAGE plpgsql AS $$ BEGIN OPEN c FOR SELECT * FROM log; RETURN c; END $$; SELECT f('x'); MOVE x; DELETE FROM log WHERE CURRENT OF x": True,
    "CREATE FUNCTION f(c refcursor) RETURNS void LANGUAGE plpgsql AS $$ BEGIN MOVE c; DELETE FROM log WHERE CURRENT OF c; END $$; DECLARE x CURSOR FOR SELECT * FROM log; SELECT f('x')": True,
    f"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE c CURSOR FOR SELECT * FROM log; {FOR[:-3]} RETURN NEW; END $$; CREATE TRIGGER f BEFORE INSERT ON kept FOR EACH ROW EXECUTE FUNCTION f(); INSERT INTO kept VALUES (9)": True,
    "DECLARE c CURSOR FOR SELECT * FROM log WHERE id = 1; MOVE c; DELETE FROM log WHERE CURRENT OF c; CLOSE c": False,
    "DECLARE c SCROLL CURSOR FOR SELECT * FROM log; FETCH ALL FROM c; MOVE BACKWARD 2 FROM c; CLOSE c": False,
    "CREATE FUNCTION f(c refcursor) RETURNS refcursor LANGUAGE plpgsql AS $$ BEGIN OPEN c FOR SELECT * FROM log; RETURN c; END $$; SELECT f('x')": False,
    "CREATE FUNCTION f(c refcursor) RETURNS void LANGUAGE plpgsql AS $$ BEGIN OPEN c FOR SELECT * FROM log WHERE id = 1; MOVE c; DELETE FROM log WHERE CURRENT OF c; END $$; SELECT f('x')": False,
}
BODIES = [*ALL_ROWS, *NOT_ALL_ROWS]


def _refused(text: str) -> list[str]:
    problems = guards.check(migrations(TABLES, text)[1:], migrations(TABLES))
    assert not [one for one in problems if "read" in one.problem], "judged for what it does"
    return [one.next_step for one in problems]


@pytest.mark.parametrize("wrapped", ["DO", "function"])
def test_what_a_cursor_changes_is_what_its_query_returns(wrapped: str) -> None:
    function = "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ {} $$; SELECT f()"
    texts = {one: f"DO $$ {one} $$" if wrapped == "DO" else function.format(one) for one in BODIES}
    assert [one for one, text in texts.items() if bool(_refused(text)) != (one in ALL_ROWS)] == []


def test_cursors_of_a_file_are_judged_by_their_queries_too() -> None:
    assert {text: bool(_refused(text)) for text in FILES} == FILES


def test_the_allowance_names_the_table_or_the_column() -> None:
    assert _refused(f"DO $$ {ALL_ROWS[0]} $$") == ['add "-- allow: delete-all log" if that is meant']
    assert _refused(f"DO $$ {UPDATED} $$") == ['add "-- allow: update-all log.id" if that is meant']


@pytest.mark.postgres
def test_postgresql_changes_all_rows_where_the_guard_says_so(database: Database) -> None:
    database.run(TABLES + DATA)
    with psycopg.connect(database.url) as connection:

        def unchanged(statements: list[str]) -> int:
            for one in statements:
                connection.execute(one.encode())
            (row,) = connection.execute("SELECT count(*) FROM log WHERE id > 0").fetchall()
            connection.rollback()
            return int(row[0])

        left = {one: unchanged([f"DO $$ {one} $$"]) for one in BODIES}
        assert {one for one in BODIES if not left[one]} == set(ALL_ROWS)
        for text in FILES:  # each is valid, and each changes one row at most
            assert unchanged([one.text for one in read_script(text).statements]) >= (0 if "TRIGGER" in text else 2)
