"""What was applied without a word, or was in the way for ever: each found on a real PostgreSQL, by name."""

# ruff: noqa: E501  # SQL
from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from convos_infra.errors import InfraError
from convos_infra.schema import guards
from convos_infra.schema.address import parse_url
from convos_infra.schema.apply import apply, inspect
from convos_infra.schema.catalog import compare, fingerprint, read
from convos_infra.schema.drop import drop
from tests.schema.migrating import QUICK, job, migrations, up, versions
from tests.schema.postgres_server import Database, Server, new_database

pytestmark = pytest.mark.postgres
TABLE = "CREATE TABLE a (id integer, notes text);"
ON_A = "-- no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS a_id ON a (id);"


def test_a_parameter_called_begin_hides_nothing_behind_it(database: Database) -> None:
    up(database, TABLE)
    hidden = (
        "CREATE FUNCTION busy_between(begin timestamptz, finish timestamptz) RETURNS bigint LANGUAGE sql AS"
        " $$ SELECT count(*) FROM a $$;\nALTER TABLE a DROP COLUMN notes; TRUNCATE a;"
    )
    with pytest.raises(InfraError, match="0002_m2.sql:2: DROP COLUMN loses data"):
        up(database, TABLE, hidden)
    assert len(guards.check(migrations(TABLE, hidden)[1:], migrations(TABLE))) == 2
    with pytest.raises(InfraError, match="COMMIT would end the transaction"):
        up(database, TABLE, hidden.partition("\n")[0] + "\nCOMMIT; SELECT 1;")
    assert database.value("SELECT count(*) FROM pg_attribute WHERE attname = 'notes'") == 1


def test_a_cut_concurrent_build_is_gone_on_with_and_is_no_drift(database: Database) -> None:
    up(database, TABLE)
    database.run("INSERT INTO a VALUES (1), (1)")
    with pytest.raises(psycopg.errors.UniqueViolation):  # a killed migrator leaves the same
        database.run("CREATE UNIQUE INDEX CONCURRENTLY a_id ON a (id)")
    database.run("DELETE FROM a")
    assert inspect(parse_url(database.url), wait_seconds=5).drift, "it is seen"
    state = up(database, TABLE, ON_A)
    assert versions(state) == ["0001", "0002"]
    assert state.drift == ()
    assert database.value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_id'::regclass")


def test_what_a_cut_reindex_left_is_removed_and_is_no_drift(database: Database) -> None:
    indexed = TABLE + "CREATE INDEX a_id ON a (id);"
    up(database, indexed)
    # As REINDEX CONCURRENTLY leaves it when it is killed: a copy that is not valid.
    database.run("CREATE INDEX a_id_ccnew ON a (id)")
    database.run("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'a_id_ccnew'::regclass")
    state = up(database, indexed, "-- no-transaction\nREINDEX (CONCURRENTLY) INDEX a_id;")
    assert state.drift == ()
    assert database.value("SELECT to_regclass('a_id_ccnew')") is None


def test_a_build_that_was_done_but_not_recorded_is_recorded_by_the_next_run(database: Database) -> None:
    up(database, TABLE)
    checksum = migrations(TABLE, ON_A)[1].checksum
    database.run(f'UPDATE schema_history SET catalog = catalog || \'{{"begun": "{checksum}"}}\'')
    database.run("CREATE UNIQUE INDEX CONCURRENTLY a_id ON a (id)")
    assert versions(up(database, TABLE, ON_A)) == ["0001", "0002"]


def test_an_index_that_somebody_else_made_is_drift_all_the_same(database: Database) -> None:
    up(database, TABLE)
    database.run("CREATE UNIQUE INDEX a_id ON a (notes)")
    with pytest.raises(InfraError, match="was changed by others since 0001_m1.sql: added: index a_id"):
        up(database, TABLE, ON_A)


def test_an_invalid_index_outside_public_is_never_recorded_as_applied(database: Database) -> None:
    files: tuple[str, ...] = ("CREATE SCHEMA app; CREATE TABLE app.t (id integer); INSERT INTO app.t VALUES (1), (1);",)
    files += ("-- no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS t_id ON app.t (id);",)
    with pytest.raises(InfraError, match="23505"):
        up(database, *files)
    assert database.value("SELECT count(*) FROM schema_history") == 1
    database.run("DELETE FROM app.t")
    assert versions(up(database, *files)) == ["0001", "0002"]
    assert database.value("SELECT bool_and(indisvalid) FROM pg_index WHERE indrelid = 'app.t'::regclass")


