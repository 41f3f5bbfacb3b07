"""The lock that is read from a statement's parse tree is the one that PostgreSQL takes, as `EFFECTS` records it."""

from __future__ import annotations

import pytest

from convos_infra.schema.effects import EFFECTS, MOMENT, REWRITE, SCAN, Effect
from convos_infra.schema.lock_taken import LockTaken, locks_taken
from convos_infra.schema.script import read_script

WEAKEST_FIRST = (
    *("", "ACCESS SHARE", "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE"),
    "ACCESS EXCLUSIVE",
)
NEW_TO_THE_DATABASE = {"CREATE TABLE", "CREATE VIEW"}
"""Nobody waits for what they lock."""
LONGER_THAN_NEEDED = {"ATTACH PARTITION": SCAN}
"""What the tree alone does not decide: the longer time is said."""
NOT_SEEN = {"COPY … PROGRAM", "DROP INDEX", "DROP TABLE … CASCADE"}
"""A read; the table of an index, which only the database knows; the tables that CASCADE reaches."""


def taken(sql: str) -> list[LockTaken]:
    return [one for statement in read_script(sql).statements for one in locks_taken(statement)]


@pytest.mark.parametrize(
    "effect",
    [one for one in EFFECTS if one.lock and one.statement not in NEW_TO_THE_DATABASE | NOT_SEEN],
    ids=lambda one: one.statement,
)
def test_the_lock_is_the_one_that_postgresql_takes(effect: Effect) -> None:
    found = [one for one in taken(effect.example) if effect.table in one.table.split(", ")]
    assert found, taken(effect.example)
    strongest = max(found, key=lambda one: WEAKEST_FIRST.index(one.lock))
    assert strongest.lock == effect.lock
    assert strongest.held == LONGER_THAN_NEEDED.get(effect.statement, effect.duration)


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda one: one.statement)
def test_every_statement_has_a_kind(effect: Effect) -> None:
    found = taken(effect.example)
    assert found
    assert all(one.kind.strip() and one.kind == one.kind.strip() for one in found)


@pytest.mark.parametrize(
    ("sql", "kind", "held"),
    [
        ("ALTER TABLE t ADD COLUMN at timestamptz NOT NULL DEFAULT now()", "ADD COLUMN", MOMENT),
        ("ALTER TABLE t ADD COLUMN k uuid DEFAULT gen_random_uuid()", "ADD COLUMN", REWRITE),
        ("ALTER TABLE t ADD COLUMN k int GENERATED ALWAYS AS IDENTITY", "ADD COLUMN", REWRITE),
        ("ALTER TABLE t ADD PRIMARY KEY USING INDEX i", "ADD PRIMARY KEY", MOMENT),
        ("ALTER TABLE t DROP COLUMN c", "DROP COLUMN", MOMENT),
        ('CREATE UNIQUE INDEX i ON "Odd name" (a)', "CREATE UNIQUE INDEX", SCAN),
    ],
)
def test_what_the_examples_do_not_show(sql: str, kind: str, held: str) -> None:
    (found,) = taken(sql)
    assert (found.kind, found.held) == (kind, held)
