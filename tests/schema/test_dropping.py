"""A stack that says so takes its tables along when it is destroyed, and nobody else's."""

from __future__ import annotations

import pytest

from convos_infra.errors import InfraError
from convos_infra.schema.address import parse_url
from convos_infra.schema.drop import drop, ours
from convos_infra.schema.resource import DatabaseSchemaProvider
from tests.schema.migrating import QUICK, files, up
from tests.schema.postgres_server import Database

TABLES = "CREATE TABLE a (id integer PRIMARY KEY);\nCREATE TABLE b (a integer REFERENCES a);\n"
VIEW = "CREATE VIEW v AS SELECT id FROM a;\n"


def test_only_what_the_last_migration_left_is_dropped_views_first() -> None:
    recorded = ["table a", "column a.id", "view v", "table gone"]
    assert ours(recorded, ["table a", "column a.id", "view v", "table theirs"]) == [("view", ["v"]), ("table", ["a"])]


@pytest.mark.postgres
def test_tables_views_and_history_go_and_what_others_made_stays(database: Database) -> None:
    up(database, TABLES, VIEW)
    database.run("CREATE TABLE theirs (id integer)")
    told: list[str] = []
    drop(parse_url(database.url), QUICK, told.append)
    assert database.tables() == ["theirs"]
    assert told == ["dropped view v", "dropped table a, b"]
    drop(parse_url(database.url), QUICK, told.append)
    assert len(told) == 2


@pytest.mark.postgres
def test_what_somebody_built_on_a_table_of_ours_stops_it_and_nothing_is_dropped(database: Database) -> None:
    up(database, TABLES)
    database.run("CREATE VIEW theirs AS SELECT id FROM a")
    with pytest.raises(InfraError, match="view theirs depends on table a"):
        drop(parse_url(database.url), QUICK, lambda _: None)
    assert database.tables() == ["a", "b", "schema_history"]


@pytest.mark.postgres
@pytest.mark.parametrize(("on_destroy", "left"), [(None, ["a", "b", "schema_history"]), ("drop", [])])
def test_a_deleted_resource_keeps_its_tables_unless_it_says_otherwise(
    database: Database, on_destroy: str | None, left: list[str]
) -> None:
    up(database, TABLES)
    props = {"databaseUrl": database.url, "migrations": files(TABLES), "onDestroy": on_destroy}
    DatabaseSchemaProvider().deleted("public", props)
    assert database.tables() == left
