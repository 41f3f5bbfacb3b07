"""Plans: what is pending, and files that disagree with what a database has. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convos_infra.errors import InfraError
from convos_infra.schema.image import refusal, requirements
from convos_infra.schema.migration import parse
from convos_infra.schema.plan import make_plan
from tests.schema.migrating import files, migrations


@dataclass(frozen=True)
class Done:
    version: str
    file: str
    checksum: str


FOUR = migrations("SELECT 1;", "SELECT 2;", "SELECT 3;", "SELECT 4;")


def done(count: int) -> list[Done]:
    return [Done(one.version, one.file, one.checksum) for one in FOUR[:count]]


@given(st.integers(0, 4), st.integers(0, 4))
def test_what_is_not_applied_yet_is_pending_up_to_the_target(applied: int, target: int) -> None:
    plan = make_plan(FOUR, done(applied), f"{target:04}" if target >= max(applied, 1) else "")
    wanted = target if target >= max(applied, 1) else 4
    assert list(plan.pending) == list(FOUR[applied:wanted])
    assert plan.version == (FOUR[wanted - 1].version if wanted else "")
    assert plan.is_empty == (applied == wanted)


def test_a_baseline_counts_only_where_there_is_no_history() -> None:
    plan = make_plan(FOUR, [], baseline="0002")
    assert ([one.version for one in plan.baseline], [one.version for one in plan.pending]) == (
        ["0001", "0002"],
        ["0003", "0004"],
    )
    assert make_plan(FOUR, done(1), baseline="0002").baseline == ()


@pytest.mark.parametrize(
    ("applied", "message"),
    [
        (
            [*done(1), Done("0002", "0002_m2.sql", "sha256:0")],
            (
                "0002_m2.sql: was changed after it was applied; restore its text from git,"
                " and make the change in a new file"
            ),
        ),
        (
            [*done(1), Done("0002", "0002_old.sql", FOUR[1].checksum)],
            "0002_m2.sql: was applied as 0002_old.sql; give it its old name back",
        ),
        (
            [done(1)[0], done(3)[2]],
            "0002_m2.sql: was inserted before 0003_m3.sql, which is applied already; number it 0005",
        ),
        (
            [*done(4), Done("0005", "0005_new.sql", "")],
            "0005_new.sql: the database has it, but this program ends at 0004; run a program that is at least as new",
        ),
    ],
    ids=["changed", "renamed", "out of order", "newer history"],
)
def test_files_that_disagree_with_the_database_are_refused(applied: list[Done], message: str) -> None:
    with pytest.raises(InfraError) as found:
        make_plan(FOUR, applied)
    assert str(found.value) == message


def test_a_file_that_vanished_is_refused() -> None:
    with pytest.raises(InfraError, match=r"^0003_gone\.sql: was applied, but its file is gone; restore it from git$"):
        make_plan([FOUR[0], FOUR[1], FOUR[3]], [*done(2), Done("0003", "0003_gone.sql", "")])


@pytest.mark.parametrize("key", ["target", "baseline"])
def test_a_version_that_is_not_there_is_refused(key: str) -> None:
    with pytest.raises(InfraError, match=rf"^{key}: there is no migration 9; the newest is 0004$"):
        make_plan(FOUR, [], **{key: "9"})


def test_a_target_behind_the_database_is_refused() -> None:
    with pytest.raises(InfraError, match=r"^target: the database is at 0003, after 0002; migrations only go forward$"):
        make_plan(FOUR, done(3), "0002")


NEEDS = (
    "SELECT 1;",
    "-- requires-image: sha-ccccccc\nSELECT 2;",
    "-- requires-image: sha-bbbbbbb\nSELECT 3;",
    "SELECT 4;",
)


def refused(deployed: str, target: str = "") -> str:
    found = refusal(parse(files(*NEEDS)), deployed, lambda one, other: one < other, target)
    return "" if found is None else str(found)


def test_a_pin_has_to_be_as_new_as_every_requirement_not_only_as_the_last_one() -> None:
    assert [one.file for one in requirements(parse(files(*NEEDS)))] == ["0002_m2.sql", "0003_m3.sql"]
    assert refused("sha-ddddddd") == refused("sha-ccccccc") == ""
    assert refused("sha-bbbbbbb") == (
        "imageTag: sha-bbbbbbb is older than sha-ccccccc, the oldest that works with 0002_m2.sql;"
        " pin sha-ccccccc or newer"
    )


def test_of_two_requirements_that_a_pin_misses_the_newer_one_is_named() -> None:
    assert refused("sha-aaaaaaa") == refused("sha-bbbbbbb").replace("sha-bbbbbbb is", "sha-aaaaaaa is")


def test_what_is_after_the_target_asks_for_nothing() -> None:
    assert refused("sha-aaaaaaa", "0001") == ""
    assert refused("sha-aaaaaaa", "0002").startswith("imageTag: sha-aaaaaaa is older than sha-ccccccc")


def test_requirements_of_which_none_is_newer_are_both_named() -> None:
    found = refusal(parse(files(*NEEDS)), "x", lambda one, _: one == "x")
    assert str(found) == (
        "imageTag: x is older than sha-ccccccc, the oldest that works with 0002_m2.sql and sha-bbbbbbb,"
        " the oldest that works with 0003_m3.sql; pin sha-ccccccc and sha-bbbbbbb or newer"
    )
