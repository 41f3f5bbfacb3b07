"""A pool without Pulumi: the pool manager brings the schema up itself, and only where nothing else keeps it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import psycopg
import pytest
from convos_pool import schema
from convos_pool.errors import UnavailableError

from convos_infra.schema import lock
from convos_infra.schema.address import parse_url
from convos_infra.schema.apply import Job, apply, inspect
from convos_infra.schema.migration import parse, read_folder
from tests.emulator.fix_emulator import until
from tests.pool.pool_process import running_pool
from tests.pool.surroundings import Surroundings, until_idle
from tests.schema.postgres_server import Database, Server, new_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.postgres
NEWEST = schema.files()[-1].version


@pytest.fixture
def empty(pool_server: Server) -> Iterator[Database]:
    with new_database(pool_server) as found:
        yield found


def versions(database: Database) -> list[tuple[str, str]]:
    with psycopg.connect(database.url) as connection:
        return connection.execute("SELECT version, program FROM schema_history ORDER BY version").fetchall()


def told(database: Database, files: list[schema.File] | None = None) -> list[str]:
    lines: list[str] = []
    schema.bring_up(database.url, lines.append, files)
    return lines


def test_an_empty_database_gets_every_migration_once(empty: Database) -> None:
    assert told(empty) == [f"schema: applied {one.version}_{one.name}.sql" for one in schema.files()]
    assert versions(empty) == [(one.version, "convos-pool") for one in schema.files()]
    assert told(empty) == []


def test_the_program_takes_over_what_the_pool_manager_began(empty: Database) -> None:
    told(empty)
    address = parse_url(empty.url)
    state = inspect(address, wait_seconds=5)
    assert [one.version for one in state.applied] == [one.version for one in schema.files()]
    assert state.drift == ()
    after = apply(address, Job(parse(read_folder())))
    assert len(after.applied) == len(schema.files()), "nothing is left to apply"


def test_the_pool_managers_schema_is_the_programs(empty: Database, pool_server: Server) -> None:
    told(empty)
    with new_database(pool_server) as other:
        apply(parse_url(other.url), Job(parse(read_folder())))
        mine = inspect(parse_url(empty.url), wait_seconds=5).catalog
        assert mine == inspect(parse_url(other.url), wait_seconds=5).catalog


def test_checksums_and_lock_are_the_programs() -> None:
    theirs = {one.version: one.checksum for one in parse(read_folder())}
    assert theirs
    assert {one.version: one.checksum for one in schema.files()} == theirs
    assert schema.LOCK_KEY == lock.KEY


def test_a_schema_that_the_program_keeps_is_left_to_it(empty: Database) -> None:
    apply(parse_url(empty.url), Job(parse(read_folder()), target="0001"))
    assert told(empty) == [f"schema: the database is at 0001, this pool manager knows {NEWEST}; run pulumi up"]
    assert [version for version, _ in versions(empty)] == ["0001"]


def test_one_that_it_keeps_itself_goes_on_with_newer_files(empty: Database) -> None:
    told(empty, schema.files()[:1])
    assert told(empty)[0].startswith("schema: applied 0002_")
    assert versions(empty)[-1] == (NEWEST, "convos-pool")


def test_a_newer_database_is_named_and_left_alone(empty: Database) -> None:
    told(empty)
    own = schema.files()[-2].version
    line = f"schema: the database is at {NEWEST}, newer than {own} of this pool manager; nothing is applied"
    assert told(empty, schema.files()[:-1]) == [line]


def test_files_that_differ_from_the_databases_are_not_applied(empty: Database) -> None:
    told(empty, schema.files()[:1])
    changed = [schema.File("0001", "agent_metadata", "SELECT 2;"), *schema.files()[1:]]
    assert told(empty, changed) == [
        "schema: migration 0001 of the database differs from this pool manager's; nothing is applied"
    ]


def test_a_file_that_fails_leaves_nothing_of_itself_behind(empty: Database) -> None:
    bad = schema.File("0002", "bad", "CREATE TABLE half (id int); SELECT nope;")
    with pytest.raises(UnavailableError, match="nope"):
        told(empty, [schema.files()[0], bad])
    assert versions(empty) == [("0001", "convos-pool")]
    assert told(empty)[0].startswith("schema: applied 0002_")


def test_a_file_that_cannot_be_in_a_transaction_is_left_to_the_program(empty: Database) -> None:
    file = schema.File("0002", "index", "-- no-transaction\nCREATE INDEX CONCURRENTLY i ON agent_metadata (id);")
    with pytest.raises(UnavailableError, match="0002_index.sql needs the program; run pulumi up"):
        told(empty, [schema.files()[0], file])


def test_another_migrator_is_not_disturbed(empty: Database) -> None:
    with psycopg.connect(empty.url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (lock.KEY,))
        with pytest.raises(UnavailableError, match="another migration is running"):
            told(empty)
        other.execute("SELECT pg_advisory_unlock(%s)", (lock.KEY,))
    assert len(told(empty)) == len(schema.files())


def test_rows_of_the_teams_own_table_stay_as_they_are(empty: Database) -> None:
    with psycopg.connect(empty.url) as connection:
        connection.execute(
            "CREATE TABLE agent_metadata (id text PRIMARY KEY, railway_service_id text NOT NULL,"
            " agent_name text NOT NULL, conversation_id text, invite_url text, instructions text,"
            " created_at timestamptz NOT NULL DEFAULT now(), claimed_at timestamptz DEFAULT now(), source_branch text,"
            " openrouter_key_hash text, agentmail_inbox_id text)"
        )
        connection.execute(
            "INSERT INTO agent_metadata (id, railway_service_id, agent_name, conversation_id, openrouter_key_hash)"
            " VALUES ('A_b-C1d2E3f4', 's', 'Ada', 'c', 'h')"
        )
    told(empty)
    with psycopg.connect(empty.url) as connection:
        rows = connection.execute("SELECT id, agent_name, conversation_id, openrouter_key_hash FROM agent_metadata")
        assert rows.fetchall() == [("A_b-C1d2E3f4", "Ada", "c", "h")]


def test_two_pool_managers_that_start_at_once_on_an_empty_database_both_work(
    around: Surroundings, tmp_path: Path
) -> None:
    around.sql(
        "DROP TABLE agent_metadata, agent_move, agent_rollout, pool_leader, agent_credential, agent_claim_unknown"
    )
    given = around.variables(POOL_MIN_IDLE="2")
    with running_pool(tmp_path / "one", given) as one, running_pool(tmp_path / "two", given) as two:
        until_idle(one, 2)
        until_idle(two, 2)
        both = one.printed() + two.printed()
        assert all(both.count(f"schema: applied {file.version}_") == 1 for file in schema.files())


def test_a_database_that_comes_up_later_gets_its_schema_then(around: Surroundings) -> None:
    around.sql(
        "DROP TABLE agent_metadata, agent_move, agent_rollout, pool_leader, agent_credential, agent_claim_unknown"
    )
    around.sql("SELECT pg_advisory_lock(1)")
    with psycopg.connect(around.database.url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (lock.KEY,))
        with around.pool(POOL_MIN_IDLE="1") as pool:
            until(lambda: "another migration is running" in pool.printed(), 20)
            other.execute("SELECT pg_advisory_unlock(%s)", (lock.KEY,))
            until_idle(pool, 1)
            assert pool.printed().count("another migration is running") == 1
            pool.stop(signal.SIGKILL)