SETTINGS = {
    "datestyle": "SQL, MDY",
    "DateStyle": "German",
    "intervalstyle": "iso_8601",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "client_encoding": "latin1",
    "quote_all_identifiers": "on",
    "search_path": "pg_catalog",
    "TimeZone": "Asia/Kathmandu",
    "lc_messages": "C",
    "xmlbinary": "hex",
    "statement_timeout": "9s",
    "row_security": "off",
    "backslash_quote": "on",
}
VALUES = """
CREATE TABLE "Größe" (at timestamptz DEFAULT '2025-02-01 10:00+00', every interval DEFAULT '1 day 2 hours',
    raw bytea DEFAULT '\\xdeadbeef', f double precision DEFAULT 0.1, day date DEFAULT '2025-02-01' CHECK (day > '2024-03-04'));
CREATE VIEW late AS SELECT at FROM "Größe" WHERE at > '2025-01-02 03:04+00' AND f < 0.3;
CREATE INDEX ON "Größe" (day) WHERE day > '2025-01-02';
"""


def test_no_setting_of_a_database_stops_a_run_or_changes_the_fingerprint(database: Database) -> None:
    first = fingerprint(up(database, VALUES).catalog)
    name = database.name
    for setting, value in SETTINGS.items():
        database.run(f"ALTER DATABASE {name} SET {setting} = '{value}'")
        state = inspect(parse_url(database.url), wait_seconds=5)
        assert (fingerprint(state.catalog), state.drift) == (first, ()), setting
        assert state.applied[0].applied_at.utcoffset() is not None
        database.run(f"ALTER DATABASE {name} RESET {setting}")
    for setting, value in SETTINGS.items():
        database.run(f"ALTER DATABASE {name} SET {setting} = '{value}'")
    assert fingerprint(up(database, VALUES, "SELECT 1;").catalog) == first


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1", "UTF8"])
def test_a_database_of_any_encoding_is_migrated_with_the_same_fingerprint(database: Database, encoding: str) -> None:
    name = f"{database.name}_{encoding.lower()}"
    database.run(f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    try:
        other = Database(database.server, name)
        assert fingerprint(up(other, VALUES, "SELECT 1;").catalog) == fingerprint(up(database, VALUES).catalog)
        assert inspect(parse_url(other.url), wait_seconds=5).drift == ()
    finally:
        database.run(f"DROP DATABASE {name} WITH (FORCE)")


def test_the_history_is_written_as_who_connected_whatever_role_a_file_took(database: Database) -> None:
    role = f"app_{database.name}"
    database.run(f"CREATE ROLE {role}; GRANT ALL ON SCHEMA public TO {role}")
    try:
        state = up(database, f"SET LOCAL ROLE {role}; CREATE TABLE mine (id integer);")
        assert state.applied[0].applied_by == "owner"
        assert database.value("SELECT tableowner FROM pg_tables WHERE tablename = 'mine'") == role
    finally:
        database.run(f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("COPY a TO STDOUT;", "COPY TO STDOUT has no reader here; remove it"),
        (
            "SET LOCAL statement_timeout = '10min';",
            'longer than the runner waits; write "-- statement-timeout: 10min" above',
        ),
        ("SET LOCAL statement_timeout = 0;", 'longer than the runner waits; write "-- statement-timeout: 10min" above'),
        ("SELECT set_config('search_path', 'x', false);", "would outlive the migration; write SET LOCAL"),
        ("SELECT pg_advisory_unlock_all();", "would end the lock that keeps other migrators out; remove it"),
        ("DO $$ BEGIN COMMIT; END $$;", "would end the transaction that makes a migration whole; remove it"),
    ],
)
def test_what_would_end_in_a_lost_connection_is_refused_before(database: Database, text: str, says: str) -> None:
    with pytest.raises(InfraError) as found:
        up(database, TABLE + text)
    assert str(found.value).endswith(says)
    assert "connection was lost" not in str(found.value)


