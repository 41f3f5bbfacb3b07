"""The first preview of what is there already: what will be taken over, and which properties change then."""

from __future__ import annotations

import pytest

from tests.railway.fix_resources import CASES, Place

CHANGED = {
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
