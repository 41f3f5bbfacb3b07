"""The catalog: every kind of object that somebody adds, removes or alters is told by name."""

from __future__ import annotations

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convos_infra.errors import InfraError
from convos_infra.schema.address import parse_url
from convos_infra.schema.apply import inspect
from convos_infra.schema.catalog import compare, fingerprint, shown
from tests.schema.migrating import up, versions
from tests.schema.postgres_server import Database, Server, new_database

pytestmark = pytest.mark.postgres
BASE = """
CREATE TYPE mood AS ENUM ('calm', 'busy');
CREATE DOMAIN short AS text CHECK (length(VALUE) < 9);
CREATE TABLE a (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text DEFAULT 'x', m mood, s short);
CREATE INDEX a_name ON a (name);
CREATE VIEW v AS SELECT id FROM a;
CREATE MATERIALIZED VIEW mv AS SELECT name FROM a;
CREATE SEQUENCE q;
CREATE FUNCTION f(n integer) RETURNS integer LANGUAGE sql AS 'SELECT n';
CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER tr BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION t();
ALTER TABLE a ADD CONSTRAINT c CHECK (name <> '');
"""
CHANGES = [
    ("CREATE TABLE z (id integer)", ["added: column z.id integer", "added: table z"]),
    ("DROP SEQUENCE q", ["removed: sequence q"]),
    ("ALTER TABLE a ADD n numeric(5,2)", ["added: column a.n numeric(5,2)"]),
    ("ALTER TABLE a DROP m", ["removed: column a.m"]),
    ("ALTER TABLE a ALTER m TYPE text", ["altered: column a.m: public.mood -> text"]),
    (
        "ALTER TABLE a ALTER name SET DEFAULT 'y'",
        ["altered: column a.name: text DEFAULT 'x'::text -> text DEFAULT 'y'::text"],
    ),
    (
        "ALTER TABLE a ALTER name SET NOT NULL",
        ["altered: column a.name: text DEFAULT 'x'::text -> text NOT NULL DEFAULT 'x'::text"],
    ),
    ("ALTER TABLE a DROP CONSTRAINT c", ["removed: constraint a.c"]),
    ("ALTER TABLE a ADD UNIQUE (name)", ["added: constraint a.a_name_key UNIQUE (name)"]),
    ("CREATE INDEX more ON a (s)", ["added: index more CREATE INDEX more ON public.a USING btree (s)"]),
    ("DROP INDEX a_name", ["removed: index a_name"]),
    (
        "ALTER INDEX a_name RENAME TO b_name",
        ["added: index b_name CREATE INDEX b_name ON public.a USING btree (name)", "removed: index a_name"],
    ),
    (
        "CREATE OR REPLACE VIEW v AS SELECT id, name FROM a",
        ["altered: view v: SELECT "],
    ),
    ("DROP MATERIALIZED VIEW mv", ["removed: materialized view mv"]),
    ("ALTER TYPE mood ADD VALUE 'gone'", ["altered: enum mood: 'calm', 'busy' -> 'calm', 'busy', 'gone'"]),
    (
        "ALTER DOMAIN short SET NOT NULL",
        ["altered: domain short: text CHECK ((length(VALUE) < 9)) -> text NOT NULL CHECK ((length(VALUE) < 9))"],
    ),
    ("ALTER TABLE a DISABLE TRIGGER tr", ["altered: trigger a.tr"]),
    ("ALTER TABLE a ENABLE ROW LEVEL SECURITY", ["altered: table a:  -> row security"]),
    ("CREATE POLICY p ON a USING (true)", ["added: policy a.p"]),
    (
        "CREATE OR REPLACE FUNCTION f(n integer) RETURNS integer LANGUAGE sql AS 'SELECT n + 1'",
        ["altered: function f(n integer)"],
    ),
    ("CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1'", ["added: procedure p()"]),
    ("ALTER TABLE a SET (fillfactor = 70)", ["altered: table a:  -> fillfactor=70"]),
]


@pytest.fixture(scope="module")
def migrated(server: Server) -> object:
    with new_database(server) as found:
        up(found, BASE)
        yield found


@pytest.mark.parametrize(("change", "told"), CHANGES, ids=[change for change, _ in CHANGES])
def test_what_somebody_changed_is_told_by_name(migrated: Database, change: str, told: list[str]) -> None:
    before = inspect(parse_url(migrated.url), wait_seconds=5).catalog
    with psycopg.connect(migrated.url) as connection:
        connection.execute(change.encode())
        connection.commit() if change.startswith("ALTER TYPE") else None
        from convos_infra.schema import catalog

        found = compare(before, catalog.read(connection))
        connection.rollback()
    assert len(found) == len(told), found
    for line, beginning in zip(sorted(found), sorted(told), strict=True):
        assert line.startswith(beginning), found


