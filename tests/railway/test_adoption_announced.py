"""The first preview of what is there already: what will be taken over, and which properties change then."""

from __future__ import annotations

import pytest

from convos_infra.railway.resources.environment import EnvironmentProvider
from tests.railway.fix_resources import Place, Props
from tests.railway.resource_cases import CASES

CHANGED: dict[str, tuple[Props, str]] = {
    "CustomDomain": ({"targetPort": 3000.0}, "targetPort"),
    "ServiceDomain": ({"targetPort": 3000.0}, "targetPort"),
    "SharedVariables": ({"variables": {"S": "2"}}, "S"),
    "TcpProxy": ({}, "nothing"),
    "Volume": ({"mountPath": "/elsewhere"}, "mountPath"),
}


@pytest.mark.parametrize("kind", sorted(CHANGED))
def test_a_thing_of_somebody_is_announced_with_what_changes(at: Place, kind: str) -> None:
    runs, case = at.runs, CASES[kind]
    inputs, (change, named) = case.inputs(at), CHANGED[kind]
    assert "adopts" not in runs.checked(case.provider, inputs)
    runs.create(case.provider, inputs)
    assert runs.checked(case.provider, inputs)["adopts"].endswith("changes nothing")
    assert runs.checked(case.provider, {**inputs, **change})["adopts"].endswith(f"changes {named}")


@pytest.mark.parametrize("kind", sorted(CHANGED))
def test_what_was_announced_stays_and_is_no_difference(at: Place, kind: str) -> None:
    runs, case = at.runs, CASES[kind]
    inputs = case.inputs(at)
    runs.create(case.provider, inputs)
    made = runs.create(case.provider, inputs)
    assert made.inputs["adopts"]
    assert runs.checked(case.provider, inputs, made.inputs)["adopts"] == made.inputs["adopts"]
    read = runs.refresh(made)
    assert read is not None
    assert not runs.differs(read, inputs)
    assert not runs.drift(made, read)


CREATE = "mutation s($input: ServiceCreateInput!) { serviceCreate(input: $input) { id } }"
FILL = """mutation v($input: VolumeCreateInput!) { volumeCreate(input: $input) { id } }"""


def test_what_a_new_environment_copies_from_its_base_is_named_before_it_is_made(at: Place) -> None:
    runs = at.runs
    base = at.project.outputs["baseEnvironmentId"]
    inputs = {"projectId": at.project.id, "name": "second", "baseEnvironmentId": base}
    # As the program makes it, a base is empty.
    assert "copies" not in runs.checked(EnvironmentProvider, inputs)
    place = {"projectId": at.project.id, "environmentId": base}
    runs.emulator.run(CREATE, input={**place, "name": "theirs"})
    runs.emulator.run(FILL, input={**place, "mountPath": "/data"})
    runs.mutations()
    named = runs.checked(EnvironmentProvider, inputs)
    assert named["copies"] == ["theirs", "volume volume (mounted nowhere)"]
    assert runs.mutations() == []
    made = runs.create(EnvironmentProvider, inputs)
    assert made.inputs["copies"] == named["copies"]
    # Said once: what is made is not made again.
    assert not runs.differs(made, inputs)
    read = runs.refresh(made)
    assert read is not None
    assert not runs.drift(made, read)


def test_an_environment_that_is_taken_over_copies_nothing(at: Place) -> None:
    base = at.project.outputs["baseEnvironmentId"]
    at.runs.emulator.run(CREATE, input={"projectId": at.project.id, "environmentId": base, "name": "theirs"})
    assert "copies" not in at.runs.checked(EnvironmentProvider, at.environment.inputs)
