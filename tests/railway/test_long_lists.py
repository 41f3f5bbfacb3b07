"""Lists that do not fit on one page: what is beyond the first page is there, and is not made a second time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from convos_infra.errors import InfraError
from convos_infra.railway import destroy_reasons
from convos_infra.railway.listing import ENVIRONMENTS, completed, list_projects
from convos_infra.railway.resources.environment import EnvironmentProvider
from convos_infra.railway.resources.project_token import ProjectTokenProvider
from convos_infra.railway.resources.service import ServiceProvider
from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from convos_infra.railway.resources.volume import VolumeProvider
from convos_infra.railway.snapshots import Snapshots
from ops.status import railway_view
from railway_api import documents
from railway_api.client import Client
from railway_api.errors import NotAuthorized
from tests.railway.fix_resources import IMAGE, QUICK, Made, Place
from tests.railway.resource_cases import CASES

_VOLUME = "mutation v($input: VolumeCreateInput!) { volumeCreate(input: $input) { id } }"
_SERVICE = "mutation s($input: ServiceCreateInput!) { serviceCreate(input: $input) { id } }"
_TOKEN = "mutation t($input: ProjectTokenCreateInput!) { projectTokenCreate(input: $input) }"
_FORK = "mutation e($input: EnvironmentCreateInput!) { environmentCreate(input: $input) { id } }"
_PAGED = re.compile(r"(environments|services|serviceInstances|volumes|volumeInstances)\(first: \d+")
_TOKENS = re.compile(r"(projectTokens\(projectId: \$\w+, first: )\d+")


@pytest.fixture(params=[1, 2])
def short_pages(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Let every page have so few rows as if a project had hundreds."""
    ask = Client.query

    def query(self: Client, document: str, variables: Any, *, subject: str) -> Any:
        short = _TOKENS.sub(rf"\g<1>{request.param}", _PAGED.sub(rf"\1(first: {request.param}", document))
        return ask(self, short, variables, subject=subject)

    monkeypatch.setattr(Client, "query", query)
    return int(request.param)


def others_before(at: Place) -> None:
    """Make what pushes the stack's own things behind the first page."""
    for number in range(3):
        given = {"projectId": at.project.id, "name": f"other-{number}", "sourceEnvironmentId": base(at)}
        at.runs.emulator.run(_FORK, input=given)
        at.runs.emulator.run(_VOLUME, input={**at.ids, "mountPath": f"/other-{number}"})
        at.runs.emulator.run(_SERVICE, input={**at.ids, "name": f"other-{number}"})
        at.runs.emulator.run(_TOKEN, input={**at.ids, "name": f"other-{number}"})


def base(at: Place) -> str:
    return str(at.project.outputs["baseEnvironmentId"])


@pytest.fixture
def later(at: Place) -> tuple[Made, ...]:
    """What a stack has made after others have made the same."""
    others_before(at)
    named = {"projectId": at.project.id, "name": "later", "baseEnvironmentId": base(at)}
    volume = at.runs.create(VolumeProvider, CASES["Volume"].inputs(at))
    service = at.runs.create(ServiceProvider, {**at.ids, "name": "later"})
    given = {**at.ids, "serviceId": service.id, "service": "later", "image": IMAGE, "unmanagedVariables": "keep"}
    instance = at.runs.create(ServiceInstanceProvider, {**given, "variables": {"A": "1"}})
    return at.runs.create(EnvironmentProvider, named), volume, service, instance


@pytest.mark.usefixtures("short_pages")
def test_what_is_beyond_the_first_page_is_not_gone(at: Place, later: tuple[Made, ...]) -> None:
    read = [at.runs.refresh(made) for made in later]
    assert [one.outputs if one is not None else None for one in read] == [made.outputs for made in later]
    assert [at.runs.differs(made) for made in later] == [False] * len(later)


@pytest.mark.usefixtures("short_pages")
def test_what_is_beyond_the_first_page_is_found_by_its_name_and_not_made_again(
    at: Place, later: tuple[Made, ...]
) -> None:
    at.runs.mutations()
    assert [at.runs.create(made.provider, made.inputs).id for made in later] == [made.id for made in later]
    assert at.runs.mutations() == []


@pytest.mark.usefixtures("short_pages")
def test_what_is_gone_beyond_the_first_page_is_proved_to_be(at: Place, later: tuple[Made, ...]) -> None:
    environment, volume, service, _ = later
    CASES["Environment"].remove(at, environment)
    CASES["Volume"].remove(at, volume)
    CASES["Service"].remove(at, service)
    assert [at.runs.refresh(made) for made in later] == [None] * len(later)


