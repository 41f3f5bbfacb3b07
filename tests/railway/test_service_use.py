"""What is left in a project of services that were removed from their environment: the stack's own goes, all else stays.

Under both behaviours of `serviceDelete` with an environment (fact: scoped-delete-keeps-service).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from convos_infra.destroy.gate import DestroyGateProvider
from convos_infra.railway import service_use
from convos_infra.railway.resources.environment import EnvironmentProvider
from convos_infra.railway.resources.project import ProjectProvider
from convos_infra.railway.resources.service import ServiceProvider
from convos_infra.rollout.resource import AgentRolloutProvider
from railway_api.client import Client
from tests.railway.destroying import destroyed
from tests.railway.fix_resources import Made, Place, Runs, patch
from tests.railway.stack_double import PREFIX, StackDouble
from tests.railway.test_long_lists import base, others_before, short_pages
from tests.railway.test_token import project_token

__all__ = ["short_pages"]
_SERVICES = "query s($id: String!) { project(id: $id) { services { edges { node { id name } } } } }"
_FORK = "mutation e($input: EnvironmentCreateInput!) { environmentCreate(input: $input) { id } }"
_CREATE = "mutation s($input: ServiceCreateInput!) { serviceCreate(input: $input) { id } }"
_DELETE = "mutation d($id: String!, $e: String) { serviceDelete(id: $id, environmentId: $e) }"
_DELETE_ENVIRONMENT = "mutation d($id: String!) { environmentDelete(id: $id) }"
both = pytest.mark.disputed("scoped_delete")
leaving = pytest.mark.believed("scoped_delete")
"""What is left is only where a deletion in one environment leaves something."""


def left_in(runs: Any, project_id: str) -> list[str]:
    found = runs.emulator.run(_SERVICES, id=project_id)["project"]["services"]["edges"]
    return sorted(edge["node"]["name"] for edge in found)


def left(at: Place) -> list[str]:
    return left_in(at.runs, at.project.id)


def fork(at: Place, name: str = "other") -> str:
    given = {"projectId": at.project.id, "name": name, "sourceEnvironmentId": at.environment.id}
    return str(at.runs.emulator.run(_FORK, input={**given, "skipInitialDeploys": True})["environmentCreate"]["id"])


def scoped(at: Place, made: Made) -> None:
    """Remove a service from the environment as a colleague does with Railway's CLI."""
    at.runs.emulator.run(_DELETE, id=made.id, e=at.environment.id)
    at.runs.emulator.forget_calls()


def removed(at: Place) -> list[str]:
    """Remove the stack's service; return what was said."""
    at.runs.said.clear()
    at.runs.delete(at.service)
    return at.runs.said


@both
def test_a_removed_service_leaves_nothing_in_its_project_and_takes_one_read_more(at: Place, behaviour: str) -> None:
    assert removed(at) == []
    calls = [call["operation"] for call in at.runs.emulator.calls()]
    assert calls == ["environment", "serviceDelete", "project", *([] if behaviour else ["serviceDelete"])]
    assert left(at) == []


def test_a_service_outside_of_a_fork_leaves_nothing_either(at: Place) -> None:
    place = {"projectId": at.project.id, "environmentId": base(at)}
    made = at.runs.create(ServiceProvider, {**place, "name": "everywhere"})
    at.runs.delete(made)
    assert left(at) == ["web"]


@both
def test_one_that_another_environment_has_stays_and_keeps_what_it_has_there(at: Place) -> None:
    patch(at, {"services": {at.service.id: {"variables": {"A": {"value": "1"}}}}})
    other = fork(at)
    before = at.runs.emulator.snapshot(other)
    assert removed(at) == ["the project keeps web: environment other has it"]
    assert left(at) == ["web"]
    assert at.runs.emulator.snapshot(other) == before


def test_one_that_a_deleted_environment_had_goes(at: Place) -> None:
    at.runs.emulator.run(_DELETE_ENVIRONMENT, id=fork(at))
    assert removed(at) == []
    assert left(at) == []


