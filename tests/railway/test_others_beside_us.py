"""What others stored, changed or took away beside us: named before it comes to life, never overwritten unseen."""

from __future__ import annotations

from typing import Any

import pytest

from convos_infra.railway.change import announced
from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from railway_api.failure import Failure
from tests.railway.fix_resources import IMAGE, OTHER_IMAGE, Place, refreshed
from tests.railway.resource_cases import instance
from tests.railway.scene import Scene
from tests.railway.scene_changes import proxy_gone, volume_detached, volume_moved
from tests.railway.small_stack import SmallStack, scene_of

STEPS = {"proxy gone": proxy_gone, "volume detached": volume_detached, "volume mounted elsewhere": volume_moved}


def scene(at: Place) -> Scene:
    return Scene(at.runs.emulator, at.project.id, at.environment.id, "web")


@pytest.mark.parametrize(
    ("theirs", "named"),
    [
        ({"variables": {"X": {"value": "s3cret-1"}}}, ["X"]),
        ({"variables": {"X": {"value": "1"}, "Y": {"value": "2"}}}, ["X", "Y"]),
        ({"deploy": {"startCommand": "theirs"}}, ["startCommand"]),
        ({"deploy": {"restartPolicyType": "NEVER"}, "variables": {"X": {"value": "1"}}}, ["restartPolicyType", "X"]),
        ({"deploy": {"healthcheckTimeout": 300}}, []),
        ({"deploy": {"multiRegionConfig": {"us-west2": {"numReplicas": 2}}}}, []),
    ],
)
def test_what_others_stored_is_named_before_our_deployment_brings_it_to_life(
    at: Place, theirs: Any, named: list[str]
) -> None:
    runs = at.runs
    made = runs.create(ServiceInstanceProvider, instance(at))
    scene(at).patch(theirs, stored_only=True)
    wanted = {**instance(at), "image": OTHER_IMAGE}
    said = runs.checked(ServiceInstanceProvider, wanted, made.inputs)
    assert announced(made.inputs, said) == 1
    assert said["change"].get("others", []) == named
    assert "s3cret-1" not in str(said["deploys"])
    # What is named is no reason by itself: without a change of ours there is nothing to announce, and nothing is asked.
    runs.emulator.forget_calls()
    assert announced(made.inputs, runs.checked(ServiceInstanceProvider, instance(at), made.inputs)) == 0
    assert runs.emulator.calls() == []


def test_a_value_that_others_removed_without_a_deployment_is_named_and_what_we_remove_is_not(at: Place) -> None:
    runs = at.runs
    scene(at).patch({"variables": {"THEIRS": {"value": "1"}}, "source": {"image": IMAGE}})
    made = runs.create(ServiceInstanceProvider, instance(at))
    scene(at).set("THEIRS", None, stored_only=True)
    wanted = {**instance(at), "variables": {"B": "${{web.A}}", "A": "2"}}
    said = runs.checked(ServiceInstanceProvider, wanted, made.inputs)
    assert said["change"]["others"] == ["THEIRS"]


def test_taking_back_what_was_only_stored_deploys_nothing_and_brings_nothing_of_others_to_life(at: Place) -> None:
    runs = at.runs
    made = runs.create(ServiceInstanceProvider, instance(at))
    scene(at).patch({"variables": {"A": {"value": "theirs"}, "THEIRS": {"value": "1"}}}, stored_only=True)
    read = refreshed(at, made)
    said = runs.checked(ServiceInstanceProvider, instance(at), read.inputs)
    assert said["deploys"].startswith("0 deployments, stored only: 1 variable (A)")
    runs.emulator.forget_calls()
    done = runs.update(read, instance(at))
    assert runs.deployments() == 0
    stored = scene(at).truth()["config"]["services"][at.service.id]["variables"]
    assert {name: entry["value"] for name, entry in stored.items()} == {"A": "1", "B": "${{web.A}}", "THEIRS": "1"}
    assert not runs.drift(done, refreshed(at, done))


def test_the_preview_stops_where_somebody_changed_what_it_is_about_to_change_and_says_what_going_on_does(
    at: Place,
) -> None:
    runs = at.runs
    made = runs.create(ServiceInstanceProvider, instance(at))
    scene(at).set("A", "theirs")
    runs.mutations()
    wanted = {**instance(at), "variables": {"A": "2", "B": "${{web.A}}"}}
    with pytest.raises(Failure, match="A changed outside this stack.*then puts this stack's value back"):
        runs.checked(ServiceInstanceProvider, wanted, made.inputs)
    assert announced(
        made.inputs, runs.checked(ServiceInstanceProvider, {**wanted, "overwriteChanges": True}, made.inputs)
    )
    assert runs.mutations() == []


