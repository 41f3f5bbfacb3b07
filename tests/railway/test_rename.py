"""A changed name renames a thing where it is: nothing is made anew, and nobody's rename is undone unseen."""

from __future__ import annotations

import json

import pytest

from railway_api.failure import Failure
from tests.railway.fix_resources import Made, Place
from tests.railway.resource_cases import CASES

RENAMES = {
    "Project": "mutation r($id: String!, $to: String!) { projectUpdate(id: $id, input: {name: $to}) { id } }",
    "Environment": "mutation r($id: String!, $to: String!) { environmentRename(id: $id, input: {name: $to}) { id } }",
    "Service": "mutation r($id: String!, $to: String!) { serviceUpdate(id: $id, input: {name: $to}) { id } }",
}
OPERATIONS = {"Project": "projectUpdate", "Environment": "environmentRename", "Service": "serviceUpdate"}
KINDS = sorted(RENAMES)


def rename_in_the_dashboard(at: Place, made: Made, kind: str, name: str) -> None:
    at.runs.emulator.run(RENAMES[kind], id=made.id, to=name)
    at.runs.mutations()


@pytest.mark.shows("drift")
@pytest.mark.parametrize("kind", KINDS)
def test_a_rename_in_the_dashboard_is_drift_and_the_next_update_renames_it_back(at: Place, kind: str) -> None:
    runs, case = at.runs, CASES[kind]
    made = runs.create(case.provider, case.inputs(at))
    rename_in_the_dashboard(at, made, kind, f"theirs-{at.service.id[:8]}")
    read = runs.refresh(made)
    assert read is not None
    assert read.outputs["name"] == f"theirs-{at.service.id[:8]}"
    back = runs.update(read, case.inputs(at))
    assert runs.mutations() == [OPERATIONS[kind]]
    assert back.id == made.id
    again = runs.refresh(back)
    assert again is not None
    assert again.outputs["name"] == case.inputs(at)["name"]
    assert not runs.differs(again, case.inputs(at))


@pytest.mark.parametrize("kind", KINDS)
def test_a_rename_that_nobody_has_seen_yet_stops_the_preview_and_the_update(at: Place, kind: str) -> None:
    runs, case = at.runs, CASES[kind]
    made = runs.create(case.provider, case.inputs(at))
    theirs, wanted = f"theirs-{at.service.id[:8]}", {**case.inputs(at), "name": "wanted"}
    rename_in_the_dashboard(at, made, kind, theirs)
    _, failures = runs.provider(case.provider).checked(made.inputs, wanted)
    (failure,) = failures
    assert failure.property == "name"
    assert f"there is no {kind.lower()} {made.inputs['name']!r} any more" in failure.reason
    assert "pulumi refresh" in failure.reason
    # The same a moment later, between the check and the update.
    with pytest.raises(Failure, match=rf"somebody renamed it to '{theirs}'.*pulumi refresh"):
        runs.provider(case.provider).updated(made.id, made.outputs, wanted)
    assert runs.mutations() == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_that_another_one_has_is_refused_before_anything_is_sent(at: Place, kind: str) -> None:
    runs, case = at.runs, CASES[kind]
    taken = f"taken-{at.service.id[:8]}"
    runs.create(case.provider, {**case.inputs(at), "name": taken})
    made = runs.create(case.provider, case.inputs(at))
    runs.mutations()
    with pytest.raises(Failure, match=f"cannot become '{taken}': there is another {kind.lower()} of that name"):
        runs.update(made, {**case.inputs(at), "name": taken})
    assert runs.mutations() == []


def test_what_was_named_by_its_id_keeps_the_name_that_its_owners_gave_it(at: Place) -> None:
    runs = at.runs
    for kind, key in (("Project", "projectIdToAdopt"), ("Environment", "environmentIdToAdopt")):
        case = CASES[kind]
        inputs = case.inputs(at)
        id_ = (at.project if kind == "Project" else at.environment).id
        made = runs.create(case.provider, {**inputs, key: id_, "name": "as-we-call-it"})
        read = runs.refresh(made)
        assert read is not None
        assert not runs.differs(read, {**inputs, key: id_, "name": "as-we-call-it"})
        runs.mutations()
        runs.update(made, {**inputs, key: id_, "name": "another-label"})
        assert runs.mutations() == []


def test_a_renamed_service_keeps_its_volume_its_domain_and_its_deployments(at: Place) -> None:
    runs = at.runs
    for kind in ("ServiceInstance", "Volume", "ServiceDomain"):
        runs.create(CASES[kind].provider, CASES[kind].inputs(at))
    before = runs.emulator.snapshot(at.environment.id)
    renamed = runs.update(at.service, {**at.service.inputs, "name": "renamed"})
    assert renamed.id == at.service.id
    after = runs.emulator.snapshot(at.environment.id)
    for key in ("volume_instance", "deployment", "config"):
        assert json.loads(before)[key] == json.loads(after)[key]