@pytest.mark.usefixtures("short_pages")
def test_neither_another_environment_nor_the_service_is_overlooked_beyond_the_first_page(at: Place) -> None:
    others_before(at)
    later = at.runs.create(ServiceProvider, {**at.ids, "name": "later"})
    unused = at.runs.create(ServiceProvider, {**at.ids, "name": "unused"})
    place = {"projectId": at.project.id, "environmentId": fork(at, "z-last")}
    at.runs.emulator.run(_DELETE, id=unused.id, e=place["environmentId"])
    at.runs.said.clear()
    at.runs.delete(later)
    at.runs.delete(unused)
    assert at.runs.said == ["the project keeps later: environment z-last has it"]
    assert left(at) == ["later", "other-0", "other-1", "other-2", "web"]


@leaving
def test_a_project_token_proves_nothing_so_what_is_left_stays(at: Place) -> None:
    token = project_token(at)
    runs = Runs(at.runs.emulator, at.runs.monkeypatch, token=token, project_token=True)
    runs.delete(at.service)
    assert runs.said == ["the project keeps web: a project token does not see whether another environment has it"]
    assert left(at) == ["web"]


@leaving
@pytest.mark.parametrize(
    ("find", "replace", "why"),
    [
        ("canAccess", "canAccess: isEphemeral", "the token does not see what environment"),
        ("environments(first", "environments: volumes(first", "which environments have it is not known: "),
        ("id name deletedAt canAccess", "id: name name deletedAt canAccess", "list of environments is not complete"),
        ("services(first", "nobody(first", "which environments have it is not known: "),
    ],
)
def test_where_the_read_is_refused_or_shows_only_a_part_the_service_stays(
    at: Place, monkeypatch: pytest.MonkeyPatch, find: str, replace: str, why: str
) -> None:
    ask = Client.query

    def query(self: Client, document: str, variables: Any, *, subject: str) -> Any:
        altered = document.replace(find, replace) if "serviceUse(" in document else document
        return ask(self, altered, variables, subject=subject)

    monkeypatch.setattr(Client, "query", query)
    said = removed(at)
    assert len(said) == 1
    assert said[0].startswith("the project keeps web: ")
    assert why in said[0]
    assert left(at) == ["web"]


