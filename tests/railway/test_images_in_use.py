"""What retention must keep on Railway: also the images of agents that have a project each."""

from __future__ import annotations

from typing import Any

import pytest

from convos_infra.errors import InfraError
from convos_infra.railway.listing import list_projects
from convos_infra.registry.reference import parse
from ops.ci.images_in_use import ImagesInUse
from ops.status import railway_view
from pool_contract.agent_projects import AGENT_PROJECTS, DESCRIPTION, PER_AGENT
from railway_api.client import Client
from railway_api.failure import Failure
from tests.railway.fix_resources import QUICK, Runs

_PROJECT = """mutation c($input: ProjectCreateInput!) {
  projectCreate(input: $input) { id environments { edges { node { id } } } } }"""
_SERVICE = "mutation s($input: ServiceCreateInput!) { serviceCreate(input: $input) { id } }"
_DELETE = "mutation d($id: String!) { projectDelete(id: $id) }"
_TOKEN = "mutation t($input: ProjectTokenCreateInput!) { projectTokenCreate(input: $input) }"
_VARIABLES = "mutation v($input: VariableCollectionUpsertInput!) { variableCollectionUpsert(input: $input) }"
IMAGE = "ghcr.io/x/convos-runtime:old"
OF_AGENT = DESCRIPTION.format(id="abcdefghjkmn", environment="00000000-0000-4000-8000-000000000000")


def account(runs: Runs) -> Client:
    return Client(runs.emulator.endpoint, runs.emulator.token, timing=QUICK)


@pytest.mark.parametrize(
    ("name", "description", "is_found"),
    [
        ("convos-agent-abcdefghjkmn", OF_AGENT, True),
        ("renamed by hand", OF_AGENT, True),
        ("convos-agent-abcdefghjkmn", "described by hand", True),
        ("convos-agent-abcdefghjkmn", "", True),
        ("website", "Our Convos agent page", False),
    ],
)
def test_an_agents_own_project_is_found_by_its_description_or_its_name(
    runs: Runs, name: str, description: str, *, is_found: bool
) -> None:
    made = runs.emulator.run(_PROJECT, input={"name": name, "description": description})["projectCreate"]
    environment = made["environments"]["edges"][0]["node"]["id"]
    given = {"projectId": made["id"], "environmentId": environment, "name": "agent", "source": {"image": IMAGE}}
    try:
        runs.emulator.run(_SERVICE, input=given)
        assert (made["id"] in railway_view.agent_projects(account(runs))) is is_found
        assert IMAGE in {image for _, image in railway_view.images(account(runs), made["id"])}
    finally:
        runs.emulator.run(_DELETE, id=made["id"])
    assert made["id"] not in railway_view.agent_projects(account(runs))


@pytest.mark.parametrize(("value", "is_refused"), [(PER_AGENT, True), ("shared", False)])
def test_a_project_token_that_cannot_see_them_is_refused(runs: Runs, value: str, *, is_refused: bool) -> None:
    made = runs.emulator.run(_PROJECT, input={"name": "of a project token"})["projectCreate"]
    place = {"projectId": made["id"], "environmentId": made["environments"]["edges"][0]["node"]["id"]}
    try:
        service = runs.emulator.run(_SERVICE, input={**place, "name": "pool", "source": {"image": IMAGE}})
        variables = {**place, "serviceId": service["serviceCreate"]["id"], "variables": {AGENT_PROJECTS: value}}
        runs.emulator.run(_VARIABLES, input=variables)
        token = str(runs.emulator.run(_TOKEN, input={**place, "name": "t"})["projectTokenCreate"])
        of_project = Client(runs.emulator.endpoint, token, timing=QUICK, project_token=True)
        assert IMAGE in {image for _, image in railway_view.images(account(runs), made["id"])}
        if is_refused:
            with pytest.raises(InfraError, match="set RAILWAY_API_TOKEN to an account or workspace token"):
                list(railway_view.images(of_project, made["id"]))
        else:
            assert IMAGE in {image for _, image in railway_view.images(of_project, made["id"])}
    finally:
        runs.emulator.run(_DELETE, id=made["id"])


def test_what_is_deployed_since_the_keep_list_is_found_in_projects_of_stacks_and_in_new_ones(runs: Runs) -> None:
    """Projects of agents were read once, and may be many: they are not read again before each step of a deletion."""
    made: dict[str, dict[str, Any]] = {}

    def project(name: str) -> str:
        made[name] = runs.emulator.run(_PROJECT, input={"name": name})["projectCreate"]
        return str(made[name]["id"])

    def deploy(name: str, image: str) -> None:
        environment = made[name]["environments"]["edges"][0]["node"]["id"]
        given = {"projectId": made[name]["id"], "environmentId": environment, "name": image}
        runs.emulator.run(_SERVICE, input={**given, "source": {"image": f"ghcr.io/x/convos-runtime:{image}"}})

    runs.monkeypatch.setenv("RAILWAY_API_TOKEN", runs.emulator.token)
    runs.monkeypatch.setenv("RAILWAY_ENDPOINT", runs.emulator.endpoint)
    try:
        known = {project("stack"), project("convos-agent-abcdefghjkmn")}
        others = frozenset(row["id"] for row in list_projects(account(runs), subject="x"))
        before = ImagesInUse(
            (parse("ghcr.io/x/convos-runtime:gone"),), frozenset({made["stack"]["id"]}), others | known
        )
        project("made since")
        for name in made:
            deploy(name, f"of-{name.replace(' ', '-')}")
        runs.emulator.forget_calls()
        assert {found.tag for found in before.now()} == {"gone", "of-stack", "of-made-since"}
        asked = [call["operation"] for call in runs.emulator.calls()]
        assert len(asked) <= 8, asked
        runs.monkeypatch.setenv("RAILWAY_API_TOKEN", "revoked")
        with pytest.raises(Failure, match="the token is wrong or revoked"):
            before.now()
    finally:
        for one in made.values():
            runs.emulator.run(_DELETE, id=one["id"])
