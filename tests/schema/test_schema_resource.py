"""The provider: what a preview adds and refuses, when there is a change, and what is in the state. No engine."""

from __future__ import annotations

import base64
import pickletools
from collections.abc import Callable
from typing import Any

import pytest
from pulumi.dynamic import ResourceProvider
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime.rpc import UNKNOWN

from convos_infra.schema import resource
from convos_infra.schema.record import Migration, MigrationProvider
from convos_infra.schema.resource import DatabaseSchema, DatabaseSchemaProvider
from tests.schema.migrating import files
from tests.schema.postgres_server import ENCODED, PASSWORD, Database
from tests.support.ports import free_port

ONE = "CREATE TABLE a (id integer);"
TWO = "CREATE TABLE b (id integer);"


def inputs(url: object, *texts: str, **more: object) -> dict[str, Any]:
    return {
        "databaseUrl": url,
        "migrations": files(*texts),
        "target": None,
        "baseline": None,
        "drift": "refuse",
        **more,
    }


def checked(news: dict[str, Any], olds: dict[str, Any] | None = None) -> tuple[Any, list[str]]:
    """Return `pending` and the reasons why not."""
    found = DatabaseSchemaProvider().check(olds or {}, news)
    assert all(failure.property == "" for failure in found.failures), "Pulumi prints a property's value"
    return found.inputs.get("pending"), [failure.reason for failure in found.failures]


def dead() -> str:
    return f"postgresql://u:{ENCODED}@127.0.0.1:{free_port()}/d"


@pytest.mark.parametrize(
    ("provider", "module", "name"),
    [
        (DatabaseSchemaProvider, "convos_infra.schema.resource", "DatabaseSchemaProvider"),
        (MigrationProvider, "convos_infra.schema.record", "MigrationProvider"),
    ],
)
def test_the_provider_is_pickled_by_reference(provider: Callable[[], ResourceProvider], module: str, name: str) -> None:
    text = serialize_provider(provider())
    strings = [argument for _, argument, _ in pickletools.genops(base64.b64decode(text)) if isinstance(argument, str)]
    assert strings == [module, name]
    assert len(text) <= 104


def test_the_types_are_part_of_the_state() -> None:
    assert DatabaseSchema._resource_type_name == "dynamic/schema:DatabaseSchema"
    assert Migration._resource_type_name == "dynamic/schema:Migration"


def test_a_preview_without_a_database_shows_everything_as_pending() -> None:
    assert checked(inputs(UNKNOWN, ONE, TWO)) == (["0001_m1.sql", "0002_m2.sql"], [])


def test_a_preview_of_a_database_that_does_not_answer_goes_by_the_last_update() -> None:
    url = dead()
    assert checked(inputs(url, ONE, TWO), inputs(url, ONE)) == (["0002_m2.sql"], [])
    assert checked(inputs(UNKNOWN, ONE, TWO), inputs(url, ONE)) == (["0002_m2.sql"], [])


def test_another_database_that_does_not_answer_yet_is_taken_for_an_empty_one() -> None:
    assert checked(inputs(dead(), ONE, TWO), inputs(dead(), ONE)) == (["0001_m1.sql", "0002_m2.sql"], [])


@pytest.mark.postgres
def test_a_preview_asks_the_database_where_it_answers(database: Database) -> None:
    assert checked(inputs(database.url, ONE, TWO)) == (["0001_m1.sql", "0002_m2.sql"], [])
    DatabaseSchemaProvider().create(inputs(database.url, ONE))
    assert checked(inputs(database.url, ONE, TWO)) == (["0002_m2.sql"], [])
    assert checked(inputs(database.url, ONE, TWO, target="0001")) == ([], [])


def test_a_baseline_is_told_in_the_preview() -> None:
    pending, _ = checked(inputs(UNKNOWN, ONE, TWO, baseline="0001"))
    assert pending == ["0001_m1.sql (only marked as applied)", "0002_m2.sql"]


