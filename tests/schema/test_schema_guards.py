"""Destructive statements are refused unless the file says that they are meant; what cannot be run, always."""

from __future__ import annotations

import pytest

from convos_infra.schema import guards
from tests.schema.migrating import migrations

DESTRUCTIVE = [
    ("DROP TABLE a;", ["drop-table a"]),
    ("DROP TABLE IF EXISTS a, public.b, other.c;", ["drop-table a", "drop-table b", "drop-table other.c"]),
    ("drop table a cascade;", ["drop-table a", "cascade a"]),
    ("DROP SCHEMA other CASCADE;", ["drop-schema other", "cascade other"]),
    ("DROP VIEW v CASCADE;", ["drop-view v", "cascade v"]),
    ("DROP VIEW v;", ["drop-view v"]),
    ("DROP VIEW v; CREATE VIEW v AS SELECT 1 AS one;", []),
    ("DROP INDEX i;", []),
    ("TRUNCATE a, b;", ["truncate a", "truncate b"]),
    ("TRUNCATE TABLE ONLY a RESTART IDENTITY;", ["truncate a"]),
    ("DELETE FROM a;", ["delete-all a"]),
    ("DELETE FROM a WHERE id = 1;", []),
    ("WITH gone AS (DELETE FROM a RETURNING id) SELECT 1;", ["delete-all a"]),
    ("ALTER TABLE a DROP COLUMN b;", ["drop-column a.b"]),
    ("ALTER TABLE ONLY public.a DROP b, DROP COLUMN IF EXISTS c;", ["drop-column a.b", "drop-column a.c"]),
    ("ALTER TABLE other.a DROP b;", ["drop-column other.a.b"]),
    ('ALTER TABLE a DROP COLUMN "B c";', ["drop-column a.B c"]),
    ("ALTER TABLE a DROP CONSTRAINT b;", []),
    ("ALTER TABLE a ALTER COLUMN b DROP NOT NULL, ALTER c DROP DEFAULT;", []),
    ("ALTER TABLE a ALTER COLUMN b TYPE integer;", ["change-type a.b"]),
    ("ALTER TABLE a ALTER b SET DATA TYPE varchar(3);", ["change-type a.b"]),
    ("ALTER TABLE a ALTER b TYPE text;", []),
    ("ALTER TABLE a ALTER b TYPE text USING left(b, 3);", ["change-type a.b"]),
    ("ALTER TABLE a ALTER b SET NOT NULL;", ["set-not-null a.b"]),
    ("ALTER TABLE a ADD b integer NOT NULL;", ["set-not-null a.b"]),
    ("ALTER TABLE a ADD COLUMN IF NOT EXISTS b integer NOT NULL;", ["set-not-null a.b"]),
    ("ALTER TABLE a ADD COLUMN IF NOT EXISTS b integer;", []),
    ("ALTER TABLE a ADD b integer NOT NULL DEFAULT 0;", []),
    ("ALTER TABLE a ADD CONSTRAINT k CHECK (b IS NOT NULL) NOT VALID;", []),
    ("CREATE TABLE a (b integer); ALTER TABLE a ALTER b SET NOT NULL; DROP TABLE a;", []),
    ("CREATE TABLE IF NOT EXISTS a (b integer); DROP TABLE a;", ["drop-table a"]),
    (
        "DO $x$ BEGIN IF true THEN DROP TABLE a; ELSE ALTER TABLE c DROP d; END IF; END $x$;",
        ["drop-table a", "drop-column c.d"],
    ),
    ("DO $$ BEGIN EXECUTE 'DROP TABLE a'; END $$;", ["dynamic-sql execute"]),
    ("SELECT 'DROP TABLE a' /* DROP TABLE a */; -- DROP TABLE a", []),
    ("CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'DELETE FROM a';", []),
    # Ways around, and what only looks like one.
    ("DROP TABLE a; CREATE TABLE a (b integer);", ["drop-table a"]),
    (
        "CREATE TABLE b (c integer); DROP TABLE b; ALTER TABLE a RENAME TO b; DROP TABLE b;",
        ["rename a", "drop-table b"],
    ),
    ("DO $$ BEGIN IF false THEN CREATE TABLE a (b integer); END IF; END $$; DROP TABLE a;", ["drop-table a"]),
    ("CREATE TEMP TABLE a (b integer); DROP TABLE a;", []),
    ("WITH gone AS (DELETE FROM a RETURNING id) SELECT * FROM gone WHERE id > 1;", ["delete-all a"]),
    ("DELETE FROM a USING (SELECT 1 WHERE true) b;", ["delete-all a"]),
    ("DELETE FROM a WHERE true;", ["delete-all a"]),
    ("DELETE FROM a WHERE (1 = 1) RETURNING id;", ["delete-all a"]),
    ("DELETE FROM a WHERE 'x' = 'x';", ["delete-all a"]),
    ("DELETE FROM a WHERE true AND b = 1;", []),
    ("DELETE FROM a WHERE 1 = b;", []),
    ('DELETE FROM a RETURNING "where";', ["delete-all a"]),
    ("DELETE /* WHERE */ FROM a -- WHERE id = 1\n;", ["delete-all a"]),
    ("EXPLAIN ANALYZE DELETE FROM a;", ["delete-all a"]),
    ("MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN DELETE;", ["merge-delete a"]),
    ("MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN UPDATE SET c = b.c;", []),
    ("ALTER TABLE a * DROP b;", ["drop-column a.b"]),
    ("ALTER TABLE IF EXISTS a ADD c text, DROP b;", ["drop-column a.b"]),
    ('ALTER TABLE a DROP "constraint";', ["drop-column a.constraint"]),
    ("ALTER TABLE a DROP/**/COLUMN/**/b;", ["drop-column a.b"]),
    ("ALTER TABLE a ALTER b TYPE numeric(5,2), ALTER c TYPE varchar(3);", ["change-type a.b", "change-type a.c"]),
    ("ALTER TYPE pair DROP ATTRIBUTE IF EXISTS b;", ["drop-attribute pair.b"]),
    ("ALTER TYPE pair ALTER ATTRIBUTE b TYPE smallint;", ["alter-attribute pair.b"]),
    ("ALTER TYPE mood RENAME VALUE 'a' TO 'b';", ["rename mood.a"]),
    (
        "ALTER TABLE a ADD CONSTRAINT k CHECK (b IS NOT NULL OR c); ALTER TABLE a ALTER b SET NOT NULL;",
        ["set-not-null a.b"],
    ),
    (
        (
            "ALTER TABLE a ADD CONSTRAINT k CHECK (b IS NOT NULL); ALTER TABLE a DROP CONSTRAINT k;"
            " ALTER TABLE a ALTER b SET NOT NULL;"
        ),
        ["set-not-null a.b"],
    ),
    ("ALTER TABLE a ALTER b SET NOT NULL; ALTER TABLE a ADD CONSTRAINT k CHECK (b IS NOT NULL);", ["set-not-null a.b"]),
    ("DO 'BEGIN DROP TABLE a; END';", ["drop-table a"]),
    ("DO LANGUAGE plpgsql E'BEGIN TRUNCATE a; END';", ["truncate a"]),
    ("DO $a$ BEGIN DO $b$ BEGIN DROP TABLE a; END $b$; END $a$;", ["drop-table a"]),
    (
        "DO $$ DECLARE r record; BEGIN FOR r IN EXECUTE 'DROP TABLE a' LOOP NULL; END LOOP; END $$;",
        ["dynamic-sql execute"],
    ),
    ("DO $$ BEGIN PERFORM 1; EXCEPTION WHEN others THEN DROP TABLE a; END $$;", ["drop-table a"]),
    ("DO $$ BEGIN RAISE NOTICE 'DROP TABLE a'; -- DROP TABLE a\nEND $$;", []),
    ("DO $$ BEGIN CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION f(); END $$;", []),
    ("DO $$ BEGIN GRANT EXECUTE ON FUNCTION f() TO b; END $$;", []),
    ("CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'DELETE FROM a'; SELECT f();", ["delete-all a"]),
    (
        "CREATE PROCEDURE f() LANGUAGE plpgsql AS $$ BEGIN DROP TABLE a; CALL f(); END $$; CALL public.f();",
        ["drop-table a"],
    ),
    ("CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'DELETE FROM a'; COMMENT ON FUNCTION f() IS 'x';", []),
    ("INSERT INTO a VALUES ('TRUNCATE a; DELETE FROM a');", []),
    ("COPY a FROM PROGRAM 'x y';", ["run-program x"]),
    ("COMMENT ON TABLE a IS $$DROP TABLE a$$;", []),
]


