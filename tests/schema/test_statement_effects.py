"""The table of statements: each row's verdict by the guards, its lock by PostgreSQL, and the page that is made of it."""

# ruff: noqa: E501  # SQL
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from convos_infra.schema import builtin, guards
from convos_infra.schema.effects import BASE, EFFECTS, Effect
from convos_infra.schema.effects_page import page
from convos_infra.schema.rules import RULES
from tests.schema.migrating import migrations
from tests.schema.postgres_server import Database, Server, new_database

PAGE = Path(__file__).parents[2] / "docs" / "schema-statements.md"
NAMES = [one.statement for one in EFFECTS]


@pytest.mark.parametrize("effect", EFFECTS, ids=NAMES)
def test_a_statement_asks_for_what_its_row_says_and_for_nothing_else(effect: Effect) -> None:
    head = "-- no-transaction\n" if effect.is_alone else ""
    before = migrations(BASE)
    problems = guards.check(migrations(BASE, head + effect.example)[1:], before)
    assert [one.next_step for one in problems] == [
        f'add "-- allow: {one}" if that is meant' for one in effect.allowances
    ]
    allowed = head + "".join(f"-- allow: {one}\n" for one in effect.allowances) + effect.example
    assert guards.check(migrations(BASE, allowed)[1:], before) == []


@pytest.fixture(scope="module")
def examples(server: Server) -> Iterator[Database]:
    with new_database(server) as found:
        found.run(BASE)
        yield found


@pytest.mark.postgres
@pytest.mark.parametrize(
    "effect", [one for one in EFFECTS if one.lock], ids=[one.statement for one in EFFECTS if one.lock]
)
def test_postgresql_takes_the_lock_that_the_row_says(effect: Effect, examples: Database) -> None:
    with psycopg.connect(examples.url) as connection:
        asked = "SELECT to_regclass(%s)::oid"
        (before,) = connection.execute(asked, (effect.table,)).fetchall()
        connection.execute(effect.example.encode())
        (after,) = connection.execute(asked, (effect.table,)).fetchall()
        oid = before[0] or after[0]
        rows = connection.execute("SELECT mode FROM pg_locks WHERE relation = %s AND pid = pg_backend_pid()", (oid,))
        modes = {row[0] for row in rows}
        connection.rollback()
    assert "".join(word.title() for word in effect.lock.split()) + "Lock" in modes
    weaker = ["AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock"]
    weaker += ["ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"]
    assert max(modes, key=weaker.index) == "".join(word.title() for word in effect.lock.split()) + "Lock"


def test_the_page_is_that_of_the_table() -> None:
    assert PAGE.read_text() == page(), (
        "write it again: python -m convos_infra.schema statements > docs/schema-statements.md"
    )


def test_each_rule_has_words_and_each_verdict_a_row() -> None:
    assert all(says for _, says in RULES.values())
    assert {one.verdict.value for one in EFFECTS} >= {verdict.value for verdict, _ in RULES.values()}


@pytest.mark.postgres
def test_the_servers_have_no_function_that_we_do_not_know(database: Database) -> None:
    """A name that is missing would be refused as unknown; one too many would be taken for PostgreSQL's own."""
    asked = "SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace"
    assert {row[0] for row in database.rows(asked)} <= builtin.names()
