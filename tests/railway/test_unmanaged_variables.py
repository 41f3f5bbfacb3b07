"""Variables and sources that nobody here set: kept, or removed as a preview has said; and what they cost."""

from __future__ import annotations

import pytest

from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from railway_api.failure import Failure
from tests.railway.fix_resources import IMAGE, OTHER_IMAGE, Made, Place, Props, patch, refreshed
from tests.railway.resource_cases import instance

THEIRS = {"value": "somebody's-work"}


def theirs(at: Place, name: str) -> None:
    patch(at, {"services": {at.service.id: {"variables": {name: THEIRS}}}})
    at.runs.mutations()


def removing(at: Place) -> Props:
    return {**instance(at), "unmanagedVariables": "remove"}


def preview(at: Place, made: Made, wanted: Props) -> Props:
    return at.runs.checked(ServiceInstanceProvider, wanted, made.inputs)


def test_one_that_no_preview_has_named_is_never_removed(at: Place) -> None:
    runs = at.runs
    made = runs.create(ServiceInstanceProvider, removing(at))
    theirs(at, "HOTFIX")
    changed = runs.update(made, {**removing(at), "image": OTHER_IMAGE})
    assert changed.outputs["unmanaged"] == ["HOTFIX"]
    assert (
        "web: kept, because the preview did not list them: HOTFIX; pulumi refresh records them for the next one"
        in runs.said
    )


def test_a_refresh_sees_it_the_preview_names_it_and_the_update_removes_it_once(at: Place) -> None:
    runs = at.runs
    made = runs.create(ServiceInstanceProvider, removing(at))
    theirs(at, "HOTFIX")
    read = refreshed(at, made)
    said = preview(at, read, removing(at))
    assert said["deploys"].startswith("1 deployment: 1 variable (HOTFIX)")
    runs.emulator.forget_calls()
    done = runs.update(read, removing(at))
    assert runs.deployments() == 1
    assert done.outputs["unmanaged"] == []
    assert not runs.differs(done, removing(at))
    after = refreshed(at, done)
    assert after.outputs == done.outputs
    assert not runs.drift(done, after)
    theirs(at, "HOTFIX")
    again = runs.update(refreshed(at, after), removing(at))
    assert again.outputs["unmanaged"] == []


def test_kept_ones_are_reported_and_cost_nothing(at: Place) -> None:
    made = at.runs.create(ServiceInstanceProvider, instance(at))
    theirs(at, "HOTFIX")
    read = refreshed(at, made)
    assert read.outputs["unmanaged"] == ["HOTFIX"]
    assert at.runs.drift(made, read), "a refresh shows it"
    assert not at.runs.drift(read, refreshed(at, read)), "once"
    assert not at.runs.differs(read, instance(at))
    theirs(at, "ANOTHER")
    changed = at.runs.update(read, {**instance(at), "image": OTHER_IMAGE})
    assert changed.outputs["unmanaged"] == ["ANOTHER", "HOTFIX"]
    assert not at.runs.differs(changed, {**instance(at), "image": OTHER_IMAGE})
    assert at.runs.drift(changed, refreshed(at, changed))


def test_one_that_was_there_when_the_service_was_taken_over_is_no_drift(at: Place) -> None:
    runs = at.runs
    patch(at, {"services": {at.service.id: {"source": {"image": IMAGE}, "variables": {"THEIRS": THEIRS}}}})
    made = runs.create(ServiceInstanceProvider, {**instance(at), "variables": {}})
    assert made.outputs["unmanaged"] == ["THEIRS"]
    assert not runs.drift(made, refreshed(at, made))
    assert not runs.differs(made, {**instance(at), "variables": {}})


def test_taking_over_says_which_it_removes(at: Place) -> None:
    runs = at.runs
    patch(at, {"services": {at.service.id: {"source": {"image": IMAGE}, "variables": {"OLD": THEIRS}}}})
    said = runs.checked(ServiceInstanceProvider, {**removing(at), "variables": {}})
    assert said["adopts"].endswith("changes OLD")
    assert said["deploys"] == "1 deployment: 1 variable (OLD) (change 1)"
    runs.emulator.forget_calls()
    assert runs.create(ServiceInstanceProvider, {**removing(at), "variables": {}}).outputs["unmanaged"] == []
    assert runs.deployments() == 1


def test_a_source_that_is_no_input_is_counted_once_a_refresh_has_seen_it(at: Place) -> None:
    runs = at.runs
    plain: Props = {**at.at, "variables": {"A": "1"}, "unmanagedVariables": "keep"}
    made = runs.create(ServiceInstanceProvider, plain)
    patch(at, {"services": {at.service.id: {"source": {"image": IMAGE}}}})
    runs.mutations()
    with pytest.raises(
        Failure, match=r"web: the preview announced no deployment, and this takes one \(A\).*pulumi refresh"
    ):
        runs.update(made, {**plain, "variables": {"A": "2"}})
    assert runs.mutations() == []
    read = refreshed(at, made)
    assert preview(at, read, {**plain, "variables": {"A": "2"}})["deploys"].startswith("1 deployment: 1 variable (A)")
    runs.emulator.forget_calls()
    done = runs.update(read, {**plain, "variables": {"A": "2"}})
    assert runs.deployments() == 1
    # And it is still known at the next preview.
    assert preview(at, done, {**plain, "variables": {"A": "3"}})["deploys"].startswith("1 deployment: ")


def test_overwriting_what_somebody_changed_makes_no_deployment_that_no_preview_said(at: Place) -> None:
    runs = at.runs
    wanted: Props = {**instance(at), "overwriteChanges": True, "multiRegionConfig": {"us-west2": {"numReplicas": 1}}}
    made = runs.create(ServiceInstanceProvider, wanted)
    patch(at, {"services": {at.service.id: {"deploy": {"startCommand": "theirs"}, "variables": {"A": THEIRS}}}})
    runs.mutations()
    more = {**wanted, "multiRegionConfig": {"us-west2": {"numReplicas": 2}}}
    assert preview(at, made, more)["deploys"].startswith("0 deployments, stored only: multiRegionConfig")
    with pytest.raises(Failure, match="announced no deployment, and this takes one"):
        runs.update(made, more)
    assert runs.mutations() == []
