"""A project in an emulator, and the few operations that most tests start with."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from tests.emulator.fix_emulator import SETTLED, Emulator, until

IMAGE = "ghcr.io/example/web:1"

CREATE_PROJECT = """
mutation createProject($input: ProjectCreateInput!) {
  projectCreate(input: $input) { id name primaryEnvironmentId environments { edges { node { id name createdAt } } } }
}"""
CREATE_ENVIRONMENT = """
mutation createEnvironment($input: EnvironmentCreateInput!) { environmentCreate(input: $input) { id name isEphemeral } }
"""
CREATE_SERVICE = "mutation createService($input: ServiceCreateInput!) { serviceCreate(input: $input) { id name } }"
COMMIT = """
mutation commit($id: String!, $patch: EnvironmentConfig, $skip: Boolean) {
  environmentPatchCommit(environmentId: $id, patch: $patch, skipDeploys: $skip)
}"""
CONFIG = "query config($id: String!, $open: Boolean) { environment(id: $id) { config(decryptVariables: $open) } }"
DEPLOYMENTS = """
query deployments($input: DeploymentListInput!, $first: Int) {
  deployments(input: $input, first: $first) {
    edges { node { id status meta snapshotId serviceId environmentId canRedeploy canRollback createdAt } }
  }
}"""
INSTANCES = """
query instances($id: String!) {
  environment(id: $id) {
    serviceInstances { edges { node { id serviceId serviceName environmentId source { image repo } numReplicas } } }
  }
}"""


def nodes(connection: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the edges of a connection hold."""
    return [edge["node"] for edge in connection["edges"]]


@dataclass(frozen=True)
class World:
    """One project: its emulator, its id and its first environment's id."""

    emulator: Emulator
    project_id: str
    environment_id: str

    @classmethod
    def new(cls, emulator: Emulator) -> World:
        """Make a project with a name that is free."""
        name = f"test-{uuid.uuid4().hex[:12]}"
        project = emulator.run(CREATE_PROJECT, input={"name": name})["projectCreate"]
        return cls(emulator, project["id"], nodes(project["environments"])[0]["id"])

    def run(self, document: str, **variables: Any) -> dict[str, Any]:
        """Run a document with the account's token."""
        return self.emulator.run(document, **variables)

    def environment(self, name: str, **more: Any) -> str:
        """Make an environment and return its id."""
        made = self.run(CREATE_ENVIRONMENT, input={"projectId": self.project_id, "name": name, **more})
        return str(made["environmentCreate"]["id"])

    def fork(self, name: str, **more: Any) -> str:
        """Make a fork of the first environment and return its id."""
        return self.environment(name, sourceEnvironmentId=self.environment_id, **more)

    def service(self, name: str, **more: Any) -> str:
        """Make a service in the first environment and return its id."""
        given = {"projectId": self.project_id, "name": name, "environmentId": self.environment_id, **more}
        return str(self.run(CREATE_SERVICE, input=given)["serviceCreate"]["id"])

    def commit(self, patch: dict[str, Any], *, environment_id: str = "", skip: bool | None = None) -> str:
        """Commit a patch and return the workflow's id."""
        done = self.run(COMMIT, id=environment_id or self.environment_id, patch=patch, skip=skip)
        return str(done["environmentPatchCommit"])

    def commit_service(self, service_id: str, config: dict[str, Any], **more: Any) -> str:
        """Commit a patch of one service."""
        return self.commit({"services": {service_id: config}}, **more)

    def running(self, name: str, **deploy: Any) -> str:
        """Make a service, deploy an image to it and return its id when it runs."""
        service_id = self.service(name)
        self.commit_service(service_id, {"source": {"image": IMAGE}, "deploy": deploy})
        self.settled(service_id)
        return service_id

    def config(self, *, environment_id: str = "", opened: bool = True) -> dict[str, Any]:
        """Return an environment's stored config."""
        found = self.run(CONFIG, id=environment_id or self.environment_id, open=opened)
        config: dict[str, Any] = found["environment"]["config"]
        return config

    def service_config(self, service_id: str, **more: Any) -> dict[str, Any]:
        """Return what is stored for one service."""
        config: dict[str, Any] = self.config(**more)["services"][service_id]
        return config

    def instances(self, environment_id: str = "") -> set[str]:
        """Return the ids of the services that have an instance in an environment."""
        found = self.run(INSTANCES, id=environment_id or self.environment_id)["environment"]["serviceInstances"]
        return {node["serviceId"] for node in nodes(found)}

    def deployments(self, service_id: str, environment_id: str = "") -> list[dict[str, Any]]:
        """Return a service's deployments, newest first."""
        given = {"environmentId": environment_id or self.environment_id, "serviceId": service_id}
        return nodes(self.run(DEPLOYMENTS, input={"projectId": self.project_id, **given})["deployments"])

    def settled(self, service_id: str, environment_id: str = "", seconds: float = 15.0) -> list[dict[str, Any]]:
        """Wait until none of a service's deployments moves any more, and return them."""

        def done() -> list[dict[str, Any]]:
            found = self.deployments(service_id, environment_id)
            at_rest = all(row["status"] in SETTLED for row in found)
            return found if at_rest and [row["status"] for row in found].count("SUCCESS") <= 1 else []

        found: list[dict[str, Any]] = until(done, seconds)
        return found