@pytest.mark.usefixtures("short_pages", "later")
def test_a_token_beyond_the_first_page_is_there_and_is_revoked(at: Place) -> None:
    token = at.runs.create(ProjectTokenProvider, {**at.ids, "name": "later"})
    assert at.runs.refresh(token) is not None
    at.runs.delete(token)
    assert at.runs.refresh(token) is None


@pytest.mark.usefixtures("short_pages")
def test_what_is_beyond_the_first_page_is_removed(at: Place, later: tuple[Made, ...]) -> None:
    service = later[2]
    at.runs.delete(service)
    assert at.runs.refresh(service) is None


@pytest.mark.usefixtures("short_pages")
def test_the_environments_of_a_project_are_all_listed(at: Place, later: tuple[Made, ...]) -> None:
    client = Client(at.runs.emulator.endpoint, at.runs.emulator.token, timing=QUICK)
    found = railway_view.environments(client, at.project.id)
    assert {"base", "local", "other-0", "other-1", "other-2", "later"} == set(found.values())
    assert found[later[0].id] == "later"


@pytest.mark.usefixtures("short_pages", "later")
def test_a_page_that_railway_refuses_proves_nothing(at: Place) -> None:
    client = Client(at.runs.emulator.endpoint, at.runs.emulator.token, timing=QUICK)
    at.runs.emulator.fault("not_authorized", operation="project", times=20)
    with pytest.raises(NotAuthorized):
        Snapshots(client).read(at.project.id, at.environment.id, subject="environment")


@pytest.mark.parametrize("cursor", [None, "", "0"])
def test_a_list_that_does_not_end_is_an_error(cursor: str | None) -> None:
    page = {"environments": {"edges": [], "pageInfo": {"hasNextPage": True, "endCursor": cursor}}}
    with pytest.raises(InfraError, match="does not end"):
        completed(Stuck(page), page, "p", ENVIRONMENTS, subject="environment")


@pytest.mark.parametrize("cursor", [None, "", "0"])
def test_a_list_of_projects_that_does_not_end_is_an_error(cursor: str | None) -> None:
    page = {"edges": [], "pageInfo": {"hasNextPage": True, "endCursor": cursor}}
    with pytest.raises(InfraError, match="projects does not end"):
        list_projects(StuckProjects(page), subject="project")


class StuckProjects(Client):
    """A Railway that answers with the same page of projects, a hundred times at most."""

    def __init__(self, page: Mapping[str, Any]) -> None:
        self._pages = [page] * 100
        self.is_project_token = False

    def query(self, document: str, variables: Any, *, subject: str) -> Any:
        del variables, subject
        if document == documents.PROJECTS:
            return {"projects": self._pages.pop()}
        return {"apiToken": {"workspaces": [{"id": "w", "name": "one"}]}}

    def memoize(self, name: str, ask: Any) -> Any:
        del name
        return ask()


class Stuck(Client):
    """A Railway that answers with the same page for ever."""

    def __init__(self, page: Mapping[str, Any]) -> None:
        self._page = page

    def query(self, document: str, variables: Any, *, subject: str) -> Any:
        del document, variables, subject
        return {"project": self._page}


def test_a_volume_whose_environments_are_not_all_listed_may_be_in_another_one(
    at: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`volumeDelete` takes the data of every environment along."""
    made = at.runs.create(VolumeProvider, CASES["Volume"].inputs(at))
    ask = Client.query

    def query(self: Client, document: str, variables: Any, *, subject: str) -> Any:
        return ask(
            self,
            document.replace("volumeInstances(first: 100)", "volumeInstances(first: 0)"),
            variables,
            subject=subject,
        )

    client = Client(at.runs.emulator.endpoint, at.runs.emulator.token, timing=QUICK)
    snapshot = Snapshots(client).read(at.project.id, at.environment.id, subject="volume")
    assert destroy_reasons.in_other_environments(snapshot, made.id) == []
    monkeypatch.setattr(Client, "query", query)
    snapshot = Snapshots(client).read(at.project.id, at.environment.id, subject="volume")
    assert len(destroy_reasons.in_other_environments(snapshot, made.id)) == 1
    with pytest.raises(InfraError, match="also has data in 1 other environments"):
        at.runs.delete(made)
    monkeypatch.undo()