def test_a_preview_says_what_an_update_would_say_of_a_database_that_is_read_only(database: Database) -> None:
    assert inspect(parse_url(database.url), wait_seconds=5, for_update=True).obstacle is None
    database.run(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
    obstacle = inspect(parse_url(database.url), wait_seconds=5, for_update=True).obstacle
    assert obstacle is not None
    with pytest.raises(InfraError, match="give the address of the primary, or turn default_transaction_read_only off"):
        up(database, TABLE)
    assert "give the address of the primary, or turn default_transaction_read_only off" in str(obstacle)


def test_a_preview_says_that_a_role_may_not_make_tables(database: Database) -> None:
    role = f"reader_{database.name}"
    database.run(f"CREATE ROLE {role} LOGIN PASSWORD 'x'; REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    try:
        url = database.server.url(database.name, user=role, password="x")
        obstacle = inspect(parse_url(url), wait_seconds=5, for_update=True).obstacle
        assert "connect as the role that owns the tables" in str(obstacle)
    finally:
        database.run(f"DROP ROLE {role}")


def test_destroying_leaves_nothing_that_stops_the_next_first_update(database: Database) -> None:
    text = (
        "CREATE TYPE mood AS ENUM ('a'); CREATE DOMAIN short AS text; CREATE SEQUENCE q;"
        "CREATE FUNCTION now_is() RETURNS mood LANGUAGE sql AS $$ SELECT 'a'::mood $$;"
        "CREATE TABLE t (m mood DEFAULT now_is(), s short, id integer UNIQUE); CREATE TABLE u (id integer REFERENCES t (id));"
        "CREATE VIEW v AS SELECT m FROM t; CREATE MATERIALIZED VIEW mv AS SELECT m FROM v; CREATE VIEW w AS SELECT * FROM mv;"
        "CREATE FUNCTION f(one mood) RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;"
    ).replace("CREATE FUNCTION f(one mood) RETURNS trigger", "CREATE FUNCTION f() RETURNS trigger") + (
        "CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();"
        'CREATE TABLE "od.d" (id serial); CREATE FUNCTION body() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM t; END;'
    )
    up(database, text)
    drop(parse_url(database.url), QUICK, lambda _: None)
    assert database.tables() == []
    with database.connect() as connection:
        left = {name for name in read(connection) if not name.startswith(("owner", "rights", "comment"))}
    assert left == set()
    assert versions(apply(parse_url(database.url), job(text))) == ["0001"]


def test_only_the_newest_catalog_is_kept(database: Database) -> None:
    up(database, TABLE)
    up(database, TABLE, "SELECT 1;")
    assert database.rows("SELECT version FROM schema_history WHERE catalog IS NOT NULL") == [("0002",)]


BASE = """
CREATE SCHEMA app; CREATE TABLE app.t (id integer PRIMARY KEY, n integer);
CREATE TABLE a (id serial PRIMARY KEY, name text, at date); CREATE VIEW v AS SELECT id FROM a; CREATE SEQUENCE q;
CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'; CREATE INDEX a_name ON a (name);
CREATE TYPE mood AS ENUM ('x'); CREATE STATISTICS st ON id, name FROM a; CREATE UNIQUE INDEX a_at ON a (at);
ALTER TABLE a ALTER at SET NOT NULL;
"""
CHANGES = [
    ("CREATE RULE r AS ON DELETE TO a DO INSTEAD NOTHING", "added: rule a.r"),
    ("ALTER TABLE a FORCE ROW LEVEL SECURITY", "altered: table a"),
    ("ALTER TABLE a OWNER TO pg_monitor", "altered: owner of table a"),
    ("GRANT SELECT ON a TO PUBLIC", "added: rights on table a"),
    ("GRANT UPDATE (name) ON a TO PUBLIC", "added: rights on column a.name"),
    ("REVOKE EXECUTE ON FUNCTION f FROM PUBLIC", "added: rights on function f()"),
    ("ALTER FUNCTION f OWNER TO pg_monitor", "altered: owner of function f()"),
    ("ALTER VIEW v SET (security_barrier)", "altered: view v"),
    ("ALTER SEQUENCE q OWNED BY a.id", "altered: sequence q"),
    ("ALTER SEQUENCE a_id_seq CACHE 5", "altered: sequence a_id_seq"),
    ("ALTER SEQUENCE q CYCLE", "altered: sequence q"),
    ("CREATE PUBLICATION p FOR TABLE a", "added: publication p"),
    ("CREATE STATISTICS s2 ON id, at FROM a", "added: statistics s2"),
    ("ALTER STATISTICS st SET STATISTICS 200", "altered: statistics st"),
    ("ALTER TABLE a REPLICA IDENTITY FULL", "altered: table a"),
    ("ALTER TABLE a REPLICA IDENTITY USING INDEX a_at", "altered: index a_at"),
    ("ALTER TABLE a CLUSTER ON a_name", "altered: index a_name"),
    ('CREATE COLLATION c FROM "C"', "added: collation c"),
    ("CREATE OPERATOR === (FUNCTION = int4eq, LEFTARG = integer, RIGHTARG = integer)", "added: operator public.===(integer,integer)"),
    ("CREATE TEXT SEARCH CONFIGURATION ts (COPY = simple)", "added: text search configuration ts"),
    ("CREATE TEXT SEARCH DICTIONARY d (TEMPLATE = simple)", "added: text search dictionary d"),
    ("CREATE FOREIGN DATA WRAPPER w", "added: foreign-data wrapper w"),
    ("CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w", "added: server s"),
    ("ALTER TABLE app.t ADD c text", "added: column app.t.c"),
    ("CREATE TABLE app.u (id integer)", "added: table app.u"),
    ("CREATE INDEX i ON app.t (n)", "added: index app.i"),
    ("ALTER TABLE app.t DROP CONSTRAINT t_pkey", "removed: constraint app.t.t_pkey"),
    ("GRANT USAGE ON SCHEMA app TO PUBLIC", "added: rights on schema app"),
    ("COMMENT ON TABLE a IS 'x'", "added: comment on table public.a"),
    ("COMMENT ON COLUMN app.t.n IS 'x'", "added: comment on table column app.t.n"),
    ("ALTER TABLE a ALTER name SET STORAGE EXTERNAL", "altered: column a.name"),
    ("ALTER TABLE a ALTER name SET STATISTICS 7", "altered: column a.name"),
    ("ALTER TABLE a ALTER name SET COMPRESSION pglz", "altered: column a.name"),
    ("ALTER TABLE a ALTER name SET (n_distinct = 5)", "altered: column a.name"),
    ("CREATE TABLE child () INHERITS (a)", "added: table child"),
    ("CREATE CAST (integer AS mood) WITH INOUT", "added: cast integer AS public.mood"),
    ("CREATE AGGREGATE total(integer) (SFUNC = int4pl, STYPE = integer)", "added: aggregate total(integer)"),
    ("CREATE TYPE r AS RANGE (SUBTYPE = integer)", "added: range r"),
    ("CREATE TYPE pair AS (a integer)", "added: type pair"),
    ("CREATE PROCEDURE p() LANGUAGE sql AS ''", "added: procedure p()"),
    ("CREATE FUNCTION e() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER et ON ddl_command_end EXECUTE FUNCTION e()", "added: event trigger et"),
    ("ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO PUBLIC", "added: default rights of owner app r"),
    ("ALTER TYPE mood OWNER TO pg_monitor", "altered: owner of enum mood"),
    ("ALTER TABLE a ALTER name TYPE varchar(5)", "altered: column a.name"),
    ("CREATE OPERATOR FAMILY fam USING btree", "added: operator family fam USING btree"),
    ("CREATE CONVERSION cv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8", "added: conversion cv"),
    ("CREATE ACCESS METHOD am TYPE TABLE HANDLER heap_tableam_handler", "added: access method am"),
]  # fmt: skip


@pytest.fixture(scope="module")
def based(server: Server) -> Iterator[Database]:
    with new_database(server) as found:
        up(found, BASE)
        yield found


@pytest.mark.parametrize(("change", "told"), CHANGES, ids=[change for change, _ in CHANGES])
def test_each_kind_of_change_is_seen_and_named(based: Database, change: str, told: str) -> None:
    with psycopg.connect(based.url) as connection:
        before = read(connection, frozenset({"public", "app"}))
        connection.execute(change.encode())
        found = compare(before, read(connection, frozenset({"public", "app"})))
        connection.rollback()
    assert any(line.startswith(told) for line in found), found
    assert all(line.partition(": ")[2] for line in found)
