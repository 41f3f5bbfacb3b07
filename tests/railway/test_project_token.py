"""A token of one environment, whose value Railway shows once."""

from __future__ import annotations

from typing import Any

import pytest

from convos_infra.railway.resources.project_token import ProjectTokenProvider
from tests.railway.fix_resources import Place, Runs


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
