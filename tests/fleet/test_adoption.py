"""Taking over an environment that another client made, with the real CLI: it costs nothing until something changes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from convos_infra.explanations import SEE
from tests.emulator.fix_emulator import Emulator, running_emulator
from tests.fleet.project import Project, fleet, service

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.stack
COUNT = 10
SETTINGS = {"healthcheck_path": "/healthz", "restart_policy_max_retries": 3}
CREATE_PROJECT = """
mutation make($input: ProjectCreateInput!) {
  projectCreate(input: $input) { id environments { edges { node { id } } } }
}"""
CREATE_SERVICE = "mutation make($input: ServiceCreateInput!) { serviceCreate(input: $input) { id } }"
CONFIGURE = """
mutation configure($environment: String!, $patch: EnvironmentConfig) {
  environmentPatchCommit(environmentId: $environment, patch: $patch)
}"""


def made_by_another_client(emulator: Emulator, services: list[dict[str, Any]]) -> dict[str, Any]:
    """Make the services as a script of somebody else would, each variable and setting by plain API calls."""
    made = emulator.run(CREATE_PROJECT, input={"name": "theirs", "defaultEnvironmentName": "production"})
    project = made["projectCreate"]
    environment = project["environments"]["edges"][0]["node"]["id"]
    ids: dict[str, str] = {}
    for row in services:
        given = {"projectId": project["id"], "environmentId": environment, "name": row["name"]}
        ids[row["name"]] = emulator.run(CREATE_SERVICE, input=given)["serviceCreate"]["id"]
    config = {
        ids[row["name"]]: {
            "source": {"image": row["image"]},
            "deploy": {"healthcheckPath": "/healthz", "restartPolicyMaxRetries": 3},
            "variables": {name: {"value": value} for name, value in row["variables"].items()},
        }
        for row in services
    }
    emulator.run(CONFIGURE, environment=environment, patch={"services": config})
    return {"project": project["id"], "environment": environment, "services": ids}


def cost(emulator: Emulator) -> tuple[int, int]:
    """Return mutations and deployments since the last look."""
    calls = emulator.calls()
    emulator.forget_calls()
    return sum(call["type"] == "mutation" for call in calls), sum(len(call["deployments"]) for call in calls)


def assert_one_explanation(project: Project) -> None:
    """Check that a refresh with a refused token fails, says so of each service, and why once."""
    refused = replace(project, token="00000000-0000-4000-8000-000000000000")
    ran = refused.refresh(check=False)
    said = [line for line in ran.text.rpartition("Diagnostics:")[2].splitlines() if "error: read failed: " in line]
    assert ran.code != 0
    assert len(said) == COUNT, ran.text
    assert sum("needs an account or workspace token" in line for line in said) == 1, ran.text
    assert sum(SEE in line and len(line) < 100 for line in said) == COUNT - 1, ran.text


def test_ten_services_of_another_client_are_taken_over_for_nothing_and_one_changed_field_costs_one_deployment(
    tmp_path: Path,
) -> None:
    with running_emulator(tmp_path) as emulator:
        services = [service(f"s{number}", settings=SETTINGS) for number in range(COUNT)]
        ids = made_by_another_client(emulator, services)
        before = json.loads(emulator.snapshot(ids["environment"]))
        emulator.forget_calls()
        project = Project(tmp_path / "stack", emulator.endpoint, emulator.token)
        project.init()
        spec = {**fleet(services), "ids": ids}
        project.describe(spec)

        preview = project.preview().text
        for id_ in ids["services"].values():
            assert f'"{id_}, changes nothing"' in preview
        assert preview.count('"0 deployments: what runs is as it is wanted') == COUNT

        project.up()
        assert cost(emulator) == (0, 0)
        assert json.loads(emulator.snapshot(ids["environment"]))["config"] == before["config"]
        project.refresh("--expect-no-changes")
        assert_one_explanation(project)

        changed = [{**services[0], "settings": {**SETTINGS, "healthcheck_path": "/ready"}}, *services[1:]]
        project.describe({**spec, "services": changed})
        announced = project.preview().text
        assert announced.count("1 deployment: healthcheckPath") == 1
        emulator.forget_calls()
        project.up()
        assert cost(emulator) == (1, 1)