@pytest.mark.parametrize(
    ("news", "reason"),
    [
        (
            inputs(UNKNOWN, ONE, "DROP TABLE a;\nTRUNCATE a;"),
            '0002_m2.sql:1: DROP TABLE loses data; add "-- allow: drop-table a" if that is meant',
        ),
        (
            inputs(UNKNOWN, ONE, "COMMIT;"),
            "0002_m2.sql:1: COMMIT would end the transaction that makes a migration whole; remove it",
        ),
        (inputs(UNKNOWN, ONE, target="7"), "target: there is no migration 7; the newest is 0001"),
        (inputs(UNKNOWN, ONE, drift="ignore"), "drift: cannot be 'ignore'; use refuse or accept"),
        (inputs(UNKNOWN, ONE, lockTimeout="0s"), "lockTimeout: cannot be '0s'; use a time such as 500ms, 5s or 2min"),
        (
            inputs("nonsense", ONE),
            (
                "databaseUrl: is not a PostgreSQL URL; expected"
                " postgresql://host:port/database, with user:password@ before the host"
            ),
        ),
        (
            inputs(UNKNOWN, migrations={"0002_b.sql": ONE}),
            "0002_b.sql: 0001 is missing before it; numbers must have no gap",
        ),
    ],
    ids=["destructive", "unfit", "target", "policy", "timeout", "URL", "gap"],
)
def test_what_is_wrong_is_refused_in_the_preview(news: dict[str, Any], reason: str) -> None:
    assert checked(news)[1][0] == reason


def test_every_problem_of_the_pending_files_is_told_at_once() -> None:
    assert len(checked(inputs(UNKNOWN, "DROP TABLE a;\nTRUNCATE b;", "COMMIT;"))[1]) == 3


def test_an_applied_file_that_was_changed_is_refused_without_a_database() -> None:
    url = dead()
    _, reasons = checked(inputs(url, TWO), inputs(url, ONE))
    assert reasons == [
        "0001_m1.sql: was changed after it was applied; restore its text from git, and make the change in a new file"
    ]


@pytest.mark.postgres
def test_an_applied_file_that_was_changed_is_refused_by_the_database_too(database: Database) -> None:
    DatabaseSchemaProvider().create(inputs(database.url, ONE))
    assert checked(inputs(database.url, TWO))[1][0].startswith("0001_m1.sql: was changed after it was applied")


@pytest.mark.postgres
def test_drift_under_a_pending_file_is_refused_in_the_preview(database: Database) -> None:
    DatabaseSchemaProvider().create(inputs(database.url, ONE))
    database.run("ALTER TABLE a ADD COLUMN notes text")
    assert checked(inputs(database.url, ONE), inputs(database.url, ONE)) == ([], []), "no update would run"
    assert checked(inputs(database.url, ONE, TWO))[1][0].startswith(
        "schema: was changed by others since 0001_m1.sql: added: column a.notes"
    )
    assert checked(inputs(database.url, ONE, TWO, drift="accept")) == (["0002_m2.sql"], [])


@pytest.mark.postgres
def test_what_was_applied_and_is_pending_again_is_a_plan_of_its_own(database: Database) -> None:
    for before in (["0001_m1.sql"], []):
        olds = {**inputs(database.url, ONE), "pending": before, "planned": 1}
        again = DatabaseSchemaProvider().check(olds, inputs(database.url, ONE)).inputs
        assert (again["pending"], again["planned"]) == (["0001_m1.sql"], 2)
        assert changes({**olds, "announced": ["0001_m1.sql"], "pending": []}, again) is True


def changes(olds: dict[str, Any], news: dict[str, Any]) -> bool | None:
    found = DatabaseSchemaProvider().diff("public", olds, news)
    assert found.replaces == []
    return found.changes


def test_what_was_asked_for_again_is_no_change_and_anything_else_is_one_without_replacement() -> None:
    olds = {**inputs("u", ONE), "pending": [], "version": "0001", "drifted": []}
    assert changes(olds, {**inputs("u", ONE), "pending": []}) is False
    assert changes(olds, {**inputs("u", ONE), "pending": ["0001_m1.sql"], "planned": 1}) is True
    assert changes({**olds, "drifted": ["added: table z"]}, {**inputs("u", ONE), "pending": []}) is True
    # A refresh right after the update that applied it asks with the inputs in the state.
    applied = {**olds, "planned": 1}
    assert changes(applied, {**inputs("u", ONE), "pending": ["0001_m1.sql"], "planned": 1}) is False
    assert changes(applied, {**inputs("u", ONE), "pending": ["0001_m1.sql"], "planned": 2}) is True
    for key, value in {
        "databaseUrl": "w",
        "target": "0001",
        "baseline": "0001",
        "drift": "accept",
        "migrations": {},
    }.items():
        assert changes(olds, {**inputs("u", ONE), "pending": [], key: value}) is True
    assert changes(olds, {**inputs(UNKNOWN, ONE), "pending": []}) is True