@leaving
@pytest.mark.parametrize("gone", ["services", "environments", "serviceInstances"])
def test_a_list_that_railway_answers_with_null_proves_nothing(
    at: Place, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    fork(at)
    ask = Client.query

    def query(self: Client, document: str, variables: Any, *, subject: str) -> Any:
        answer = ask(self, document, variables, subject=subject)
        if "serviceUse(" in document:
            project = answer["project"]
            others = [edge["node"] for edge in project["environments"]["edges"] if edge["node"]["name"] == "other"]
            for row in others if gone == "serviceInstances" else [project]:
                row[gone] = None
        return answer

    monkeypatch.setattr(Client, "query", query)
    at.runs.mutations()
    removed(at)
    assert at.runs.mutations() == ["serviceDelete"]
    assert left(at) == ["web"]


def test_one_that_railway_does_not_delete_keeps_no_other(at: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    more = [at.runs.create(ServiceProvider, {**at.ids, "name": f"more-{number}"}) for number in range(4)]
    for made in (at.service, *more):
        scoped(at, made)
    refused = service_use.documents.unscoped_deletions
    # The second of any several is one that nobody may delete.
    monkeypatch.setattr(
        service_use.documents,
        "unscoped_deletions",
        lambda count: refused(count) if count == 1 else refused(count).replace("id: $s1", 'id: "nobody"'),
    )
    named = {made.id: made.outputs["name"] for made in (at.service, *more)}
    session = at.runs.provider(ServiceProvider).session()
    service_use.delete_unused(session, at.ids, named)
    assert left(at) == []


@both
def test_what_a_colleague_removed_from_the_environment_is_taken_out_of_the_project_too(at: Place) -> None:
    scoped(at, at.service)
    assert removed(at) == []
    assert left(at) == []


@leaving
def test_what_was_taken_over_stays_in_the_project_where_a_colleague_removed_it(at: Place) -> None:
    scoped(at, at.service)
    at.service.outputs["owned"] = False
    assert removed(at) == []
    assert left(at) == ["web"]


@both
def test_after_a_colleagues_deletion_the_next_update_makes_it_again_and_its_end_removes_it(at: Place) -> None:
    scoped(at, at.service)
    assert at.runs.refresh(at.service) is None
    again = at.runs.create(ServiceProvider, {**at.ids, "name": "web"})
    assert again.outputs["owned"] is True
    at.runs.delete(again)
    assert left(at) == []


def test_a_read_that_lags_behind_is_waited_for(at: Place) -> None:
    at.runs.emulator.settings(read_lag_seconds=0.4)
    try:
        assert removed(at) == []
    finally:
        at.runs.emulator.settings(read_lag_seconds=0)
    assert left(at) == []


def stack_in_a_project_that_stays(new: Callable[..., StackDouble]) -> tuple[StackDouble, dict[str, str]]:
    """Return a stack whose project a destroy keeps, so that the services in it can be counted; and where it is."""
    one = new()
    one.up()
    one.state[ProjectProvider].outputs["owned"] = False
    return one, {"projectId": one.ids()[ProjectProvider], "environmentId": one.ids()[EnvironmentProvider]}


@both
def test_the_end_of_a_stack_removes_what_a_refresh_had_lost_sight_of(
    new: Callable[..., StackDouble], behaviour: str
) -> None:
    one, where = stack_in_a_project_that_stays(new)
    tool = one.emulator.run(_CREATE, input={**where, "name": "my-tool"})["serviceCreate"]["id"]
    for id_ in (one.ids()[ServiceProvider], tool):
        one.emulator.run(_DELETE, id=id_, e=where["environmentId"])
    one.refresh()
    assert ServiceProvider not in one.state
    # The service was the pool manager's, which can be asked no more.
    one.state[DestroyGateProvider].outputs["poolUrl"] = ""
    one.state.pop(AgentRolloutProvider)
    assert destroyed(one, "--skip-preview") == ""
    assert left_in(one, where["projectId"]) == ([] if behaviour else ["my-tool"])


@both
def test_the_end_of_a_stack_removes_the_services_of_the_agents_that_went_during_the_destroy(
    new: Callable[..., StackDouble],
) -> None:
    one, where = stack_in_a_project_that_stays(new)
    agent = one.emulator.run(_CREATE, input={**where, "name": f"{PREFIX}abcdefghijkm"})["serviceCreate"]["id"]

    class Asked(list[str]):
        def append(self, path: str) -> None:
            if path.startswith("/api/pool/retire"):
                one.emulator.run(_DELETE, id=agent, e=where["environmentId"])
            super().append(path)

    one.pool.asked = Asked()
    assert destroyed(one, "--skip-preview") == ""
    assert "/api/pool/retire" in one.pool.asked
    assert left_in(one, where["projectId"]) == []


@both
def test_a_service_that_was_lost_sight_of_and_left_the_program_is_removed_at_the_end(
    new: Callable[..., StackDouble],
) -> None:
    one, where = stack_in_a_project_that_stays(new)
    gate = one.state[DestroyGateProvider]
    former = one.emulator.run(_CREATE, input={**where, "name": "former"})["serviceCreate"]["id"]
    rows = [*gate.outputs["services"], {"id": former, "name": "former", "owned": True}]
    one.emulator.run(_DELETE, id=former, e=where["environmentId"])
    one.begin()
    updated = one.provider(DestroyGateProvider).updated(gate.id, {**gate.outputs, "services": rows}, gate.outputs)
    gate.outputs = dict(updated.outs or {})
    assert destroyed(one, "--skip-preview") == ""
    assert left_in(one, where["projectId"]) == []
