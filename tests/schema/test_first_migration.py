"""Our own migrations on every database that they may find: none, the pool manager's own, the legacy one."""

from __future__ import annotations

from typing import Any

import pytest

from convos_infra.errors import InfraError
from convos_infra.schema import catalog
from convos_infra.schema.address import parse_url
from convos_infra.schema.apply import Job, State, apply
from convos_infra.schema.migration import FOLDER, parse, read_folder
from tests.schema.migrating import QUICK
from tests.schema.postgres_server import Database, Server, new_database

pytestmark = pytest.mark.postgres
MIGRATIONS = parse(read_folder())
LEGACY = """
CREATE TABLE pool_instances (
    id text PRIMARY KEY, railway_service_id text NOT NULL, railway_url text, status text NOT NULL DEFAULT 'starting',
    health_check_failures integer DEFAULT 0, claimed_by text, conversation_id text, invite_url text, instructions text,
    join_url text, created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now(), claimed_at timestamptz
);
CREATE INDEX pool_instances_status ON pool_instances (status);
INSERT INTO pool_instances (id, railway_service_id, status, claimed_by, conversation_id, created_at, claimed_at) VALUES
    ('a1', 's1', 'claimed', 'Ada', 'c1', '2026-01-02 03:04:05+00', '2026-01-03 00:00:00+00'),
    ('a2', 's2', 'idle', NULL, NULL, '2026-01-02 03:04:06+00', NULL),
    ('a3', 's3', 'claimed', 'Grace; DROP TABLE', NULL, '2026-01-02 03:04:07.123456+00', NULL);
"""
OWN = """
CREATE TABLE IF NOT EXISTS agent_metadata (
    id text PRIMARY KEY, railway_service_id text NOT NULL, agent_name text NOT NULL, conversation_id text,
    invite_url text, instructions text, created_at timestamptz NOT NULL DEFAULT now(),
    claimed_at timestamptz DEFAULT now()
);
INSERT INTO agent_metadata (id, railway_service_id, agent_name) VALUES ('a1', 's1', 'Ada');
"""
COMPLETE = (FOLDER.parent / "expected.sql").read_text() + "INSERT INTO agent_metadata VALUES ('a1', 's1', 'Ada');"
BEFORE = {"fresh": "", "the pool manager's own": OWN, "complete": COMPLETE, "legacy": LEGACY}
KEPT = "id, railway_service_id, {name}, conversation_id, invite_url, instructions, created_at, claimed_at"


def migrate(database: Database) -> State:
    return apply(parse_url(database.url), Job(MIGRATIONS, limits=QUICK))


def rows(database: Database, table: str, name: str) -> list[tuple[Any, ...]]:
    return database.rows(f"SELECT {KEPT.format(name=name)} FROM {table} WHERE {name} IS NOT NULL ORDER BY id")


@pytest.fixture(scope="module")
def expected(server: Server) -> dict[str, str]:
    with new_database(server) as found:
        found.run((FOLDER.parent / "expected.sql").read_text())
        with found.connect() as connection:
            return catalog.read(connection)


@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE)
def test_all_migrations_add_up_to_expected_sql_whatever_was_there(
    database: Database, expected: dict[str, str], before: str
) -> None:
    if before:
        database.run(before)
    assert catalog.compare(expected, migrate(database).catalog) == []


@pytest.mark.parametrize(
    ("before", "table", "name"),
    [
        (LEGACY, "pool_instances", "claimed_by"),
        (OWN, "agent_metadata", "agent_name"),
        (COMPLETE, "agent_metadata", "agent_name"),
    ],
    ids=["legacy", "the pool manager's own", "complete"],
)
def test_rows_of_claimed_agents_survive_exactly_and_there_are_no_others(
    database: Database, before: str, table: str, name: str
) -> None:
    database.run(before)
    claimed = rows(database, table, name)
    migrate(database)
    assert rows(database, "agent_metadata", "agent_name") == claimed
    assert database.value("SELECT count(*) FROM agent_metadata") == len(claimed) > 0


def test_running_it_again_by_hand_changes_nothing(database: Database) -> None:
    database.run(LEGACY)
    before = migrate(database).catalog, database.rows("SELECT * FROM agent_metadata ORDER BY id")
    for migration in MIGRATIONS:
        database.run(migration.sql)
    with database.connect() as connection:
        assert (catalog.read(connection), database.rows("SELECT * FROM agent_metadata ORDER BY id")) == before


def test_a_second_run_does_nothing(database: Database) -> None:
    first = migrate(database)
    assert [one.file for one in first.applied] == [one.file for one in MIGRATIONS]
    assert migrate(database) == first


def test_claimed_agents_that_only_the_legacy_table_has_are_not_left_behind_silently(database: Database) -> None:
    """The pool manager would take them for idle ones, and give them to somebody else."""
    database.run(LEGACY + OWN)
    with pytest.raises(InfraError) as found:
        migrate(database)
    assert (
        'pool_instances and agent_metadata are both there, and 1 claimed agents are only in the first", P0001; copy'
        in str(found.value)
    )
    assert database.tables() == ["agent_metadata", "pool_instances", "schema_history"]
    database.run("UPDATE pool_instances SET claimed_by = NULL WHERE id = 'a3'")
    migrate(database)


def test_the_pool_managers_queries_work_on_it(database: Database) -> None:
    """The statements that it sends."""
    migrate(database)
    database.run(
        "INSERT INTO agent_metadata (id, railway_service_id, agent_name, instructions, claimed_at)"
        " VALUES ('a', 's', 'n', 'i', now()) ON CONFLICT (id) DO NOTHING"
    )
    assert database.rows(
        "SELECT id, railway_service_id, agent_name, conversation_id IS NOT NULL, created_at <= now()"
        " FROM agent_metadata"
    ) == [("a", "s", "n", False, True)]
