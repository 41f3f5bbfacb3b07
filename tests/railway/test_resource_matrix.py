"""The acceptance matrix: every resource, by basic, again, each attribute, adopt, disappears, failed read, destroy."""

from __future__ import annotations

import json

import pytest

from railway_api.failure import Failure
from tests.railway.fix_resources import OTHER_IMAGE, Made, Place, Runs
from tests.railway.resource_cases import CASES, attributes

KINDS = sorted(CASES)
INSIDE = [kind for kind in KINDS if kind not in ("Project", "Environment")]
WHOLE = [kind for kind in KINDS if kind not in ("ServiceInstance", "SharedVariables")]
"""Those that can disappear by themselves; the others are parts of their parents: what is left of them is drift."""


def is_being_deleted(read: Made) -> bool:
    """Tell whether a refresh keeps it, with the mark that Railway deletes it for good in 48 hours."""
    return bool(read.inputs.get("pendingDeletion"))


@pytest.mark.shows("basic", "second up")
@pytest.mark.parametrize("kind", KINDS)
def test_created_then_a_second_up_sends_nothing(at: Place, kind: str) -> None:
    runs, case = at.runs, CASES[kind]
    made = runs.create(case.provider, case.inputs(at))
    assert made.id
    runs.mutations()
    assert not runs.differs(made)
    assert runs.emulator.calls() == []
    assert runs.update(made, case.inputs(at)).outputs == made.outputs
    assert runs.mutations() == []


@pytest.mark.shows("adopt")
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_there_already_is_taken_over_and_nothing_sent(at: Place, kind: str) -> None:
    runs, case = at.runs, CASES[kind]
    first = runs.create(case.provider, case.inputs(at))
    runs.mutations()
    again = runs.create(case.provider, case.inputs(at))
    assert again.id == first.id
    assert runs.mutations() == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_refresh_of_what_nobody_changed_is_no_drift(at: Place, kind: str) -> None:
    runs, case = at.runs, CASES[kind]
    made = runs.create(case.provider, case.inputs(at))
    read = runs.refresh(made)
    assert read is not None
    assert read.outputs == made.outputs
    assert not runs.differs(read, case.inputs(at))


@pytest.mark.shows("each attribute")
@pytest.mark.parametrize(("kind", "name"), attributes())
def test_each_attribute_is_set_read_back_and_taken_out_again(at: Place, kind: str, name: str) -> None:
    runs, case = at.runs, CASES[kind]
    before, after = case.inputs(at), {**case.inputs(at), **case.changes[name]}
    made = runs.create(case.provider, before)
    runs.mutations()
    changed = runs.update(made, after)
    sent = runs.mutations()
    assert len(sent) <= 1
    assert changed.outputs != made.outputs
    assert not runs.differs(changed, after)
    read = runs.refresh(changed)
    assert read is not None
    assert {key: read.outputs.get(key) for key in case.changes[name]} == {key: after[key] for key in case.changes[name]}
    assert not runs.differs(read, after)
    if name in case.one_way:
        with pytest.raises(AssertionError, match="sealedVariables.*Railway unseals none"):
            runs.update(changed, before)
        return
    back = runs.update(changed, before)
    assert not runs.differs(back, before)
    assert runs.emulator.calls() != []
    again = runs.refresh(back)
    assert again is not None
    assert not runs.differs(again, before)


@pytest.mark.shows("disappears")
@pytest.mark.parametrize("kind", WHOLE)
def test_what_disappeared_is_gone_and_made_again_once(at: Place, kind: str) -> None:
    runs, case = at.runs, CASES[kind]
    made = runs.create(case.provider, case.inputs(at))
    case.remove(at, made)
    assert runs.refresh(made) is None
    if kind in ("Project", "Environment"):
        return
    again = runs.create(case.provider, case.inputs(at))
    assert runs.refresh(again) is not None


@pytest.mark.shows("parent disappears")
@pytest.mark.parametrize(
    ("kind", "parent"),
    [("Environment", "Project"), *((kind, parent) for kind in INSIDE for parent in ("Environment", "Project"))],
)
def test_a_parent_that_disappeared_takes_it_along(at: Place, kind: str, parent: str) -> None:
    runs, case = at.runs, CASES[kind]
    made = runs.create(case.provider, case.inputs(at))
    CASES[parent].remove(at, at.environment if parent == "Environment" else at.project)
    assert runs.refresh(made) is None
    runs.delete(made)


FAILED_READS = ["not_authorized", "429", "502", "html", "empty", "null_data", "opaque", "drop_before"]


