"""A token of one environment, whose value Railway shows once."""

from __future__ import annotations

from typing import Any

import pytest

from convos_infra.railway.resources.project_token import ProjectTokenProvider
from tests.railway.fix_resources import Place, Runs, patch


def inputs(at: Place) -> dict[str, Any]:
    return {**at.ids, "name": "pool-manager"}


def reaches(runs: Runs, value: str) -> str:
    query = "query who { projectToken { environmentId } }"
    answer = runs.emulator.post(query, headers={"Project-Access-Token": value})
    found = answer.json()
    return str((found.get("data") or {"projectToken": {"environmentId": ""}})["projectToken"]["environmentId"])


@pytest.mark.shows("basic", "destroy", of=["ProjectToken"])
def test_a_token_reaches_its_environment_and_is_revoked_with_it(runs: Runs, at: Place) -> None:
    made = runs.create(ProjectTokenProvider, inputs(at))
    assert runs.mutations() == ["projectTokenCreate"]
    assert reaches(runs, made.outputs["value"]) == at.environment.id
    assert not runs.differs(made)
    seen = runs.refresh(made)
    assert seen is not None
    assert seen.outputs["value"] == made.outputs["value"]
    runs.delete(made)
    assert runs.refresh(made) is None
    runs.delete(made)
    assert runs.mutations() == ["projectTokenDelete"]


@pytest.mark.shows("unknown outcome", of=["ProjectToken"])
@pytest.mark.parametrize("kind", ["lost_answer", "gateway_timeout", "502"])
def test_a_token_whose_answer_was_lost_is_deleted_and_made_again(runs: Runs, at: Place, kind: str) -> None:
    runs.emulator.fault(kind, operation="projectTokenCreate")
    made = runs.create(ProjectTokenProvider, inputs(at))
    assert reaches(runs, made.outputs["value"]) == at.environment.id
    again = runs.create(ProjectTokenProvider, inputs(at))
    assert reaches(runs, again.outputs["value"]) == at.environment.id
    assert reaches(runs, made.outputs["value"]) == "", "the one that a forgotten run left is revoked"


def test_a_token_that_a_living_service_may_use_is_not_revoked_when_the_state_is_lost(runs: Runs, at: Place) -> None:
    used = {**inputs(at), "serviceId": at.service.id, "variable": "RAILWAY_API_TOKEN"}
    made = runs.create(ProjectTokenProvider, used)
    forgotten = runs.create(ProjectTokenProvider, used)
    assert reaches(runs, made.outputs["value"]) == "", "the service has no token yet: nobody can be using it"
    sealed = {"value": forgotten.outputs["value"], "isSealed": True}
    patch(at, {"services": {at.service.id: {"variables": {"RAILWAY_API_TOKEN": sealed}}}})
    again = runs.create(ProjectTokenProvider, used)
    assert reaches(runs, forgotten.outputs["value"]) == at.environment.id
    assert reaches(runs, again.outputs["value"]) == at.environment.id
    assert again.id != forgotten.id
    runs.delete(forgotten)
    assert reaches(runs, again.outputs["value"]) == at.environment.id


@pytest.mark.parametrize("kind", ["lost_answer", "502"])
def test_a_lost_answer_beside_a_token_in_use_revokes_neither(runs: Runs, at: Place, kind: str) -> None:
    used = {**inputs(at), "serviceId": at.service.id, "variable": "RAILWAY_API_TOKEN"}
    living = runs.create(ProjectTokenProvider, used)
    patch(at, {"services": {at.service.id: {"variables": {"RAILWAY_API_TOKEN": {"value": living.outputs["value"]}}}}})
    runs.emulator.fault(kind, operation="projectTokenCreate")
    again = runs.create(ProjectTokenProvider, used)
    assert reaches(runs, living.outputs["value"]) == at.environment.id
    assert reaches(runs, again.outputs["value"]) == at.environment.id
    assert again.outputs["value"] != living.outputs["value"]


def test_a_foreign_token_empties_no_state(runs: Runs, at: Place) -> None:
    made = runs.create(ProjectTokenProvider, inputs(at))
    runs.token = "somebody-elses"
    with pytest.raises(Exception, match="Not Authorized"):
        runs.refresh(made)


@pytest.mark.shows("disappears", of=["ProjectToken"])
def test_a_token_that_was_revoked_by_hand_is_made_again(runs: Runs, at: Place) -> None:
    made = runs.create(ProjectTokenProvider, inputs(at))
    runs.delete(made)
    assert runs.refresh(made) is None
