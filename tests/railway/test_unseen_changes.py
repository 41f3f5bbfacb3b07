"""What somebody changed since the last update is not overwritten unseen, whatever the resource; nor guessed at."""

from __future__ import annotations

from typing import Any

import pytest

from railway_api.failure import Failure
from tests.railway.fix_resources import Made, Place, Props, patch
from tests.railway.resource_cases import CASES

SET_DOMAIN = "mutation u($input: ServiceDomainUpdateInput!) { serviceDomainUpdate(input: $input) }"
SET_PORT = """mutation u($id: String!, $e: String!, $port: Int) {
  customDomainUpdate(id: $id, environmentId: $e, targetPort: $port)
}"""
MOUNT = """mutation u($v: String!, $e: String, $input: VolumeInstanceUpdateInput!) {
  volumeInstanceUpdate(volumeId: $v, environmentId: $e, input: $input)
}"""


def change_the_domain(at: Place, made: Made) -> None:
    given = {"serviceDomainId": made.id, "domain": made.outputs["domain"], "targetPort": 9999}
    at.runs.emulator.run(SET_DOMAIN, input={**given, "serviceId": at.service.id, "environmentId": at.environment.id})


def change_the_port(at: Place, made: Made) -> None:
    at.runs.emulator.run(SET_PORT, id=made.id, e=at.environment.id, port=9999)


def change_the_mount(at: Place, made: Made) -> None:
    given = {"mountPath": "/theirs", "serviceId": at.service.id}
    at.runs.emulator.run(MOUNT, v=made.id, e=at.environment.id, input=given)


def change_the_variable(at: Place, made: Made) -> None:
    del made
    patch(at, {"sharedVariables": {"S": {"value": "theirs"}}})


CHANGES: dict[str, tuple[Any, Props, Props, str]] = {
    "ServiceDomain": (change_the_domain, {}, {"targetPort": 3000.0}, "targetPort"),
    "CustomDomain": (change_the_port, {"targetPort": 8080.0}, {"targetPort": 3000.0}, "targetPort"),
    "Volume": (change_the_mount, {}, {"mountPath": "/elsewhere"}, "mountPath"),
    "SharedVariables": (change_the_variable, {}, {"variables": {"S": "3"}}, "S"),
}


@pytest.mark.parametrize("kind", sorted(CHANGES))
def test_an_update_stops_and_names_it_and_goes_on_after_a_refresh(at: Place, kind: str) -> None:
    runs, case = at.runs, CASES[kind]
    change, before, after, name = CHANGES[kind]
    wanted = {**case.inputs(at), **before}
    made = runs.create(case.provider, wanted)
    change(at, made)
    runs.mutations()
    with pytest.raises(Failure, match=f"{name} changed outside this stack since the last update"):
        runs.update(made, {**wanted, **after})
    assert runs.mutations() == []
    read = runs.refresh(made)
    assert read is not None
    assert runs.drift(made, read)
    done = runs.update(read, {**wanted, **after})
    assert len(runs.mutations()) == 1
    again = runs.refresh(done)
    assert again is not None
    assert not runs.differs(again, {**wanted, **after})


@pytest.mark.believed("domain_rename")
def test_a_domain_that_somebody_renamed_keeps_its_name_and_stops_the_update_that_would_bind_it_unsaid(
    at: Place,
) -> None:
    runs, case = at.runs, CASES["ServiceDomain"]
    wanted = {key: value for key, value in case.inputs(at).items() if key != "subdomain"}
    made = runs.create(case.provider, wanted)
    suffix = str(made.outputs["domain"]).partition(".")[2]
    place = {"serviceId": at.service.id, "environmentId": at.environment.id}
    given = {**place, "serviceDomainId": made.id, "domain": f"theirs.{suffix}", "targetPort": wanted.get("targetPort")}
    runs.emulator.run(SET_DOMAIN, input=given)
    runs.mutations()
    with pytest.raises(Failure, match=rf"somebody renamed it from .* to theirs\.{suffix} since the last update"):
        runs.update(made, {**wanted, "targetPort": 3000.0})
    assert runs.mutations() == []
    read = runs.refresh(made)
    assert read is not None
    done = runs.update(read, {**wanted, "targetPort": 3000.0})
    assert done.outputs["domain"] == f"theirs.{suffix}"
    assert runs.mutations() == ["serviceDomainUpdate"]


def test_a_volume_that_somebody_detached_is_not_attached_again_unseen(at: Place) -> None:
    runs, case = at.runs, CASES["Volume"]
    made = runs.create(case.provider, case.inputs(at))
    runs.emulator.run(MOUNT, v=made.id, e=at.environment.id, input={"serviceId": None})
    runs.mutations()
    elsewhere = {**case.inputs(at), "mountPath": "/elsewhere"}
    with pytest.raises(Failure, match="serviceId changed outside this stack since the last update"):
        runs.update(made, elsewhere)
    assert runs.mutations() == []
    read = runs.refresh(made)
    assert read is not None
    assert runs.drift(made, read)
    runs.update(read, elsewhere)
    assert runs.mutations() == ["volumeInstanceUpdate"]
    again = runs.refresh(made)
    assert again is not None
    assert (again.outputs["serviceId"], again.outputs["mountPath"]) == (at.service.id, "/elsewhere")


@pytest.mark.parametrize("kind", ["CustomDomain", "ServiceDomain", "Volume"])
def test_what_somebody_made_as_it_is_wanted_by_now_is_taken_as_it_is(at: Place, kind: str) -> None:
    runs, case = at.runs, CASES[kind]
    change, before, _, name = CHANGES[kind]
    wanted = {**case.inputs(at), **before}
    made = runs.create(case.provider, wanted)
    change(at, made)
    runs.mutations()
    theirs = {"mountPath": "/theirs"} if name == "mountPath" else {"targetPort": 9999.0}
    runs.update(made, {**wanted, **theirs})
    assert runs.mutations() == []


def test_of_two_domains_none_is_guessed_and_a_label_names_one(at: Place) -> None:
    runs, case = at.runs, CASES["ServiceDomain"]
    labels = [f"{word}-{at.service.id[:8]}" for word in ("first", "second")]
    networking = {"serviceDomains": {f"{label}.up.railway.app": {} for label in labels}}
    patch(at, {"services": {at.service.id: {"networking": networking}}})
    runs.mutations()
    inputs = {key: value for key, value in case.inputs(at).items() if key != "targetPort"}
    with pytest.raises(Failure, match="the service has 2 Railway domains: .*set subdomain to the label"):
        runs.create(case.provider, inputs)
    label = labels[1]
    made = runs.create(case.provider, {**inputs, "subdomain": label})
    assert made.outputs["domain"] == f"{label}.up.railway.app"
    assert runs.mutations() == []
    assert not runs.differs(made, {**inputs, "subdomain": label})
    changed = runs.update(made, {**inputs, "subdomain": label, "targetPort": 3000.0})
    assert (changed.id, changed.outputs["domain"]) == (made.id, made.outputs["domain"])


def test_shared_variables_of_somebody_are_named_before_they_are_taken_over(at: Place) -> None:
    runs, case = at.runs, CASES["SharedVariables"]
    patch(at, {"sharedVariables": {"S": {"value": "theirs"}, "T": {"value": "x"}}})
    said = runs.checked(case.provider, case.inputs(at))
    assert said["adopts"] == "S, T: changes S"
    assert "theirs" not in str(said["adopts"])
    made = runs.create(case.provider, case.inputs(at))
    assert not runs.differs(made, case.inputs(at))
