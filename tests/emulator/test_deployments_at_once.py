"""Deployments that take no time walk in the thread of the writer, which must never wait for another walk."""

from __future__ import annotations

from pathlib import Path

from emulator.store import Document
from tests.colleague.inside import Inside, emulator_inside
from tests.emulator.fix_emulator import until

DEPLOY = "mutation d($s: String!, $e: String!) { serviceInstanceDeployV2(serviceId: $s, environmentId: $e) }"
SERVICE = """mutation s($input: ServiceCreateInput!) { serviceCreate(input: $input) { id } }"""
PROJECT = """mutation p($input: ProjectCreateInput!) {
  projectCreate(input: $input) { id environments { edges { node { id } } } }
}"""


def deployed_service(emulator: Inside) -> Document:
    project = emulator.send(PROJECT, {"input": {"name": "walks"}})["data"]["projectCreate"]
    environment = project["environments"]["edges"][0]["node"]["id"]
    image = {"image": "ghcr.io/example/web:1"}
    given = {"projectId": project["id"], "environmentId": environment, "name": "web", "source": image}
    service = emulator.send(SERVICE, {"input": given})["data"]["serviceCreate"]["id"]
    return {"environmentId": environment, "serviceId": service}


def test_a_writer_does_not_wait_for_a_deployment_that_another_thread_carries_out(tmp_path: Path) -> None:
    with emulator_inside(tmp_path) as emulator:
        instance = deployed_service(emulator)
        deployments = emulator.world.deployments
        assert [row["status"] for row in emulator.store.all("deployment")] == ["SUCCESS"]
        # As a deployment of PostgreSQL holds it, while it waits for the store to write how it went.
        with deployments._walking(instance):
            given = {"s": instance["serviceId"], "e": instance["environmentId"]}
            made = emulator.send(DEPLOY, given)["data"]["serviceInstanceDeployV2"]
            assert emulator.store.get("deployment", made)["status"] != "SUCCESS"  # type: ignore[index]
        until(lambda: [row["status"] for row in emulator.store.all("deployment")] == ["REMOVED", "SUCCESS"], 10.0)
