"""Merge, difference and plan: what becomes a patch, and what somebody else changed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convos_infra.railway.environment_config import FIELDS, live_fields, live_variables
from convos_infra.railway.patch_plan import difference, merge, plan

SCALARS = st.one_of(
    st.booleans(), st.integers(-9, 9), st.text("abc", max_size=3), st.lists(st.integers(0, 3), max_size=2)
)
JSON = st.recursive(SCALARS, lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3), max_leaves=8)
OBJECTS = st.dictionaries(st.sampled_from("abcd"), JSON, max_size=4)
NAMES = st.sampled_from(["A", "B", "C", "D"])
VARIABLES = st.dictionaries(NAMES, st.sampled_from(["1", "2", "${{x.Y}}"]), max_size=4)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "image": st.sampled_from(["a@sha256:1", "a@sha256:2"]),
        "startCommand": st.sampled_from(["", "run", "walk"]),
        "healthcheckTimeout": st.sampled_from([1, 300, 300.0]),
        "sleepApplication": st.booleans(),
        "preDeployCommand": st.sampled_from([[], ["a"], ["b"]]),
        "multiRegionConfig": st.sampled_from(
            [{"us-west2": {"numReplicas": 1}}, {"europe-west4-drams3a": {"numReplicas": 2}}]
        ),
        "variables": VARIABLES,
    },
)


def brought(recorded: dict[str, Any], wanted: dict[str, Any], live: dict[str, Any]) -> dict[str, Any]:
    """Lay the plan's patch over what is live."""
    merged: dict[str, Any] = merge(live, plan(recorded, wanted, live).patch)
    return merged