@pytest.mark.parametrize(("text", "rules"), DESTRUCTIVE, ids=[text for text, _ in DESTRUCTIVE])
def test_what_loses_data_needs_an_allowance_for_each_thing(text: str, rules: list[str]) -> None:
    problems = guards.check(migrations("-- Line one.\n" + text))
    assert [problem.next_step for problem in problems] == [f'add "-- allow: {rule}" if that is meant' for rule in rules]
    assert all(problem.subject == "0001_m1.sql:2" for problem in problems)
    allowed = "".join(f"-- allow: {rule}\n" for rule in rules) + text
    assert guards.check(migrations(allowed)) == []


def test_a_function_of_an_earlier_file_is_looked_into_where_it_is_called() -> None:
    made = "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ TRUNCATE a $$;"
    (problem,) = guards.check(migrations(made, "SELECT 1;\nSELECT f();"))
    assert str(problem) == '0002_m2.sql:2: TRUNCATE loses data; add "-- allow: truncate a" if that is meant'


def test_the_line_says_what_to_add() -> None:
    (problem,) = guards.check(migrations("-- Notes go.\n\n\nALTER TABLE agent_metadata DROP COLUMN notes;"))
    assert str(problem) == (
        '0001_m1.sql:4: DROP COLUMN loses data; add "-- allow: drop-column agent_metadata.notes" if that is meant'
    )