def test_rows_and_statistics_are_no_drift(database: Database) -> None:
    up(database, BASE)
    database.run("INSERT INTO a (name) VALUES ('n'); ANALYZE; REFRESH MATERIALIZED VIEW mv; SELECT nextval('q')")
    assert inspect(parse_url(database.url), wait_seconds=5).drift == ()


def test_what_an_extension_brings_is_told_as_the_extension(database: Database) -> None:
    available = "SELECT name FROM pg_available_extensions WHERE name IN ('pg_trgm', 'vector') ORDER BY name"
    name = database.value(available)  # PostgreSQL's additional modules have the one, the embedded server has the other
    up(database, BASE)
    database.run(f"CREATE EXTENSION {name}")
    drift = inspect(parse_url(database.url), wait_seconds=5).drift
    assert [line.rpartition(" ")[0] for line in drift] == [f"added: extension {name}"]


def test_a_run_does_not_build_on_what_others_changed(database: Database) -> None:
    up(database, BASE)
    database.run("ALTER TABLE a ADD COLUMN notes text")
    with pytest.raises(InfraError) as found:
        up(database, BASE, "CREATE TABLE later (id integer);")
    assert str(found.value) == (
        "schema: was changed by others since 0001_m1.sql: added: column a.notes text; undo it, write it as a"
        ' migration, or set schemaDrift to "accept"'
    )
    assert "later" not in database.tables()


def test_drift_that_was_undone_or_accepted_is_forgotten(database: Database) -> None:
    up(database, BASE)
    database.run("ALTER TABLE a ADD COLUMN notes text")
    assert inspect(parse_url(database.url), wait_seconds=5).drift == ("added: column a.notes text",)
    assert up(database, BASE, accept_drift=True).drift == ()
    assert inspect(parse_url(database.url), wait_seconds=5).drift == ()
    database.run("ALTER TABLE a DROP COLUMN notes")
    assert inspect(parse_url(database.url), wait_seconds=5).drift == ("removed: column a.notes",)
    database.run("ALTER TABLE a ADD COLUMN notes text")
    assert versions(up(database, BASE, "SELECT 1;")) == ["0001", "0002"]


STEPS = [
    "CREATE TABLE t{n} (id integer PRIMARY KEY, x text);",
    "ALTER TABLE t{o} ADD COLUMN c{n} text DEFAULT 'd{n}';",
    "CREATE INDEX i{n} ON t{o} (x);",
    "CREATE VIEW v{n} AS SELECT id FROM t{o};",
    "ALTER TABLE t{o} ADD CONSTRAINT k{n} CHECK (x <> 'k{n}');",
    "CREATE FUNCTION f{n}() RETURNS integer LANGUAGE sql AS 'SELECT {n}';",
    "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS i{n} ON t{o} (x);",
    "CREATE TYPE e{n} AS ENUM ('a', 'b');",
    "SET LOCAL search_path = pg_catalog;\nSELECT 1;",
    "SELECT set_config('search_path', 'pg_catalog', true);",
]


@st.composite
def sequences(draw: st.DrawFn) -> tuple[list[str], list[int]]:
    """Random migrations, the first of which makes a table, and where runs end."""
    kinds = [0, *draw(st.lists(st.integers(0, len(STEPS) - 1), min_size=1, max_size=7))]
    texts: list[str] = []
    tables: list[int] = []
    for number, kind in enumerate(kinds):
        old = draw(st.sampled_from(tables)) if tables else 0
        texts.append(STEPS[kind].format(n=number, o=old))
        tables += [number] if kind == 0 else []
    stops = draw(st.lists(st.integers(1, len(texts)), max_size=4, unique=True))
    return texts, sorted({*stops, len(texts)})


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequences())
def test_the_fingerprint_is_the_same_for_every_split_into_runs(
    server: Server, case: tuple[list[str], list[int]]
) -> None:
    texts, stops = case
    with new_database(server) as whole, new_database(server) as parts:
        at_once = up(whole, *texts)
        state = [up(parts, *texts, target=f"{stop:04}") for stop in stops][-1]
        assert fingerprint(state.catalog) == fingerprint(at_once.catalog)
        assert state.drift == at_once.drift == ()


def test_the_state_holds_a_part_of_a_drift_without_end() -> None:
    assert len(shown([f"added: table t{number}" for number in range(65_000)])) == 201
    assert shown(["added: table t"] * 201)[-1] == "and 1 more"
