"""A setting that was meant for one emergency is named by every plan until it is taken back."""

from __future__ import annotations

from dataclasses import replace

from ops.plan.plan_rows import Mark, plan_rows
from ops.plan.previewed import EMERGENCY, standing
from ops.plan.update_plan import UpdatePlan
from stack.settings import KEYS
from tests.workflows.test_plan_text import NOW, PLAN


def test_each_is_named_with_the_command_that_ends_it() -> None:
    found = standing("production", dict(EMERGENCY.keys()) | {"poolMinIdle": "0"})
    assert len(found) == len(EMERGENCY) == 3
    for (key, value), line in zip(EMERGENCY, found, strict=True):
        assert line.startswith(f"{key}: {value} ")
        assert line.endswith(f"pulumi config rm {key} --stack production")
        assert key in KEYS


def test_defaults_and_other_values_are_not() -> None:
    assert standing("production", {}) == ()
    assert (
        standing("production", {"rolloutClaimed": "leave", "rolloutDeadline": "86400", "overwriteChanges": False}) == ()
    )
    assert len(standing("production", {"overwriteChanges": True, "rolloutDeadline": 0})) == 2


def test_the_plan_has_a_row_for_each_and_an_empty_plan_none() -> None:
    lines = standing("production", {"rolloutClaimed": "replace"})
    rows = [row for row in plan_rows(replace(PLAN, standing=lines), NOW) if row.mark is Mark.LOST and row.text in lines]
    assert [row.label for row in rows] == ["still set"]
    assert plan_rows(UpdatePlan("production", standing=lines), NOW) == []
