"""Tables that a publication makes read-only, as their replica identity does not fit: by the guard and by PostgreSQL."""

# ruff: noqa: E501  # SQL
from __future__ import annotations

import psycopg
import pytest

from convos_infra.schema import guards
from convos_infra.schema.script import read_script
from tests.schema.migrating import migrations
from tests.schema.postgres_server import Database

TABLES = """
CREATE TABLE keyed (id integer PRIMARY KEY, n integer NOT NULL, note text);
CREATE TABLE bare (id integer, n integer);
CREATE TABLE late (id integer PRIMARY KEY DEFERRABLE, n integer);
CREATE TABLE named (id integer, n integer, CONSTRAINT named_key PRIMARY KEY (id));
CREATE TABLE by_index (id integer NOT NULL, n integer);
CREATE UNIQUE INDEX by_index_id ON by_index (id);
ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_id;
CREATE TABLE whole (id integer, n integer);
ALTER TABLE whole REPLICA IDENTITY FULL;
CREATE TABLE silent (id integer PRIMARY KEY, n integer);
ALTER TABLE silent REPLICA IDENTITY NOTHING;
CREATE TABLE parts (id integer, n integer) PARTITION BY RANGE (id);
CREATE TABLE part PARTITION OF parts DEFAULT;
CREATE TABLE keyed_parts (id integer PRIMARY KEY, n integer) PARTITION BY RANGE (id);
CREATE TABLE keyed_part PARTITION OF keyed_parts DEFAULT;
CREATE TABLE root (id integer PRIMARY KEY, n integer);
CREATE TABLE heir () INHERITS (root);
CREATE TABLE copy (LIKE keyed INCLUDING ALL);
CREATE TABLE plain_copy (LIKE keyed);
CREATE UNLOGGED TABLE fast (id integer, n integer);
CREATE TABLE filled (id integer, n integer, twice integer GENERATED ALWAYS AS (id * 2) STORED);
ALTER TABLE filled REPLICA IDENTITY FULL;
CREATE VIEW shown AS SELECT * FROM bare;
CREATE SCHEMA app;
CREATE TABLE app.bare (id integer, n integer);
CREATE TABLE app.keyed (id integer PRIMARY KEY, n integer);
"""
ALL = "app.bare bare heir late part plain_copy silent"
CASES = {
    # What is published.
    "CREATE PUBLICATION p": "",
    "CREATE PUBLICATION p FOR TABLE bare": "bare",
    "CREATE PUBLICATION p FOR TABLE keyed, app.keyed, named, by_index, whole, copy, keyed_parts": "",
    "CREATE PUBLICATION p FOR TABLE bare, late, silent, plain_copy, app.bare": "app.bare bare late plain_copy silent",
    "CREATE PUBLICATION p FOR TABLE parts": "part",
    "CREATE PUBLICATION p FOR TABLE root": "heir",
    "CREATE PUBLICATION p FOR TABLE ONLY root": "",
    "CREATE PUBLICATION p FOR TABLE ONLY root; ALTER TABLE by_index INHERIT root; ALTER TABLE by_index REPLICA IDENTITY DEFAULT": "",
    "CREATE PUBLICATION p FOR TABLES IN SCHEMA app": "app.bare",
    "SET LOCAL search_path = app; CREATE PUBLICATION p FOR TABLES IN SCHEMA CURRENT_SCHEMA": "app.bare",
    "SET LOCAL search_path = app; CREATE PUBLICATION p FOR TABLE bare": "app.bare",
    "DO $$ BEGIN CREATE PUBLICATION p FOR TABLE bare, TABLES IN SCHEMA app; END $$": "app.bare bare",
    "CREATE PUBLICATION p FOR ALL TABLES": ALL,
    # Which changes.
    "CREATE PUBLICATION p FOR TABLE bare WITH (publish = 'insert')": "",
    "CREATE PUBLICATION p FOR ALL TABLES WITH (publish = 'truncate, insert')": "",
    "CREATE PUBLICATION p FOR TABLE bare WITH (publish = 'insert, update')": "bare",
    "CREATE PUBLICATION p FOR TABLE bare WITH (publish = '')": "",
    "CREATE PUBLICATION p FOR TABLE bare WITH (publish = 'INSERT , Update')": "bare",
    "CREATE PUBLICATION p FOR TABLE bare WITH (publish = delete)": "bare",
    # Which columns and rows.
    "CREATE PUBLICATION p FOR TABLE keyed (id, note)": "",
    "CREATE PUBLICATION p FOR TABLE keyed (n, note)": "keyed",
    "CREATE PUBLICATION p FOR TABLE whole (id, n)": "whole",
    "CREATE PUBLICATION p FOR TABLE keyed (n, note) WITH (publish = 'insert')": "",
    "CREATE PUBLICATION p FOR TABLE keyed WHERE (id > 1)": "",
    "CREATE PUBLICATION p FOR TABLE keyed WHERE (n > 1)": "keyed",
    "CREATE PUBLICATION p FOR TABLE whole WHERE (n > 1)": "",
    "CREATE PUBLICATION p FOR TABLE by_index WHERE (n > 1), named WHERE (id > 1)": "by_index",
    # What is altered.
    "CREATE PUBLICATION p FOR TABLE keyed; ALTER PUBLICATION p ADD TABLE bare": "bare",
    "CREATE PUBLICATION p; ALTER PUBLICATION p ADD TABLES IN SCHEMA app": "app.bare",
    "CREATE PUBLICATION p WITH (publish = 'insert'); ALTER PUBLICATION p ADD TABLE bare": "",
    "CREATE PUBLICATION p FOR TABLE bare WITH (publish = 'insert'); ALTER PUBLICATION p SET (publish = 'insert, delete')": "bare",
    "CREATE PUBLICATION p FOR TABLE keyed; ALTER PUBLICATION p SET TABLE keyed, late": "late",
    "CREATE PUBLICATION p; ALTER PUBLICATION p RENAME TO q; ALTER PUBLICATION q ADD TABLE bare": "bare",
    # What becomes of a published table.
    "CREATE PUBLICATION p FOR TABLE keyed; ALTER TABLE keyed DROP CONSTRAINT keyed_pkey": "keyed",
    "CREATE PUBLICATION p FOR TABLE named; ALTER TABLE named RENAME CONSTRAINT named_key TO k; ALTER TABLE named DROP CONSTRAINT k": "named",
    "CREATE PUBLICATION p FOR TABLE named; ALTER INDEX named_key RENAME TO k; ALTER TABLE named DROP CONSTRAINT k": "named",
    "CREATE PUBLICATION p FOR TABLE keyed; ALTER TABLE keyed RENAME TO other; ALTER TABLE other DROP CONSTRAINT keyed_pkey": "other",
    "CREATE PUBLICATION p FOR TABLE keyed WHERE (id > 1); ALTER TABLE keyed RENAME id TO key; ALTER TABLE keyed ADD c integer": "",
    "CREATE PUBLICATION p FOR TABLE keyed; ALTER TABLE keyed DROP COLUMN id": "keyed",
    "CREATE PUBLICATION p FOR TABLE keyed; ALTER TABLE keyed REPLICA IDENTITY NOTHING": "keyed",
    "CREATE PUBLICATION p FOR TABLE keyed; ALTER TABLE keyed REPLICA IDENTITY FULL": "",
    "CREATE PUBLICATION p FOR TABLE keyed (id, note); ALTER TABLE keyed REPLICA IDENTITY FULL": "keyed",
    "CREATE PUBLICATION p FOR TABLE whole WHERE (n > 1); ALTER TABLE whole ADD PRIMARY KEY (id), REPLICA IDENTITY DEFAULT": "whole",
    "CREATE PUBLICATION p FOR TABLE whole; ALTER TABLE whole REPLICA IDENTITY DEFAULT": "whole",
    "CREATE PUBLICATION p FOR TABLE by_index; DROP INDEX by_index_id": "by_index",
    "CREATE PUBLICATION p FOR TABLE by_index; ALTER TABLE by_index ADD CONSTRAINT k PRIMARY KEY USING INDEX by_index_id": "",
    "CREATE PUBLICATION p FOR TABLE keyed; CREATE UNIQUE INDEX i ON keyed (n); ALTER TABLE keyed REPLICA IDENTITY USING INDEX i; ALTER TABLE keyed DROP CONSTRAINT keyed_pkey": "",
    "CREATE PUBLICATION p FOR TABLE keyed_parts; ALTER TABLE keyed_parts DROP CONSTRAINT keyed_parts_pkey": "keyed_part",
    "CREATE PUBLICATION p FOR TABLE parts; ALTER TABLE parts DETACH PARTITION part; ALTER TABLE parts ATTACH PARTITION bare DEFAULT": "bare",
    "CREATE PUBLICATION p FOR TABLE keyed_parts; ALTER TABLE keyed_parts DETACH PARTITION keyed_part; ALTER TABLE keyed_parts ATTACH PARTITION named DEFAULT": "",
    "CREATE PUBLICATION p FOR TABLES IN SCHEMA app; ALTER TABLE bare RENAME TO b; ALTER TABLE b SET SCHEMA app": "app.b",
    "CREATE PUBLICATION p FOR ALL TABLES; ALTER TABLE fast SET LOGGED": "fast",
    "CREATE PUBLICATION p FOR TABLE keyed; DROP PUBLICATION p; ALTER TABLE keyed DROP CONSTRAINT keyed_pkey": "",
    "CREATE PUBLICATION p FOR TABLE keyed; ALTER TABLE named DROP CONSTRAINT named_key": "",
    "ALTER TABLE bare ADD PRIMARY KEY (id); CREATE PUBLICATION p FOR TABLE bare": "",
    "ALTER TABLE late DROP CONSTRAINT late_pkey, ADD PRIMARY KEY (id); CREATE PUBLICATION p FOR TABLE late": "",
}
"""By file: the tables that its last statement leaves without UPDATE and DELETE."""
SINCE_18 = {
    "CREATE PUBLICATION p FOR TABLE filled": "filled",
    "CREATE PUBLICATION p FOR TABLES IN SCHEMA public": "bare filled heir late part plain_copy silent",
    "CREATE PUBLICATION p FOR TABLE keyed; ALTER TABLE keyed REPLICA IDENTITY FULL, ADD c integer GENERATED ALWAYS AS (1) STORED": "keyed",
    "CREATE PUBLICATION p FOR TABLE filled WITH (publish_generated_columns = stored)": "",
}
"""Those on generated columns, which older servers leave out of a replica identity."""


