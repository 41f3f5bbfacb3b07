"""Which kind of token it is: told apart once, by an emulator that knows both kinds."""

from __future__ import annotations

import pytest

from convos_infra.railway.listing import list_projects
from convos_infra.railway.resources.environment import EnvironmentProvider
from convos_infra.railway.resources.project import ProjectProvider
from convos_infra.railway.resources.service import ServiceProvider
from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from railway_api.client import Client
from railway_api.failure import Failure
from railway_api.token import reach
from tests.railway.fix_resources import QUICK, Place, Runs
from tests.railway.resource_cases import CASES

TOKEN_CREATE = "mutation c($i: ProjectTokenCreateInput!) { projectTokenCreate(input: $i) }"


def project_token(at: Place) -> str:
    given = {"projectId": at.project.id, "environmentId": at.environment.id, "name": "t"}
    token: str = at.runs.emulator.run(TOKEN_CREATE, i=given)["projectTokenCreate"]
    at.runs.emulator.forget_calls()
    return token


def client(at: Place, token: str, *, project: bool = False) -> Client:
    return Client(at.runs.emulator.endpoint, token, project_token=project, timing=QUICK)


def test_an_account_token_reaches_its_workspaces_and_is_asked_once(at: Place) -> None:
    asks = client(at, at.runs.emulator.token)
    assert [reach(asks).workspaces for _ in range(3)][2]
    assert [call["operation"] for call in at.runs.emulator.calls()] == ["apiToken"]


def test_a_project_token_reaches_its_environment(at: Place) -> None:
    asks = client(at, project_token(at), project=True)
    found = reach(asks)
    assert (found.project_id, found.environment_id) == (at.project.id, at.environment.id)
    assert [row["id"] for row in list_projects(asks, subject="x")] == [at.project.id]


def test_a_project_token_for_workspace_operations_is_named_with_what_it_is_of(at: Place) -> None:
    token = project_token(at)
    with pytest.raises(Failure) as caught:
        reach(client(at, token))
    text = str(caught.value)
    assert text.startswith('railwayToken: Railway says "Not Authorized" to workspace operations: this is a project to')
    assert at.project.id in text
    assert text.endswith("use an account or workspace token (railway.com/account/tokens)")
    assert token not in text


def test_an_account_token_in_a_project_tokens_place_is_named(at: Place) -> None:
    with pytest.raises(Failure, match="this is an account or workspace token; set it as RAILWAY_API_TOKEN"):
        reach(client(at, at.runs.emulator.token, project=True))


@pytest.mark.parametrize(("project", "says"), [(False, "the token is wrong or revoked"), (True, "wrong or revoked")])
def test_a_revoked_token_is_neither(at: Place, project: bool, says: str) -> None:
    with pytest.raises(Failure, match=f"railwayToken: .*{says}"):
        reach(client(at, "revoked", project=project))


def test_railway_being_down_says_nothing_about_the_token(at: Place) -> None:
    at.runs.emulator.fault("502", times=30)
    with pytest.raises(Failure, match="HTTP 502; try again"):
        reach(client(at, "any"))


def test_with_a_project_token_an_environment_that_is_there_is_updated(at: Place) -> None:
    made = at.runs.create(ServiceInstanceProvider, CASES["ServiceInstance"].inputs(at))
    runs = Runs(at.runs.emulator, at.runs.monkeypatch, token=project_token(at), project_token=True)
    assert runs.create(ProjectProvider, at.project.inputs).id == at.project.id
    assert runs.create(EnvironmentProvider, at.environment.inputs).id == at.environment.id
    assert runs.create(ServiceProvider, {**at.ids, "name": "web"}).id == at.service.id
    assert runs.mutations() == []
    runs.update(made, {**CASES["ServiceInstance"].inputs(at), "startCommand": "run"})
    assert runs.mutations() == ["environmentPatchCommit"]


def test_a_project_token_makes_no_project_and_no_environment(at: Place) -> None:
    runs = Runs(at.runs.emulator, at.runs.monkeypatch, token=project_token(at), project_token=True)
    with pytest.raises(Failure, match="railwayToken: a project token makes no projects"):
        runs.create(ProjectProvider, {"name": "another"})
    with pytest.raises(Failure, match="railwayToken: a project token makes no environments"):
        runs.create(EnvironmentProvider, {**at.environment.inputs, "name": "another"})
    assert runs.mutations() == []