@pytest.mark.postgres
def test_the_outputs_tell_what_is_there_and_are_the_same_after_create_update_and_read(database: Database) -> None:
    provider = DatabaseSchemaProvider()
    news = {**inputs(database.url, ONE), "pending": ["0001_m1.sql"]}
    created = provider.create(news)
    assert created.id == "public"
    outs = created.outs or {}
    assert (outs["version"], outs["host"], outs["pending"], outs["drifted"]) == (
        "0001",
        f"127.0.0.1:{database.server.port}/{database.name}",
        [],
        [],
    )
    assert list(outs["checksums"]) == ["0001_m1.sql"]
    assert outs["applied"][0]["file"] == "0001_m1.sql"
    assert provider.update("public", outs, news).outs == outs
    assert provider.read("public", outs).outs == outs
    without_url = {key: value for key, value in outs.items() if key != "databaseUrl"}
    assert PASSWORD not in str(without_url)
    assert ENCODED not in str(without_url)


@pytest.mark.postgres
def test_a_refresh_tells_drift_by_name_and_the_next_update_refuses_it_until_it_is_accepted(database: Database) -> None:
    provider = DatabaseSchemaProvider()
    outs = provider.create(inputs(database.url, ONE)).outs or {}
    database.run("CREATE TABLE z (id integer)")
    read = provider.read("public", outs)
    assert (
        (read.outs or {})["drifted"]
        == (read.inputs or {})["drifted"]
        == ["added: column z.id integer", "added: table z"]
    )
    with pytest.raises(Exception, match="schema: was changed by others since 0001_m1.sql: added: column z.id integer"):
        provider.update("public", read.outs or {}, inputs(database.url, ONE))
    accepted = provider.update("public", read.outs or {}, inputs(database.url, ONE, drift="accept"))
    assert (accepted.outs or {})["drifted"] == []
    assert (provider.read("public", outs).outs or {})["drifted"] == []


@pytest.mark.postgres
def test_destroying_leaves_every_table(database: Database) -> None:
    provider = DatabaseSchemaProvider()
    outs = provider.create(inputs(database.url, ONE)).outs or {}
    provider.delete("public", outs)
    assert database.tables() == ["a", "schema_history"]


def test_a_record_changes_with_its_text_alone() -> None:
    provider = MigrationProvider()
    props = {"file": "0001_a.sql", "checksum": "sha256:1", "sql": ["SELECT 1;"]}
    assert provider.create(props).id == "0001_a.sql"
    assert provider.diff("0001_a.sql", {**props, "__provider": "x"}, props).changes is False
    assert provider.diff("0001_a.sql", props, {**props, "sql": ["SELECT 2;"]}).changes is True
    assert provider.read("0001_a.sql", props).outs == props


@pytest.mark.postgres
def test_a_database_that_cannot_be_read_keeps_its_record_and_says_why_until_it_can_be_read(
    database: Database, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(resource, "READ_SECONDS", 0.2)
    provider = DatabaseSchemaProvider()
    wanted = inputs(database.url, ONE)
    made = provider.check({}, wanted).inputs
    outs = dict(provider.create(made).outs or {})
    for url, why in (
        (dead(), "does not answer"),
        (database.url.replace(ENCODED, "wrong"), "refuses the user or the password"),
    ):
        read = provider.read("public", {**outs, "databaseUrl": url})
        assert read.id == "public", "a failed read is never gone"
        assert why in read.outs["unread"]
        assert {**read.outs, "databaseUrl": database.url, "unread": None} == {**outs, "unread": None}
        assert why in capfd.readouterr().err
        assert PASSWORD not in str(read.outs["unread"])
        # The refresh shows it once, and the next update looks again.
        assert provider.diff("public", read.outs, {**made, "databaseUrl": url}).changes
        again = provider.read("public", read.outs)
        assert not provider.diff("public", {**again.outs, "unread": read.inputs["unread"]}, read.inputs).changes
        news = provider.check(read.inputs, wanted).inputs
        assert "unread" not in news
        assert provider.diff("public", {**read.outs, "databaseUrl": database.url}, news).changes
    back = provider.read("public", {**outs, "unread": "database: does not answer"})
    assert "unread" not in back.outs
    assert "unread" not in dict(back.inputs or {})
    done = provider.update("public", back.outs, provider.check(made, wanted).inputs)
    assert "unread" not in dict(done.outs or {})