def _asked(text: str) -> list[list[str]]:
    """Return the tables for which each statement of a file needs an allowance."""
    lines = "\n".join(one.text + ";" for one in read_script(text).statements)
    problems = guards.check(migrations(TABLES, lines)[1:], migrations(TABLES))
    rules = [(one.subject, one.next_step.split('"')[1].split()) for one in problems]
    found = [
        sorted(rule[3] for subject, rule in rules if subject.endswith(f":{line}") and rule[2] == "replica-identity")
        for line in range(1, len(lines.splitlines()) + 1)
    ]
    assert not [rule for _, rule in rules if rule[2].startswith("un")]
    return found


@pytest.mark.parametrize("cases", [CASES, SINCE_18], ids=["all", "since 18"])
def test_a_publication_that_stops_updates_needs_an_allowance_for_each_table(cases: dict[str, str]) -> None:
    # FOR ALL TABLES has to name `filled` too, as the server may be new.
    wanted = {text: (f"{one} filled" if one == ALL else one).split() for text, one in cases.items()}
    assert {text: _asked(text)[-1] for text in cases} == {text: sorted(one) for text, one in wanted.items()}


READ_ONLY = """
CREATE FUNCTION pg_temp.read_only() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE one record; change text;
BEGIN
    FOR one IN SELECT format('%I.%I', n.nspname, c.relname) AS name, (
        SELECT attname FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
            AND attgenerated = '' LIMIT 1
    ) AS field FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
        WHERE relkind = 'r' AND nspname IN ('public', 'app') LOOP
        FOREACH change IN ARRAY ARRAY['UPDATE ONLY %s SET %I = NULL', 'DELETE FROM ONLY %s'] LOOP
            BEGIN
                EXECUTE format(change, one.name, one.field);
            EXCEPTION WHEN others THEN
                IF SQLERRM NOT LIKE 'cannot update table%' AND SQLERRM NOT LIKE 'cannot delete from table%' THEN RAISE; END IF;
                RETURN NEXT regexp_replace(one.name, '^public.', '');
            END;
        END LOOP;
    END LOOP;
END $$;
"""
"""Tries to change the rows of each table, of which there are none."""


