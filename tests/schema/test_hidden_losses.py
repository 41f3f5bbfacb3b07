"""Data that goes where no statement says so: rows that find themselves, and what runs behind operators, casts and names."""

# ruff: noqa: E501  # SQL
from __future__ import annotations

import pytest

from convos_infra.schema import guards
from tests.schema.migrating import migrations
from tests.schema.spellings import BEFORE, SPELLINGS

LOSSES = [
    "SELECT table_to_xml('wiping', true, true, '')",
    # Every row finds itself.
    "DELETE FROM {log} USING {log} AS l WHERE log.id = l.id",
    "DELETE FROM {log} USING (SELECT id FROM log) AS l WHERE log.id = l.id",
    "DELETE FROM {log} WHERE EXISTS (SELECT 1 FROM log AS l WHERE l.id = log.id)",
    "DELETE FROM {log} WHERE id = ANY (ARRAY(SELECT id FROM log))",
    "DELETE FROM {log} WHERE id IN (SELECT id FROM log WHERE true)",
    "DELETE FROM {log} WHERE id IN (TABLE log)",
    "DELETE FROM {log} WHERE (id, at) IN (SELECT id, at FROM log)",
    "DELETE FROM {log} WHERE id >= (SELECT min(id) FROM log)",
    "DELETE FROM {log} WHERE id <= (SELECT max(id) FROM log)",
    "DELETE FROM {log} WHERE NOT id IN (SELECT id FROM log WHERE false)",
    "DELETE FROM {log} WHERE NOT EXISTS (SELECT FROM t WHERE t.id = log.id LIMIT 0)",
    "DELETE FROM {log} WHERE CASE WHEN true THEN true ELSE id = 1 END",
    "DELETE FROM {log} WHERE CASE WHEN id = 1 THEN true ELSE true END",
    "DELETE FROM {log} WHERE coalesce(true, id = 1)",
    "DELETE FROM {log} WHERE id = 1 OR id <> 1",
    "DELETE FROM {log} WHERE id < 1 OR id >= 1",
    "DELETE FROM {log} WHERE id IN (1, 2) OR NOT id IN (1, 2)",
    "DELETE FROM {log} WHERE id BETWEEN 1 AND 2 OR id NOT BETWEEN 1 AND 2",
    "DELETE FROM {kept} WHERE (id > 0) IS NOT UNKNOWN",
    "DELETE FROM {kept} WHERE id::text IS NOT NULL",
    "DELETE FROM {log} WHERE (id, at) = (id, at)",
    "DELETE FROM {log} WHERE id IN (SELECT id FROM (SELECT id FROM log) AS q)",
    "DELETE FROM {log} WHERE id IN (SELECT a.id FROM log AS a JOIN log AS b ON a.id = b.id)",
    "DELETE FROM {log} WHERE id IN (SELECT id + 0 FROM log)",
    "DELETE FROM {log} WHERE id >= ALL (SELECT min(id) FROM log)",
    "WITH q AS (SELECT id FROM log) DELETE FROM {log} USING q WHERE q.id = log.id",
    "DELETE FROM {log} WHERE id IN (SELECT id FROM log WHERE id % 1 = 0)",
    "INSERT INTO {kept} SELECT id, note FROM kept ON CONFLICT (id) DO UPDATE SET note = NULL WHERE kept.id = excluded.id",
    "MERGE INTO {kept} USING t ON false WHEN NOT MATCHED BY SOURCE THEN UPDATE SET note = NULL",
    # The condition is about other rows.
    "DELETE FROM {log} USING {t} WHERE t.n = 1",
    "DELETE FROM {log} WHERE EXISTS (SELECT 1 FROM t WHERE t.n = 1)",
    "UPDATE {kept} SET note = '' FROM {t} AS x WHERE x.id = 1",
    "UPDATE {kept} SET note = NULL FROM {kept} AS k WHERE k.id = kept.id",
    "INSERT INTO {kept} SELECT id, note FROM kept ON CONFLICT (id) DO UPDATE SET note = NULL",
    "MERGE INTO {kept} USING kept AS k ON kept.id = k.id WHEN MATCHED THEN UPDATE SET note = NULL",
    "MERGE INTO {kept} USING (SELECT 1) AS x ON true WHEN MATCHED THEN UPDATE SET note = NULL",
    # What PostgreSQL itself keeps, and triggers that do not run.
    "DELETE FROM pg_class WHERE relname = 'x'",
    "UPDATE pg_catalog.pg_attribute SET attnotnull = true WHERE attnum = 1",
    "SELECT set_config('session_replication_role', 'replica', true)",
    # What no statement calls by its name.
    "SELECT 1 ### 2",
    "SELECT id FROM {log} WHERE id OPERATOR(public.###) 1",
    "SELECT 1::mood",
    "SELECT CAST(id AS mood) FROM {log}",
    "SELECT eats(id) FROM {log}",
    "INSERT INTO gated VALUES (1)",
    "UPDATE gated SET id = 2 WHERE id = 1",
    "SELECT 1::gate",
    "SELECT by_default()",
    "SELECT n FROM twice",
    "TABLE twice",
    # Columns and sequences.
    "ALTER TABLE doubled ALTER b DROP EXPRESSION",
    "ALTER TABLE doubled ALTER b SET EXPRESSION AS (0)",
    "ALTER TABLE {t} ALTER id ADD GENERATED ALWAYS AS IDENTITY; ALTER TABLE t ALTER id RESTART WITH 1",
    "ALTER SEQUENCE {s} MAXVALUE 10 CYCLE",
    "ALTER SEQUENCE {s} INCREMENT BY -1",
    "SELECT setval('s', 1)",
    "SELECT pg_logical_slot_get_changes('slot', NULL, NULL)",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("loss", LOSSES)
def test_what_goes_unsaid_is_seen(loss: str, spelling: str) -> None:
    problems = guards.check(migrations(BEFORE, SPELLINGS[spelling](loss))[1:], migrations(BEFORE))
    assert problems
    assert all("allow:" in problem.next_step for problem in problems), "seen for what it is, not for a syntax error"
    is_read = not any("cannot be read" in problem.problem for problem in problems)
    assert is_read or loss.startswith("TABLE "), "PL/pgSQL has no statement TABLE, everything else is read"


HARMLESS = [
    "DELETE FROM log AS a USING log AS b WHERE a.id = b.id AND a.ctid < b.ctid",
    "DELETE FROM log WHERE ctid NOT IN (SELECT min(ctid) FROM log GROUP BY id)",
    "DELETE FROM log WHERE id = (SELECT max(id) FROM log)",
    "DELETE FROM log WHERE ctid IN (SELECT ctid FROM log LIMIT 10)",
    "DELETE FROM log WHERE id IN (SELECT id - 1 FROM log)",
    "DELETE FROM log WHERE id IN (SELECT a.id FROM log AS a JOIN log AS b ON a.id = b.id AND a.at < b.at)",
    "WITH q AS (SELECT id FROM log WHERE at IS NULL) DELETE FROM log USING q WHERE q.id = log.id",
    "MERGE INTO kept USING t ON kept.id = t.id WHEN NOT MATCHED BY SOURCE THEN UPDATE SET note = ''",
    "DELETE FROM log WHERE nullif(id, 1) IS NOT NULL",
    "DELETE FROM log WHERE id IN (1) OR id NOT IN (1, 2)",
    "DELETE FROM log USING kept WHERE kept.id = log.id AND kept.note = ''",
    "DELETE FROM log AS l USING kept WHERE kept.id = l.id",
    "DELETE FROM log WHERE EXISTS (SELECT FROM kept WHERE kept.id = id)",
    "INSERT INTO kept SELECT id, note FROM kept ON CONFLICT (id) DO UPDATE SET note = '' WHERE excluded.note = 'x'",
    "SELECT set_config('lock_timeout', '1s', true)",
    "CREATE TABLE pg_own (id integer); INSERT INTO pg_own VALUES (1); DELETE FROM pg_own",
    "DELETE FROM log WHERE id < (SELECT max(id) FROM log)",
    "DELETE FROM log WHERE id >= (SELECT min(id) FROM log WHERE at IS NULL)",
    "DELETE FROM log WHERE NOT EXISTS (SELECT FROM kept WHERE kept.id = log.id)",
    "DELETE FROM log WHERE EXISTS (SELECT FROM log AS l WHERE l.id = log.id AND l.at > log.at)",
    "DELETE FROM log WHERE id IN (SELECT l.id FROM log AS l LEFT JOIN kept USING (id) WHERE kept.id IS NULL)",
    "DELETE FROM log WHERE CASE WHEN id = 1 THEN true ELSE false END",
    "DELETE FROM log WHERE CASE WHEN false THEN true ELSE id = 1 END",
    "DELETE FROM log WHERE coalesce(id, 0) = 0 OR id = 7 OR id <> 8 AND at IS NULL",
    "UPDATE kept SET note = k.note FROM kept AS k WHERE k.id = kept.id + 1",
    "INSERT INTO kept SELECT id, note FROM kept WHERE id = 1 ON CONFLICT (id) DO UPDATE SET note = NULL",
    "INSERT INTO kept SELECT id, name FROM t ON CONFLICT (id) DO UPDATE SET note = excluded.note",
    "MERGE INTO kept USING kept AS k ON kept.id = k.id WHEN MATCHED AND kept.note IS NULL THEN UPDATE SET note = ''",
    "SELECT 1 === 2, joined(note) FROM kept",
    "SELECT 'ok'::mood, '1'::integer, ROW(1, 2)::pair, ARRAY[1]::integer[], id::text FROM kept",
    "ALTER TABLE t ADD c integer GENERATED ALWAYS AS (id + 1) STORED; ALTER TABLE t ALTER c DROP EXPRESSION",
    "CREATE TABLE fresh (id serial); INSERT INTO fresh VALUES (5); SELECT setval('fresh_id_seq', 5)",
    "CREATE TABLE fresh (id serial); SELECT setval(pg_get_serial_sequence('fresh', 'id'), 5)",
    "CREATE SEQUENCE own OWNED BY kept.id; SELECT setval('own'::regclass, (SELECT max(id) FROM kept))",
    "ALTER SEQUENCE s INCREMENT BY 10 CACHE 5 OWNED BY kept.id",
    "ALTER TABLE t ALTER id ADD GENERATED BY DEFAULT AS IDENTITY; ALTER TABLE t ALTER id SET GENERATED ALWAYS SET CACHE 9",
    "GRANT SELECT ON wiping TO PUBLIC; COMMENT ON VIEW wiping IS 'x'; ALTER VIEW wiping ALTER n SET DEFAULT 1",
    "CREATE VIEW view_of_view AS SELECT * FROM shown; SELECT * FROM view_of_view",
    "DO $$ DECLARE a integer[]; BEGIN a[1 + 1] := 3; a[2:3] := ARRAY[1, 2]; END $$",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_it_is_not_refused(text: str) -> None:
    assert guards.check(migrations(BEFORE, text)[1:], migrations(BEFORE)) == []


LOOPS = {
    "DECLARE r record; BEGIN FOR r IN SELECT id FROM log LOOP DELETE FROM log WHERE id = r.id; END LOOP; END": True,
    "DECLARE i integer; BEGIN FOR i IN SELECT id FROM log LOOP DELETE FROM log WHERE id = i; END LOOP; END": True,
    "DECLARE i integer; BEGIN FOR i IN SELECT l.id FROM log AS l LOOP IF i > 0 THEN DELETE FROM log AS x WHERE x.id = i; END IF; END LOOP; END": True,
    "DECLARE i integer; k text; BEGIN FOR k, i IN SELECT 'x', id FROM log LOOP UPDATE log SET at = now() WHERE id = i; END LOOP; END": True,
    "DECLARE r record; BEGIN FOR r IN SELECT * FROM log LOOP FOR i IN 1..2 LOOP DELETE FROM log WHERE id = r.id; END LOOP; END LOOP; END": True,
    "DECLARE r record; BEGIN FOR r IN SELECT id FROM log WHERE at IS NULL LOOP DELETE FROM log WHERE id = r.id; END LOOP; END": False,
    "DECLARE r record; BEGIN FOR r IN SELECT id FROM log ORDER BY id LIMIT 10 LOOP DELETE FROM log WHERE id = r.id; END LOOP; END": False,
    "DECLARE r record; BEGIN FOR r IN SELECT id FROM kept LOOP DELETE FROM log WHERE id = r.id; END LOOP; END": False,
    "DECLARE i integer; BEGIN FOR i IN SELECT id FROM log LOOP DELETE FROM log WHERE id = i + 1; END LOOP; END": False,
    "DECLARE r record; BEGIN FOR r IN SELECT id, at FROM log LOOP DELETE FROM log WHERE id = r.id AND at < r.at; END LOOP; END": False,
    "DECLARE r record; BEGIN FOR r IN SELECT id FROM log LOOP INSERT INTO kept VALUES (r.id, ''); END LOOP; END": False,
}


@pytest.mark.parametrize("body", LOOPS)
def test_the_rounds_of_a_loop_are_one_statement_joined_with_its_query(body: str) -> None:
    for text in (f"DO $$ {body} $$", f"CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ {body} $$; SELECT f()"):
        problems = guards.check(migrations(BEFORE, text)[1:], migrations(BEFORE))
        assert bool(problems) == LOOPS[body], problems


NEVER = [
    "UPDATE SCHEMA_HISTORY SET name = 'x' WHERE version = '0001'",
    "DELETE FROM U&\"schem!0061_history\" UESCAPE '!' WHERE version = '0001'",
    "ALTER TABLE public.schema_history ADD c integer",
    "SELECT set_config('lock_timeout', '0', false)",
    "SELECT U&\"set\\005fconfig\"('lock_timeout', '0', note <> '') FROM kept",
    "UPDATE pg_settings SET setting = '0' WHERE name = 'lock_timeout'",
    "SET lock_timeout = 0",
    "SET SESSION AUTHORIZATION x",
    "RESET ALL",
    "LISTEN x",
    "DISCARD ALL",
]
RUN_BY = ("plain", "DO", "DO in DO", "exception", "PL/pgSQL", "SQL function", "trigger")


@pytest.mark.parametrize("text", NEVER)
def test_what_outlives_the_file_or_changes_the_history_is_refused_wherever_it_is(text: str) -> None:
    for spelling in RUN_BY:
        problems = guards.check(migrations(BEFORE, SPELLINGS[spelling](text))[1:], migrations(BEFORE))
        assert any("outlive" in one.problem or "touches schema_history" in one.problem for one in problems), spelling
        assert all("allow" not in one.next_step for one in problems if "outlive" in one.problem), spelling


def test_a_function_that_turns_triggers_off_is_seen_where_it_is_called() -> None:
    made = (
        "CREATE FUNCTION off() RETURNS integer LANGUAGE sql SET session_replication_role = replica AS $$ SELECT 1 $$;"
    )
    assert guards.check(migrations(BEFORE, made)[1:], migrations(BEFORE)) == []
    (problem,) = guards.check(migrations(BEFORE, made, "SELECT off();")[2:], migrations(BEFORE, made))
    assert problem.next_step == 'add "-- allow: disable-trigger all" if that is meant'


MOVED = [
    ("rename watched", "ALTER TABLE watched RENAME TO seen", "INSERT INTO seen VALUES (1)"),
    (
        "set-schema watched",
        "CREATE SCHEMA app; ALTER TABLE watched SET SCHEMA app",
        "INSERT INTO app.watched VALUES (1)",
    ),
    ("rename t", "ALTER TABLE t RENAME TO things", "DELETE FROM things WHERE id = 1"),
    ("rename t", "ALTER TABLE t RENAME TO things", "DELETE FROM things WHERE id IS NOT NULL"),
    ("rename child", "ALTER TABLE child RENAME TO kid", "UPDATE kid SET x = 1 WHERE x = 2"),
    ("rename child", "ALTER TABLE child RENAME TO kid", "DELETE FROM t WHERE id = 1"),
    ("rename costly", "ALTER TABLE costly RENAME TO cheap", "INSERT INTO cheap (id) VALUES (1)"),
    ("rename wiping", "ALTER VIEW wiping RENAME TO nice", "SELECT * FROM nice"),
    ("rename wipe", "ALTER FUNCTION wipe() RENAME TO nice", "SELECT nice()"),
    ("rename clean", "ALTER FUNCTION clean() RENAME TO cleaner", "INSERT INTO watched VALUES (1)"),
    ("rename kept.id", "ALTER TABLE kept RENAME id TO key", "DELETE FROM kept WHERE key IS NOT NULL"),
]


@pytest.mark.parametrize(("allowed", "move", "loss"), MOVED, ids=lambda text: text)
def test_under_another_name_it_is_what_it_was(allowed: str, move: str, loss: str) -> None:
    """Triggers, rules, foreign keys and columns go along, in the same file and for later ones."""
    move = f"-- allow: {allowed}\n{move};"
    assert guards.check(migrations(BEFORE, move)[1:], migrations(BEFORE)) == []
    assert guards.check(migrations(BEFORE, f"{move} {loss}")[1:], migrations(BEFORE))
    assert guards.check(migrations(BEFORE, move, loss)[2:], migrations(BEFORE, move))
