"""Ways to lose data, each in several spellings: none passes unseen. And harmless statements: none is refused."""

# ruff: noqa: E501  # SQL
from __future__ import annotations

import pytest

from convos_infra.schema import guards
from convos_infra.schema.effects import BASE
from tests.schema.migrating import migrations
from tests.schema.spellings import BEFORE, SPELLINGS

LOSSES = [
    "DROP TABLE {log}",
    "DROP TABLE IF EXISTS {log}",
    "DROP TABLE {t} CASCADE",
    "DROP SCHEMA public CASCADE",
    "DROP MATERIALIZED VIEW {mv}",
    "DROP SEQUENCE {s}",
    "DROP TYPE {pair}",
    "DROP OWNED BY CURRENT_USER",
    "DROP VIEW {v} CASCADE",
    "DROP EXTENSION hstore CASCADE",
    "TRUNCATE {log}",
    "TRUNCATE TABLE ONLY {log} RESTART IDENTITY CASCADE",
    "DELETE FROM {log}",
    "DELETE FROM {log} WHERE 1 < 2",
    "DELETE FROM {log} WHERE id = 1 OR true",
    "DELETE FROM {log} WHERE NOT false",
    "DELETE FROM {log} WHERE id IS NULL OR id IS NOT NULL",
    "DELETE FROM {log} WHERE id = id",
    "DELETE FROM {t} WHERE id IS NOT NULL",
    "DELETE FROM {log} WHERE EXISTS (SELECT 1)",
    "DELETE FROM {log} WHERE id IN (SELECT id FROM log)",
    "DELETE FROM {log} WHERE ctid IS NOT NULL",
    "DELETE FROM {log} WHERE now() > '2000-01-01'",
    "DELETE FROM {t} WHERE id = 1",
    "DELETE FROM {parent} WHERE id = 1",
    "DELETE FROM {shown} WHERE id = 1",
    "UPDATE {t} SET note = NULL",
    "UPDATE {t} SET note = NULL, n = 0 WHERE true",
    "UPDATE {parent} SET id = id WHERE id = 1",
    "UPDATE {child} SET x = 1 WHERE x = 2",
    "WITH gone AS (DELETE FROM {log} RETURNING id) SELECT id FROM gone",
    "INSERT INTO {watched} VALUES (1)",
    "INSERT INTO {watched} SELECT 1",
    "MERGE INTO {log} USING t ON log.id = t.id WHEN MATCHED THEN DELETE",
    "MERGE INTO {t} USING log ON log.id = t.id WHEN NOT MATCHED BY SOURCE THEN DELETE",
    "ALTER TABLE {t} DROP COLUMN price",
    "ALTER TABLE {t} DROP price, ADD c integer",
    "ALTER TABLE {t} ALTER price TYPE integer",
    "ALTER TABLE {t} ALTER name TYPE varchar(5)",
    "ALTER TABLE {t} ALTER n TYPE text USING ''",
    "ALTER TABLE {log} SET UNLOGGED",
    "ALTER TABLE {parts} DETACH PARTITION part",
    "ALTER TYPE {pair} DROP ATTRIBUTE b",
    "ALTER SEQUENCE {s} RESTART",
    "REFRESH MATERIALIZED VIEW {mv} WITH NO DATA",
    "SELECT {wipe}()",
    "SELECT {outer_wipe}()",
    "SELECT n FROM {wiping}",
    "CALL {sweep}()",
    "CREATE TABLE y AS SELECT * FROM {wipe}() AS w",
    "INSERT INTO {log} SELECT {wipe}()",
    "ALTER TABLE {log} ADD c integer DEFAULT {wipe}()",
    "SELECT lo_unlink(1)",
    "INSERT INTO costly (id) VALUES (1)",
    "INSERT INTO checked VALUES (1)",
    "REFRESH MATERIALIZED VIEW wiped",
    "COPY watched FROM '/tmp/x'",
    "SET LOCAL search_path = app, public; DELETE FROM t WHERE id = 1",
    "SELECT set_config('search_path', 'app', true); CREATE TABLE log (id integer); DROP TABLE public.log",
    "SET LOCAL search_path = app; CREATE TABLE log (id integer); DROP TABLE public.log",
    "SET LOCAL search_path TO DEFAULT; CREATE TABLE log (id integer); TRUNCATE public.log",
    "SELECT query_to_xml('DELETE FROM log', true, true, '')",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("loss", LOSSES)
def test_no_way_to_lose_data_passes_unseen(loss: str, spelling: str) -> None:
    text = SPELLINGS[spelling](loss)
    problems = guards.check(migrations(BEFORE, text)[1:], migrations(BEFORE))
    assert problems
    assert all("allow:" in problem.next_step for problem in problems), "seen for what it is, not for a syntax error"


HARMLESS = [
    "CREATE TABLE fresh (id bigserial PRIMARY KEY, t_id integer REFERENCES t); INSERT INTO fresh DEFAULT VALUES",
    "CREATE TABLE fresh (id integer); DELETE FROM fresh; DROP TABLE fresh",
    "CREATE TEMP TABLE log (id integer); TRUNCATE log; DROP TABLE log",
    "ALTER TABLE log ALTER id TYPE bigint",
    "ALTER TABLE t ALTER name TYPE varchar(40)",
    "ALTER TABLE t ALTER name TYPE varchar",
    "ALTER TABLE t ALTER n TYPE integer",
    "ALTER TABLE t ALTER n TYPE numeric",
    "ALTER TABLE t ALTER price TYPE numeric(8,2)",
    "ALTER TABLE t ADD c smallserial NOT NULL",
    "ALTER TABLE t ADD c integer GENERATED ALWAYS AS IDENTITY",
    "ALTER TABLE t ADD c uuid NOT NULL DEFAULT gen_random_uuid()",
    "ALTER TABLE t ADD c text; UPDATE t SET c = note",
    "ALTER TABLE t ADD CONSTRAINT k CHECK (n IS NOT NULL) NOT VALID",
    "CREATE INDEX i ON t (lower(name)) WHERE note IS NOT NULL",
    "CREATE UNIQUE INDEX i ON t (name) INCLUDE (note)",
    "CREATE OR REPLACE VIEW v AS SELECT id, note FROM t",
    "CREATE FUNCTION g(begin integer, finish integer) RETURNS integer LANGUAGE sql AS $$ SELECT 1 AS end $$",
    "CREATE FUNCTION g() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DELETE FROM t; END $$",
    "CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.at := now(); RETURN NEW; END $$; CREATE TRIGGER g BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION g(); INSERT INTO log VALUES (1)",
    "CREATE OR REPLACE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 2'",
    "DROP FUNCTION f; CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$",
    "DROP INDEX t_n",
    "DROP TRIGGER cleans ON watched",
    "INSERT INTO t (id, n) VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET n = excluded.n",
    "INSERT INTO log SELECT id, now() FROM t WHERE n > 1",
    "UPDATE t SET note = coalesce(note, '') WHERE note IS NULL",
    "UPDATE t SET note = l.at::text FROM log l WHERE l.id = t.id",
    "DELETE FROM log WHERE at < now() - interval '1 year'",
    "DELETE FROM log WHERE id IN (SELECT id FROM t WHERE n = 3)",
    "DELETE FROM log USING t WHERE log.id = t.id AND true",
    "MERGE INTO log USING t ON log.id = t.id WHEN MATCHED THEN UPDATE SET at = now() WHEN NOT MATCHED THEN INSERT VALUES (t.id)",
    "DO $$ DECLARE r record; BEGIN FOR r IN SELECT id FROM t LOOP RAISE NOTICE 'DELETE FROM t %', r.id; END LOOP; END $$",
    "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_class WHERE relname = 'x') THEN CREATE TABLE x (id integer); END IF; END $$",
    "SELECT 'DROP TABLE t; TRUNCATE t' /* DELETE FROM t */ -- DROP TABLE t",
    "COMMENT ON TABLE t IS $x$DELETE FROM t;$x$",
    "GRANT SELECT, DELETE, TRUNCATE ON t TO PUBLIC",
    "ALTER TYPE mood ADD VALUE 'good' AFTER 'ok'",
    "ALTER TABLE t ALTER note SET DEFAULT 'y', ALTER n DROP NOT NULL",
    "ALTER TABLE t ADD UNIQUE (name), ALTER note SET STATISTICS 100",
    "ALTER INDEX t_n RENAME TO t_by_n",
    "SET LOCAL search_path = app, public; SET LOCAL statement_timeout = '5s'; SET CONSTRAINTS ALL DEFERRED",
    "CREATE SCHEMA IF NOT EXISTS app; CREATE TABLE app.t (id integer); DROP TABLE app.t",
    "ALTER TABLE child ALTER CONSTRAINT child_t_id_fkey DEFERRABLE",
    "SELECT nextval('s'), count(*), max(id), string_agg(name, ',') FROM t, generate_series(1, 3)",
    "CREATE DOMAIN mail AS text CHECK (VALUE ~ '@'); ALTER DOMAIN positive ADD CHECK (VALUE > 0)",
    "REFRESH MATERIALIZED VIEW mv; ANALYZE t; REINDEX TABLE t",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_harmless_is_not_refused(text: str) -> None:
    assert guards.check(migrations(BASE, text)[1:], migrations(BASE)) == []