@pytest.mark.postgres
def test_postgresql_refuses_updates_of_these_tables(database: Database) -> None:
    database.run(TABLES)
    with psycopg.connect(database.url) as connection:
        connection.execute(READ_ONLY)
        connection.commit()
        is_18 = connection.info.server_version >= 180000
        wanted = {**CASES, **SINCE_18} if is_18 else CASES
        if is_18:
            wanted["CREATE PUBLICATION p FOR ALL TABLES"] += " filled"

        for text, tables in wanted.items():
            before: set[str] = set()
            after: set[str] = set()
            for one in read_script(text).statements:
                connection.execute(one.text.encode())
                before, after = after, {row[0] for row in connection.execute("SELECT pg_temp.read_only()").fetchall()}
            connection.rollback()
            assert sorted(after - before) == sorted(tables.split()), text


LESS = {
    "ALTER PUBLICATION p DROP TABLE keyed": True,
    "ALTER PUBLICATION p SET TABLE keyed": True,
    "ALTER PUBLICATION p SET TABLE keyed, named, app.keyed": False,
    "ALTER PUBLICATION p SET TABLE keyed (id), named": True,
    "ALTER PUBLICATION p SET TABLE keyed WHERE (id > 1), named": True,
    "ALTER PUBLICATION p ADD TABLE app.keyed": False,
    "ALTER PUBLICATION p SET (publish = 'insert')": True,
    "ALTER PUBLICATION p SET (publish = 'insert, update, delete, truncate')": False,
    "ALTER PUBLICATION p SET (publish_via_partition_root)": True,
    "ALTER PUBLICATION unknown ADD TABLE keyed": False,
    "ALTER PUBLICATION unknown SET (publish = 'insert')": True,
    "ALTER PUBLICATION unknown DROP TABLE bare": True,
    "ALTER PUBLICATION unknown SET TABLE keyed": True,
    "DROP PUBLICATION p": True,
}


@pytest.mark.parametrize("text", LESS)
def test_a_publication_that_becomes_less_needs_an_allowance(text: str) -> None:
    before = migrations(TABLES, "CREATE PUBLICATION p FOR TABLE keyed, named")
    problems = guards.check(migrations(TABLES, "SELECT 1", text)[2:], before)
    name = "unknown" if "unknown" in text else "p"
    wanted = [f'add "-- allow: drop-access {name}" if that is meant'] if LESS[text] else []
    assert [one.next_step for one in problems] == wanted


def test_a_table_of_the_same_file_may_be_published_without_a_key() -> None:
    text = "CREATE TABLE fresh (id integer); CREATE PUBLICATION p FOR TABLE fresh"
    assert guards.check(migrations(TABLES, text)[1:], migrations(TABLES)) == []


def test_a_publication_of_an_earlier_file_is_known() -> None:
    text = "ALTER TABLE keyed DROP CONSTRAINT keyed_pkey"
    (problem,) = guards.check(
        migrations(TABLES, "CREATE PUBLICATION p FOR TABLE keyed", text)[2:],
        migrations(TABLES, "CREATE PUBLICATION p FOR TABLE keyed"),
    )
    assert problem.next_step == 'add "-- allow: replica-identity keyed" if that is meant'