@pytest.mark.shows("failed read")
@pytest.mark.parametrize("fault", FAILED_READS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_failed_read_is_an_error_and_never_a_deletion(at: Place, kind: str, fault: str) -> None:
    runs, case = at.runs, CASES[kind]
    made = runs.create(case.provider, case.inputs(at))
    runs.emulator.fault(fault, times=30, seconds=1)
    with pytest.raises(Failure) as caught:
        runs.refresh(made)
    assert "\n" not in str(caught.value)
    runs.emulator.admin("DELETE", "/faults")
    assert runs.refresh(made) is not None


@pytest.mark.shows("foreign token")
@pytest.mark.parametrize("token", ["nobodys", "of-another-workspace"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_foreign_token_reads_nothing_and_destroys_nothing(at: Place, kind: str, token: str) -> None:
    runs, case = at.runs, CASES[kind]
    made = runs.create(case.provider, case.inputs(at))
    runs.mutations()
    runs.emulator.settings(other_workspace_token="of-another-workspace")
    stranger = Runs(runs.emulator, runs.monkeypatch, token=token)
    with pytest.raises(Failure, match="Not Authorized|token"):
        stranger.refresh(made)
    if kind not in ("ServiceInstance", "Project"):
        with pytest.raises(Failure, match="Not Authorized|token"):
            stranger.delete(made)
    assert runs.mutations() == []
    assert runs.refresh(made) is not None


@pytest.mark.shows("destroy")
@pytest.mark.parametrize("kind", [kind for kind in INSIDE if kind != "ServiceInstance"])
def test_deleted_it_is_gone_on_railway_and_a_second_delete_is_quiet(at: Place, kind: str) -> None:
    runs, case = at.runs, CASES[kind]
    made = runs.create(case.provider, case.inputs(at))
    runs.delete(made)
    read = runs.refresh(made)
    assert read is None or kind == "SharedVariables" or is_being_deleted(read)
    if read is not None and kind == "SharedVariables":
        assert read.outputs["variables"] == {}
    runs.mutations()
    runs.delete(made)
    assert runs.mutations() == []


MUTATING = {
    "Service": ("serviceCreate", "serviceDelete"),
    "ServiceInstance": ("environmentPatchCommit",),
    "SharedVariables": ("environmentPatchCommit",),
    "Volume": ("volumeCreate", "volumeDelete"),
    "ServiceDomain": ("serviceDomainCreate", "serviceDomainDelete"),
    "CustomDomain": ("customDomainCreate", "customDomainDelete"),
    "TcpProxy": ("environmentPatchCommit",),
}


@pytest.mark.shows("unknown outcome")
@pytest.mark.parametrize(
    "fault", ["lost_answer", "gateway_timeout", "drop_before", "502", "429", "opaque", "null_data"]
)
@pytest.mark.parametrize(("kind", "operation"), [(kind, name) for kind, names in MUTATING.items() for name in names])
def test_a_mutation_with_an_unknown_outcome_happens_once(at: Place, kind: str, operation: str, fault: str) -> None:
    runs, case = at.runs, CASES[kind]
    before = runs.emulator.snapshot(at.environment.id)
    if kind == "Service":
        runs.delete(at.service)
        before = runs.emulator.snapshot(at.environment.id)
    runs.mutations()
    if operation.endswith("Delete"):
        made = runs.create(case.provider, case.inputs(at))
        runs.mutations()
        runs.emulator.fault(fault, operation=operation, seconds=1)
        try:
            runs.delete(made)
        except Failure:
            runs.delete(made)
        # One is for what is left in the project (fact: scoped-delete-keeps-service).
        assert runs.mutations().count(operation) <= 2 + (operation == "serviceDelete")
        read = runs.refresh(made)
        assert read is None or is_being_deleted(read)
        return
    runs.emulator.fault(fault, operation=operation, seconds=1)
    try:
        made = runs.create(case.provider, case.inputs(at))
    except Failure:
        made = runs.create(case.provider, case.inputs(at))
    assert runs.refresh(made) is not None
    assert not runs.differs(made)
    happened = [
        call for call in runs.emulator.calls() if call["operation"] == operation and call["fault"] not in NOT_DONE
    ]
    assert len(happened) == 1
    assert before != runs.emulator.snapshot(at.environment.id)


NOT_DONE = ("drop_before", "502", "429", "opaque", "null_data")


def test_an_update_of_what_somebody_else_changed_stops_and_says_what(at: Place) -> None:
    runs, case = at.runs, CASES["ServiceInstance"]
    made = runs.create(case.provider, case.inputs(at))
    document = "mutation p($e: String!, $p: EnvironmentConfig) { environmentPatchCommit(environmentId: $e, patch: $p) }"
    patch = {"services": {at.service.id: {"variables": {"A": {"value": "theirs"}, "THEIRS": {"value": "x"}}}}}
    runs.emulator.run(document, e=at.environment.id, p=patch)
    runs.mutations()
    wanted = {**case.inputs(at), "image": OTHER_IMAGE, "variables": {"A": "3", "B": "${{web.A}}"}}
    with pytest.raises(Failure, match="web: A changed outside this stack"):
        runs.update(made, wanted)
    assert runs.mutations() == []
    read = runs.refresh(made)
    assert read is not None
    assert read.inputs["variables"]["A"] == "theirs"
    assert read.outputs["unmanaged"] == ["THEIRS"]
    done = runs.update(read, wanted)
    assert runs.deployments() == 1
    seen = runs.refresh(done)
    assert seen is not None
    assert seen.inputs["variables"] == wanted["variables"]
    assert seen.outputs["unmanaged"] == ["THEIRS"]


def test_a_service_that_was_removed_and_made_anew_gets_its_volume_with_its_data_back(at: Place) -> None:
    runs, case = at.runs, CASES["Volume"]
    volume = runs.create(case.provider, case.inputs(at))
    # From the whole project: where it is removed from an environment, it may be made again under its id.
    runs.emulator.run("mutation d($id: String!) { serviceDelete(id: $id) }", id=at.service.id)
    anew = runs.create(CASES["Service"].provider, {**at.ids, "name": at.service.inputs["name"]})
    assert anew.id != at.service.id
    runs.mutations()
    moved = runs.update(volume, {**case.inputs(at), "serviceId": anew.id})
    assert runs.mutations() == ["volumeInstanceUpdate"]
    assert moved.id == volume.id
    read = runs.refresh(moved)
    assert read is not None
    assert not runs.differs(read, {**case.inputs(at), "serviceId": anew.id})
    (living,) = [
        row for row in json.loads(runs.emulator.snapshot(at.environment.id))["volume_instance"] if not row["deletedAt"]
    ]
    assert (living["volumeId"], living["serviceId"]) == (volume.id, anew.id)
