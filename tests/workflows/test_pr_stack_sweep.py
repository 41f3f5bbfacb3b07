"""Stacks of pull requests: whose time is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ops.ci.pr_lifetime import LABEL, Left, number_of, there, why_over

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
OPEN = {"state": "open", "labels": [{"name": LABEL}]}


def left(hours: float | None = 1) -> Left:
    return Left("pr-7", None if hours is None else NOW - timedelta(hours=hours))


@pytest.mark.parametrize(
    ("stack", "pull", "why"),
    [
        (left(), OPEN, ""),
        (left(71), OPEN, ""),
        (left(73), OPEN, "its last update was more than 72 hours ago"),
        (left(), {**OPEN, "state": "closed"}, "its pull request is closed"),
        (left(), {**OPEN, "labels": []}, "its pull request has no label pr-stack"),
        (left(), {**OPEN, "labels": None}, "its pull request has no label pr-stack"),
        (left(), None, "no such pull request exists"),
        (left(None), OPEN, "no update of it has ever finished"),
    ],
)
def test_a_stack_goes_when_its_time_is_over(stack: Left, pull: dict[str, object] | None, why: str) -> None:
    assert why_over(stack, pull, NOW, 72) == why


def test_only_pull_requests_stacks_are_ever_swept() -> None:
    rows = [{"name": name} for name in ("dev", "production", "pr-", "pr-0", "pr-07", "pr-7x", "my-pr-7", "PR-7")]
    assert there(rows) == []
    found = there([{"name": "pr-7", "lastUpdate": "2026-11-25T11:00:00.717Z"}, {"name": "pr-12"}])
    assert [(row.name, row.number, row.updated is None) for row in found] == [("pr-7", 7, False), ("pr-12", 12, True)]
    assert number_of("pr-98") == 98


@pytest.mark.parametrize("pull", [OPEN, {**OPEN, "state": "closed"}, {**OPEN, "labels": []}, None])
def test_a_stack_in_its_first_update_is_not_swept(pull: dict[str, object] | None) -> None:
    assert why_over(Left("pr-7", None, is_updating=True), pull, NOW, 72) == ""


def test_the_backend_tells_which_stacks_are_being_updated() -> None:
    rows: list[dict[str, object]] = [
        {"name": "pr-7", "updateInProgress": True},
        {"name": "pr-8", "updateInProgress": False},
        {"name": "pr-9"},
    ]
    assert [row.is_updating for row in there(rows)] == [True, False, False]
