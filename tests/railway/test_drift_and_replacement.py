"""More columns of the acceptance matrix: drift, what forces a replacement, and the two resources without a CASE."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from convos_infra.railway.resources.deployment import DeploymentProvider
from convos_infra.railway.resources.project_token import ProjectTokenProvider
from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from convos_infra.railway.session import RailwayProvider
from railway_api.failure import Failure
from tests.railway.fix_resources import IMAGE, Made, Place, Runs
from tests.railway.resource_cases import CASES, attributes, instance

UNREADABLE = ("registryCredentials", "sealedVariables")
NOT_ON_RAILWAY = ("disposablePrefix",)
"""Properties that only the state has."""
DRIFTING = attributes(*UNREADABLE, *NOT_ON_RAILWAY, "name")
"""Names are cases of tests/railway/test_rename.py."""
THEIRS = {"subdomain": "somebody-elses", "targetPort": 9000.0}
"""What the inputs of a case leave to Railway: there, somebody else has to have set another value."""
WHERE = ("projectId", "environmentId")
FORCED = {
    "Project": (),
    "Environment": ("projectId",),
    "Service": WHERE,
    "ServiceInstance": (*WHERE, "serviceId"),
    "SharedVariables": WHERE,
    "Volume": WHERE,
    "ServiceDomain": (*WHERE, "serviceId"),
    "CustomDomain": (*WHERE, "serviceId", "domain"),
    "TcpProxy": (*WHERE, "serviceId", "applicationPort"),
}
IN_PLACE = {"Volume": ("serviceId",)}


@pytest.mark.shows("drift")
@pytest.mark.parametrize(("kind", "name"), DRIFTING)
def test_what_somebody_else_changed_is_drift_and_the_next_preview_shows_the_way_back(
    at: Place, kind: str, name: str
) -> None:
    """Somebody else is another state of the same thing here: what it changes, the first one finds at its refresh."""
    runs, case = at.runs, CASES[kind]
    wanted = {**case.inputs(at), **case.changes[name]}
    theirs = {**wanted, name: THEIRS[name]} if name in THEIRS else case.inputs(at)
    mine = runs.create(case.provider, wanted)
    assert not runs.differs(mine, wanted)
    runs.update(replace(mine, outputs=dict(mine.outputs), inputs=dict(mine.inputs)), theirs)
    seen = runs.refresh(mine)
    assert seen is not None
    assert seen.outputs.get(name) != wanted[name]
    assert runs.differs(seen, wanted)


@pytest.mark.shows("replace")
@pytest.mark.parametrize("kind", sorted(FORCED))
def test_only_what_railway_cannot_change_in_place_is_replaced(kind: str, at: Place) -> None:
    case = CASES[kind]
    inputs = case.inputs(at)
    made = {**inputs, **{key: inputs.get(key, "x") for key in (*WHERE, "serviceId")}}
    names = {*FORCED[kind], *IN_PLACE.get(kind, ()), *(name for change in case.changes.values() for name in change)}
    forced = {}
    for name in sorted(names):
        other = next((change[name] for change in case.changes.values() if name in change), "another")
        diff = case.provider().changed("id", made, {**made, name: other})
        assert diff.changes, name
        forced[name] = list(diff.replaces or [])
    assert {name: keys for name, keys in forced.items() if keys} == {name: [name] for name in FORCED[kind]}


def token(at: Place) -> Made:
    return at.runs.create(ProjectTokenProvider, {**at.ids, "name": "pool"})


def deployment(at: Place) -> Made:
    made = at.runs.create(ServiceInstanceProvider, instance(at))
    row = {"name": "web", "serviceId": at.service.id, "deploymentId": made.outputs["deploymentId"], "image": IMAGE}
    return at.runs.create(DeploymentProvider, {**at.ids, "services": [row], "timeoutSeconds": 30.0})


MAKERS: Mapping[str, Callable[[Place], Made]] = {"Deployment": deployment, "ProjectToken": token}
OTHERS = sorted(MAKERS)


@pytest.mark.shows("basic", "second up")
@pytest.mark.parametrize("kind", OTHERS)
def test_made_then_a_second_up_asks_for_nothing(at: Place, kind: str) -> None:
    made = MAKERS[kind](at)
    at.runs.emulator.forget_calls()
    assert not at.runs.differs(made)
    assert at.runs.emulator.calls() == []
    read = at.runs.refresh(made)
    assert read is not None
    assert read.outputs == made.outputs


@pytest.mark.shows("parent disappears")
@pytest.mark.parametrize(
    ("kind", "parent"),
    [
        ("Deployment", "Environment"),
        ("Deployment", "Project"),
        ("ProjectToken", "Project"),
        ("ProjectToken", "Environment"),
    ],
)
def test_it_goes_with_its_parent(at: Place, kind: str, parent: str) -> None:
    made = MAKERS[kind](at)
    CASES[parent].remove(at, at.environment if parent == "Environment" else at.project)
    assert at.runs.refresh(made) is None
    at.runs.delete(made)


@pytest.mark.shows("failed read")
@pytest.mark.parametrize("fault", ["not_authorized", "429", "502", "html", "empty", "null_data", "opaque"])
@pytest.mark.parametrize("kind", OTHERS)
def test_its_failed_read_is_an_error_and_never_a_deletion(at: Place, kind: str, fault: str) -> None:
    made = MAKERS[kind](at)
    at.runs.emulator.fault(fault, times=30, seconds=1)
    with pytest.raises(Failure):
        at.runs.refresh(made)
    at.runs.emulator.admin("DELETE", "/faults")
    assert at.runs.refresh(made) is not None


@pytest.mark.shows("foreign token")
@pytest.mark.parametrize("token", ["nobodys", "of-another-workspace"])
@pytest.mark.parametrize("kind", OTHERS)
def test_a_foreign_token_neither_reads_nor_deletes_it(at: Place, kind: str, token: str) -> None:
    made = MAKERS[kind](at)
    at.runs.emulator.settings(other_workspace_token="of-another-workspace")
    stranger = Runs(at.runs.emulator, at.runs.monkeypatch, token=token)
    for attempt in (stranger.refresh, stranger.delete):
        with pytest.raises(Failure, match="Not Authorized|token"):
            attempt(made)
    assert at.runs.refresh(made) is not None


@pytest.mark.shows("replace")
@pytest.mark.parametrize(
    ("kind", "provider", "forced"),
    [("Deployment", DeploymentProvider, WHERE), ("ProjectToken", ProjectTokenProvider, (*WHERE, "name"))],
)
def test_another_place_is_another_one(kind: str, provider: type[RailwayProvider], forced: tuple[str, ...]) -> None:
    made: dict[str, Any] = {"projectId": "p", "environmentId": "e", "name": "n", "services": [], "timeoutSeconds": 1.0}
    found = {key: list(provider().changed("id", made, {**made, key: "other"}).replaces or []) for key in made}
    assert {key: keys for key, keys in found.items() if keys} == {key: [key] for key in forced}
