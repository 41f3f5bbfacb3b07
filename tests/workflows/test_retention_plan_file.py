"""The plan of a dry run as a file: the deleting run does that, or nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from convos_infra.errors import InfraError
from ops.ci.retention_plan import SavedPlan, check_same, read, write

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
A, B = (f"sha256:{letter * 64}" for letter in "ab")
REPOSITORY = "ghcr.io/x/convos-runtime"


def test_a_plan_that_is_written_is_read_as_it_was(tmp_path: Path) -> None:
    plan = SavedPlan(NOW, {REPOSITORY: (A, B)})
    write(tmp_path / "plan.json", plan)
    assert read(tmp_path / "plan.json", NOW + timedelta(minutes=5)) == plan


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", "null", "{}", "\x00", "[" * 100_000, '{"madeAt": 7, "doomed": {}}'),
        '{"madeAt": "2026-11-23T12:00:00", "doomed": {}}',
        '{"madeAt": "2026-11-23T12:00:00+00:00", "doomed": []}',
        '{"madeAt": "2026-11-23T12:00:00+00:00", "doomed": {"x": ["sha256:short"]}}',
    ],
)
def test_a_file_that_is_no_plan_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "plan.json").write_text(content)
    with pytest.raises(InfraError, match=r"^retention: plan\.json is not a retention plan"):
        read(tmp_path / "plan.json", NOW)


@pytest.mark.parametrize("age", [timedelta(hours=25), timedelta(hours=-1)])
def test_a_plan_of_another_day_is_refused(tmp_path: Path, age: timedelta) -> None:
    write(tmp_path / "plan.json", SavedPlan(NOW, {}))
    with pytest.raises(InfraError, match="not within the last 24 hours"):
        read(tmp_path / "plan.json", NOW + age)


def test_a_plan_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InfraError, match="cannot read plan.json: No such file"):
        read(tmp_path / "plan.json", NOW)


def test_only_what_the_plan_says_goes_and_all_of_it() -> None:
    saved = SavedPlan(NOW, {REPOSITORY: (A,)})
    check_same(saved, REPOSITORY, [A])
    with pytest.raises(InfraError, match="would be deleted, but is not in the plan"):
        check_same(saved, REPOSITORY, [A, B])
    with pytest.raises(InfraError, match="would be kept, but the plan deletes it"):
        check_same(saved, REPOSITORY, [])
    with pytest.raises(InfraError, match="would be deleted"):
        check_same(saved, "ghcr.io/x/other", [B])
