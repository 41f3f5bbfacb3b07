"""What a change costs, as a value: why it deploys, what of others comes with it, and its number. Never a value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from convos_infra.railway.change import (
    CHANGE,
    ORDERED,
    Change,
    announced,
    announced_at_most,
    announcement,
    is_announced,
    kept_announcement,
    recorded,
)
from convos_infra.railway.sealing import HIDDEN

BEFORE = {"image": "a@sha256:1", "variables": {"A": "secret-1", "B": "b"}}
AFTER = {"image": "a@sha256:2", "variables": {"A": "secret-2", "B": "b", "C": "c"}}
REGIONS = {"multiRegionConfig": {"us-west2": {"numReplicas": 2}}}


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (BEFORE, AFTER, "1 deployment: image, 2 variables (A, C)"),
        (BEFORE, {**BEFORE, **REGIONS}, "0 deployments, stored only: multiRegionConfig"),
        ({}, {"startCommand": "x"}, "0 deployments, stored only: startCommand"),
        ({}, AFTER, "1 deployment: image, 3 variables"),
        (BEFORE, {**BEFORE, "revives": "crashed"}, "1 deployment: the newest deployment crashed"),
        (BEFORE, {**BEFORE, "revives": "removed"}, "1 deployment: the newest deployment was removed"),
        (BEFORE, {**BEFORE, "redeploys": ["A"]}, "1 deployment: A (stored, not running)"),
        (BEFORE, {**BEFORE, "rebinds": ["TCP proxy 5432"]}, "1 deployment: TCP proxy 5432 (new to what runs)"),
        (
            {"variables": {}},
            {"variables": {}, "revives": "crashed"},
            "0 deployments, stored only: the newest deployment crashed",
        ),
        (BEFORE, {**AFTER, "redeploys": ["A"]}, "1 deployment: image, 2 variables (A, C)"),
    ],
)
def test_a_change_says_what_deploys_and_why_and_never_a_value(before: Any, after: Any, text: str) -> None:
    found = recorded(before, after)
    assert found.text() == text
    assert not found.is_empty
    assert "secret" not in str(announcement(before, found))


def test_nothing_that_changes_is_no_change() -> None:
    assert recorded(BEFORE, BEFORE).is_empty
    assert kept_announcement(BEFORE) == {}


def test_what_runs_already_is_stored_and_deploys_nothing() -> None:
    found = recorded(BEFORE, {**AFTER, "redeploys": ["B"]}).running_already()
    assert (
        found.text()
        == "0 deployments, stored only: image, 2 variables (A, C); 1 if others change what runs before the update"
    )
    only = recorded(BEFORE, {**BEFORE, "revives": "crashed"}).running_already()
    assert only.text() == (
        "0 deployments: what runs is as it is wanted; 1 if others change what runs before the update"
    )


def test_what_others_can_make_it_cost_before_the_update_is_announced_as_well() -> None:
    certain = {**AFTER, **announcement(BEFORE, recorded(BEFORE, AFTER))}
    lowered = {**AFTER, **announcement(BEFORE, recorded(BEFORE, AFTER).running_already())}
    assert (announced(BEFORE, certain), announced_at_most(BEFORE, certain)) == (1, 1)
    assert (announced(BEFORE, lowered), announced_at_most(BEFORE, lowered)) == (0, 1)
    assert announced_at_most(lowered, lowered) == 0
    assert "atMost" not in certain[CHANGE]


def test_what_others_stored_is_named_beside_it() -> None:
    found = replace(recorded(BEFORE, AFTER), others=("X", "startCommand"))
    assert found.text().endswith("; also deploys what others stored: X, startCommand")
    assert announcement({}, found)[CHANGE]["others"] == ["X", "startCommand"]


def test_the_same_change_twice_is_announced_twice() -> None:
    change = Change(1, fields=("image",))
    first = announcement({}, change)
    again = announcement(first, change)
    assert first["deploys"] == "1 deployment: image (change 1)"
    assert again["deploys"] == "1 deployment: image (change 2)"
    assert is_announced(first, again)
    assert announced(first, again) == 1
    assert announced(again, {**BEFORE, **kept_announcement(again)}) == 0


def test_an_old_state_that_has_only_the_text_announces_nothing_by_it() -> None:
    old = {**BEFORE, "deploys": "1 deployment: image (change 7)"}
    assert announced(old, {**BEFORE, **kept_announcement(old)}) == 0
    assert not is_announced(old, {**BEFORE, **kept_announcement(old)})
    # Pulumi's numbers are doubles.
    assert announced(old, {CHANGE: {"number": 1.0, "deployments": 1.0}}) == 1
    assert announcement({CHANGE: {"number": 4.0}}, Change(1, fields=("image",)))["change"]["number"] == 5


@pytest.mark.parametrize(
    ("before", "after", "is_ordered"),
    [
        (BEFORE, AFTER, False),
        (BEFORE, {**BEFORE, "revives": "crashed"}, False),
        (BEFORE, {**BEFORE, **REGIONS}, False),
        (BEFORE, {**BEFORE, **REGIONS, "revives": "crashed"}, True),
        (BEFORE, {**AFTER, **REGIONS, "revives": "crashed"}, False),
        ({**BEFORE, "variables": {"A": HIDDEN, "B": "b"}}, BEFORE, True),
        ({**BEFORE, "variables": {"A": HIDDEN, "B": "b"}}, {**BEFORE, "variables": {"B": "b"}}, False),
        ({**BEFORE, "variables": {"A": HIDDEN, "B": "b"}}, {**BEFORE, "variables": {"A": HIDDEN, "B": "c"}}, False),
        ({"variables": {"A": HIDDEN}}, {"variables": {"A": "a"}}, False),
    ],
)
def test_a_deployment_that_its_patch_does_not_make_is_a_call_of_its_own(
    before: dict[str, Any], after: dict[str, Any], is_ordered: bool
) -> None:
    assert (ORDERED in announcement(before, recorded(before, after))[CHANGE]) == is_ordered