@settings(max_examples=1000)
@given(OBJECTS, OBJECTS)
def test_the_difference_of_two_applied_to_the_first_gives_the_second(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert merge(before, difference(before, after)) == after


@settings(max_examples=1000)
@given(OBJECTS)
def test_the_difference_of_equals_is_empty(value: dict[str, Any]) -> None:
    assert difference(value, value) == {}


@given(SETTINGS, SETTINGS)
def test_a_second_plan_is_empty_whatever_was_before(first: dict[str, Any], second: dict[str, Any]) -> None:
    live = brought({}, first, {})
    assert plan(first, first, live).patch == {}
    after = brought(first, second, live)
    again = plan(second, second, after)
    assert (again.patch, again.conflicts) == ({}, ())


@settings(max_examples=1000)
@given(SETTINGS, SETTINGS, VARIABLES)
def test_what_nobody_here_set_survives(first: dict[str, Any], second: dict[str, Any], theirs: dict[str, str]) -> None:
    strange = {f"THEIR_{name}": value for name, value in theirs.items()}
    live = merge(
        brought({}, first, {}),
        {
            "networking": {"serviceDomains": {"x": {"port": 1}}},
            "deploy": {"runtime": "V2"},
            "variables": {name: {"value": value} for name, value in strange.items()},
        },
    )
    after = brought(first, second, live)
    assert after["networking"] == live["networking"]
    assert after["deploy"]["runtime"] == "V2"
    assert {name: value for name, value in live_variables(after).items() if name in strange} == strange


@given(SETTINGS)
def test_every_field_is_read_back_as_it_was_written(wanted: dict[str, Any]) -> None:
    found = live_fields(brought({}, wanted, {}))
    for field in FIELDS:
        if wanted.get(field.name) not in (None, "", [], {}) and wanted[field.name] != field.default:
            assert found[field.name] == wanted[field.name]


def test_a_default_and_an_absent_field_are_the_same_both_ways() -> None:
    assert plan({}, {"healthcheckTimeout": 300, "restartPolicyType": "ON_FAILURE"}, {}).patch == {}
    live = {"deploy": {"healthcheckTimeout": 300, "sleepApplication": False}}
    assert plan({"healthcheckTimeout": 300}, {}, live).patch == {}


def test_a_field_that_was_never_set_is_not_managed() -> None:
    assert plan({}, {"image": "a"}, {"source": {"image": "a"}, "deploy": {"startCommand": "theirs"}}).patch == {}


def test_a_field_that_was_taken_out_is_removed() -> None:
    live = {"deploy": {"startCommand": "ours"}}
    assert plan({"startCommand": "ours"}, {}, live).patch == {"deploy": {"startCommand": None}}


def test_a_region_that_was_left_is_named_in_the_patch() -> None:
    live = {"deploy": {"multiRegionConfig": {"us-west2": {"numReplicas": 2}}}}
    wanted = {"multiRegionConfig": {"europe-west4-drams3a": {"numReplicas": 2}}}
    found = plan({}, wanted, live)
    assert found.patch == {
        "deploy": {"multiRegionConfig": {"us-west2": None, "europe-west4-drams3a": {"numReplicas": 2}}}
    }
    assert found.deploys


def test_somebody_elses_change_of_what_is_managed_is_a_conflict_unless_it_is_what_is_wanted() -> None:
    recorded = {"startCommand": "a", "variables": {"A": "1", "B": "1"}}
    live = {"deploy": {"startCommand": "theirs"}, "variables": {"A": {"value": "theirs"}, "B": {"value": "2"}}}
    found = plan(recorded, {"startCommand": "b", "variables": {"A": "2", "B": "2"}}, live)
    assert found.conflicts == ("startCommand", "A")


def test_a_variable_that_somebody_removed_is_not_put_back_unseen() -> None:
    recorded = {"image": "a", "variables": {"A": "1", "B": "1"}}
    live = {"source": {"image": "a"}, "variables": {"B": {"value": "1"}}}
    assert plan(recorded, {**recorded, "image": "b"}, live).conflicts == ("A",)
    # A refresh has recorded that it is gone, and the preview then announces it.
    assert plan({"image": "a", "variables": {"B": "1"}}, recorded, live).conflicts == ()
    # Whoever takes it out of the code as well has no conflict.
    assert plan(recorded, {"image": "a", "variables": {"B": "1"}}, live).conflicts == ()


@pytest.mark.parametrize("key", ["unmanaged", "unmanagedSeen"])
def test_a_variable_that_somebody_set_before_us_is_a_conflict_until_it_is_recorded(key: str) -> None:
    recorded: dict[str, Any] = {"image": "a", "variables": {}}
    live = {"source": {"image": "a"}, "variables": {"NEW": {"value": "theirs"}}}
    assert plan(recorded, {"image": "a", "variables": {"NEW": "ours"}}, live).conflicts == ("NEW",)
    assert plan(recorded, {"image": "a", "variables": {"NEW": "theirs"}}, live).conflicts == ()
    assert plan({**recorded, key: ["NEW"]}, {"image": "a", "variables": {"NEW": "ours"}}, live).conflicts == ()


def test_a_field_that_somebody_set_before_us_is_a_conflict_until_it_is_recorded() -> None:
    live = {"source": {"image": "a"}, "deploy": {"healthcheckPath": "/theirs"}}
    wanted = {"image": "a", "healthcheckPath": "/ours"}
    assert plan({"image": "a"}, wanted, live).conflicts == ("healthcheckPath",)
    recorded = {"image": "a", "unmanagedFields": ["healthcheckPath"]}
    found = plan(recorded, wanted, live)
    assert (found.conflicts, found.fields) == ((), ("healthcheckPath",))
    # One that was ours, and that somebody changed since, stays one.
    assert plan({**recorded, "healthcheckPath": "/old"}, wanted, live).conflicts == ("healthcheckPath",)


def test_unmanaged_variables_go_only_where_that_is_asked() -> None:
    live = {"variables": {"THEIRS": {"value": "1"}}}
    assert plan({}, {"variables": {}}, live).patch == {}
    assert plan({}, {"variables": {}}, live, removes=["THEIRS"]).patch == {"variables": {"THEIRS": None}}


def test_a_sealed_value_is_sent_once_and_not_again() -> None:
    wanted = {"variables": {"S": "x"}, "sealedVariables": ["S"]}
    first = plan({}, wanted, {})
    assert first.patch == {"variables": {"S": {"value": "x", "isSealed": True}}}
    live = {"variables": {"S": {"value": None, "isSealed": True}}}
    assert plan(wanted, wanted, live).patch == {}
    assert plan(wanted, {**wanted, "variables": {"S": "y"}}, live).variables == ("S",)