def test_an_allowance_of_what_the_file_does_not_do_is_refused() -> None:
    (problem,) = guards.check(migrations("-- allow: drop-table b\nSELECT 1;"))
    assert str(problem) == '0001_m1.sql: "-- allow: drop-table b" allows what the file does not do; remove it'


SAFE_STEPS = (
    "ALTER TABLE a ADD CONSTRAINT b_set CHECK (b IS NOT NULL) NOT VALID;",
    "ALTER TABLE a VALIDATE CONSTRAINT b_set;",
    "ALTER TABLE a ALTER COLUMN b SET NOT NULL;\nALTER TABLE a DROP CONSTRAINT b_set;",
)


def test_not_null_in_the_safe_steps_needs_no_allowance() -> None:
    three = migrations(*SAFE_STEPS)
    assert guards.check(three) == []
    assert guards.check(three[2:], three[:2]) == []
    without_validation = migrations(SAFE_STEPS[0], SAFE_STEPS[2])
    assert [problem.subject for problem in guards.check(without_validation)] == ["0002_m2.sql:1"]


UNFIT = [
    ("BEGIN; SELECT 1;", "BEGIN would end the transaction that makes a migration whole; remove it"),
    ("SELECT 1; COMMIT;", "COMMIT would end the transaction that makes a migration whole; remove it"),
    ("ROLLBACK;", "ROLLBACK would end the transaction that makes a migration whole; remove it"),
    ("SAVEPOINT a;", "SAVEPOINT would end the transaction that makes a migration whole; remove it"),
    ("SET search_path = other;", "SET would outlive the migration; write SET LOCAL"),
    ("SET SESSION ROLE x;", "SET would outlive the migration; write SET LOCAL"),
    ("DISCARD ALL;", "DISCARD would outlive the migration; remove it"),
    ("RESET ALL;", "RESET would outlive the migration; remove it"),
    ("COPY a FROM STDIN;", "COPY FROM STDIN has no data here; write INSERT"),
    ("\\d a", "is a command of psql, not SQL; write SQL alone"),
    (
        "UPDATE public.schema_history SET name = '';",
        "touches schema_history, the history of migrations; leave it to the runner",
    ),
    (
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON a (b);",
        'CREATE INDEX CONCURRENTLY cannot run in a transaction; put it in a file of its own with "-- no-transaction"',
    ),
    ("VACUUM a;", 'VACUUM cannot run in a transaction; put it in a file of its own with "-- no-transaction"'),
    (
        "-- no-transaction\nCREATE INDEX CONCURRENTLY i ON a (b);",
        "is not repeatable after an interruption; write IF NOT EXISTS",
    ),
    (
        "-- no-transaction\nCREATE TABLE a (b integer);",
        "needs no -- no-transaction, or is not repeatable; remove the directive",
    ),
    (
        "-- no-transaction\nVACUUM a; VACUUM b;",
        (
            "a file with -- no-transaction must contain one statement, so that an interrupted run can continue; give it"
            " a file of its own"
        ),
    ),
]


@pytest.mark.parametrize(("text", "message"), UNFIT, ids=[text for text, _ in UNFIT])
def test_what_does_not_fit_a_migration_is_refused(text: str, message: str) -> None:
    (problem,) = guards.check(migrations(text))
    assert str(problem).partition(": ")[2] == message


@pytest.mark.parametrize(
    "text",
    [
        "SET LOCAL search_path = other;",
        "SET CONSTRAINTS ALL DEFERRED;",
        "-- no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON a (b);",
        "-- no-transaction\nDROP INDEX CONCURRENTLY IF EXISTS i;",
        "-- no-transaction\nALTER TYPE mood ADD VALUE IF NOT EXISTS 'x';",
    ],
)
def test_what_fits_is_let_through(text: str) -> None:
    assert guards.check(migrations(text)) == []


def test_what_was_applied_is_not_judged_again() -> None:
    """A later release may have stricter rules; an applied file cannot be changed any more."""
    two = migrations("DROP TABLE a;", "SELECT 1;")
    assert guards.check(two[1:], two[:1]) == []