@pytest.mark.parametrize("name", sorted(STEPS))
def test_what_takes_a_deployment_takes_exactly_one_also_with_a_state_of_an_older_release(
    stack: SmallStack, name: str
) -> None:
    """Such a state says nothing of what is bound, which is no difference by itself."""
    runs = stack.runs
    made = stack.state["web-instance"]
    for props in (made.inputs, made.outputs):
        props.pop("bound")
        props.pop("change", None)
    runs.emulator.forget_calls()
    assert stack.preview() == []
    assert runs.emulator.calls() == []
    STEPS[name](scene_of(stack))
    assert stack.refresh()
    assert sum(step.deployments for step in stack.preview()) == 1
    runs.emulator.forget_calls()
    stack.up()
    assert runs.deployments() == 1
    assert stack.preview() == []


def test_a_refresh_of_everything_asks_railway_three_times_at_most(stack: SmallStack) -> None:
    stack.runs.emulator.forget_calls()
    assert stack.refresh() == []
    calls = [call["operation"] for call in stack.runs.emulator.calls()]
    assert len(calls) <= 3, calls


@pytest.mark.parametrize("status", ["CRASHED", "REMOVED", "FAILED", "SKIPPED"])
def test_taking_over_a_service_that_does_not_serve_announces_the_deployment_that_brings_it_back(
    at: Place, status: str
) -> None:
    runs = at.runs
    runs.create(ServiceInstanceProvider, instance(at))
    scene(at).newest(status)
    said = runs.checked(ServiceInstanceProvider, instance(at))
    assert said["adopts"].endswith("changes nothing")
    assert announced({}, said) == 1
    runs.emulator.forget_calls()
    made = runs.create(ServiceInstanceProvider, instance(at))
    assert runs.deployments() == 1
    assert not runs.drift(made, refreshed(at, made))


@pytest.mark.parametrize("refreshes", [False, True])
@pytest.mark.parametrize("name", sorted(STEPS))
def test_an_update_that_ended_before_the_deployment_makes_it_the_next_time(
    stack: SmallStack, name: str, *, refreshes: bool
) -> None:
    STEPS[name](scene_of(stack))
    assert stack.refresh()
    program = stack.program
    stack.program = [row for row in program if not row.name.endswith("-instance") and row.name != "ready"]
    stack.up()
    stack.program = program
    if refreshes:
        stack.refresh()
    assert sum(step.deployments for step in stack.preview()) == 1
    stack.runs.emulator.forget_calls()
    stack.up()
    assert stack.runs.deployments() == 1
    assert stack.refresh() == []


def test_somebody_mended_it_between_preview_and_update_and_nothing_is_deployed(at: Place) -> None:
    runs = at.runs
    made = runs.create(ServiceInstanceProvider, instance(at))
    scene(at).newest("CRASHED")
    read = refreshed(at, made)
    assert announced(read.inputs, runs.checked(ServiceInstanceProvider, instance(at), read.inputs)) == 1
    scene(at).deploy()
    runs.mutations()
    done = runs.update(read, instance(at))
    assert runs.mutations() == []
    assert not runs.drift(done, refreshed(at, done))


def test_it_crashed_after_the_last_refresh_and_an_update_of_something_else_deploys_nothing_unannounced(
    at: Place,
) -> None:
    runs = at.runs
    wanted = {**instance(at), "multiRegionConfig": {"us-west2": {"numReplicas": 1.0}}}
    made = runs.create(ServiceInstanceProvider, wanted)
    scene(at).newest("CRASHED")
    scaled = {**wanted, "multiRegionConfig": {"us-west2": {"numReplicas": 2.0}}}
    said = runs.checked(ServiceInstanceProvider, scaled, made.inputs)
    assert announced(made.inputs, said) == 0
    runs.emulator.forget_calls()
    done = runs.update(made, scaled)
    assert runs.deployments() == 0
    assert refreshed(at, done).inputs["notServing"] == "crashed"


def test_proxies_that_cannot_be_read_are_kept_with_the_reason_and_everything_else_is_refreshed(
    stack: SmallStack,
) -> None:
    runs = stack.runs
    before = dict(stack.state["proxy"].outputs)
    scene_of(stack).newest("CRASHED")
    # The variables of the deployments and the proxies are asked for in one call, and then the proxies alone.
    runs.emulator.fault("opaque", operation="deploymentSnapshot", times=20)
    runs.emulator.fault("opaque", operation="tcpProxies", times=20)
    assert stack.refresh() == ["web-instance"]
    kept = stack.state["proxy"].outputs
    assert "Problem processing request" in kept["unread"]
    assert {**kept, "unread": None} == {**before, "unread": None}
    assert any("TCP proxy of web: the recorded values are kept" in line for line in runs.said)
    runs.emulator.admin("DELETE", "/faults")
    stack.refresh()
    assert stack.state["proxy"].outputs == before
    scene = scene_of(stack)
    proxy_gone(scene)
    runs.emulator.fault("opaque", operation="deploymentSnapshot", times=20)
    assert "proxy" in stack.refresh(), "gone is what the environment itself shows"
