"""The world that a recorded state is about: made anew by plain API calls, its ids put into the state's text.

Railway gives ids, so a state cannot be kept together with its world. `roles` names the ids of one world; a recorded
state is carried over by replacing each id of its world by the one that has the same role in the new world.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.emulator.fix_emulator import until
from tests.fleet.project import IMAGE, Spec, fleet, service

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator.fix_emulator import Emulator

PROJECT, ENVIRONMENT, SERVICE = "recorded", "test", "web"
VOLUME, PORT, SHARED = "/data", 5432, {"SHARED": "everywhere"}
VARIABLES = {"A": "1", "B": "${{shared.SHARED}}", "SECRET_KEY": "canary-of-the-upgrade"}
_PROJECT = """
mutation make($input: ProjectCreateInput!) { projectCreate(input: $input) { id primaryEnvironmentId } }"""
_ENVIRONMENT = "mutation make($input: EnvironmentCreateInput!) { environmentCreate(input: $input) { id } }"
_SERVICE = "mutation make($input: ServiceCreateInput!) { serviceCreate(input: $input) { id } }"
_VOLUME = "mutation make($input: VolumeCreateInput!) { volumeCreate(input: $input) { id } }"
_DOMAIN = "mutation make($input: ServiceDomainCreateInput!) { serviceDomainCreate(input: $input) { id domain } }"
_PROXY = "mutation make($input: TCPProxyCreateInput!) { tcpProxyCreate(input: $input) { id domain proxyPort } }"
_PATCH = "mutation p($e: String!, $p: EnvironmentConfig) { environmentPatchCommit(environmentId: $e, patch: $p) }"
_LATEST = """
query latest($e: String!, $s: String!) {
  serviceInstance(environmentId: $e, serviceId: $s) { latestDeployment { id status url } }
}"""


def recorded_spec() -> Spec:
    """Return the program that the recorded state was written for: every kind of resource once."""
    row = service(SERVICE, volume=VOLUME, domain=True, proxy=PORT)
    return {**fleet([{**row, "variables": VARIABLES}], project=PROJECT, environment=ENVIRONMENT), "shared": SHARED}


@dataclass(frozen=True)
class Recorded:
    """A recorded state: its text, and the ids of its world by role."""

    state: str
    roles: Mapping[str, str]

    def in_world(self, roles: Mapping[str, str]) -> str:
        """Return the state as it would have been written in another world."""
        text = self.state
        # The longest first: a domain holds a service's name.
        for role, old in sorted(self.roles.items(), key=lambda item: -len(item[1])):
            text = text.replace(old, roles[role])
        return text


def read(folder: Path) -> Recorded:
    """Read a recorded state."""
    return Recorded((folder / "stack.json").read_text(), json.loads((folder / "roles.json").read_text()))


def make(emulator: Emulator) -> dict[str, str]:
    """Make the world and return its ids by role."""
    given: dict[str, Any] = {"name": PROJECT, "defaultEnvironmentName": "base"}
    project = emulator.run(_PROJECT, input=given)["projectCreate"]
    ids = {"projectId": project["id"]}
    forked = {"name": ENVIRONMENT, "sourceEnvironmentId": project["primaryEnvironmentId"], **ids}
    environment = emulator.run(_ENVIRONMENT, input=forked)["environmentCreate"]["id"]
    at = {**ids, "environmentId": environment}
    service_id = emulator.run(_SERVICE, input={**at, "name": SERVICE})["serviceCreate"]["id"]
    volume = emulator.run(_VOLUME, input={**at, "serviceId": service_id, "mountPath": VOLUME})["volumeCreate"]["id"]
    emulator.run(_DOMAIN, input={"environmentId": environment, "serviceId": service_id})
    proxied = {"environmentId": environment, "serviceId": service_id, "applicationPort": PORT}
    emulator.run(_PROXY, input=proxied)
    shared = {"sharedVariables": {name: {"value": value} for name, value in SHARED.items()}}
    emulator.run(_PATCH, e=environment, p=shared)
    variables = {name: {"value": value} for name, value in VARIABLES.items()}
    config = {"source": {"image": IMAGE}, "variables": variables}
    emulator.run(_PATCH, e=environment, p={"services": {service_id: config}})

    def running() -> Any:
        instance = emulator.run(_LATEST, e=environment, s=service_id)["serviceInstance"]
        latest = instance["latestDeployment"]
        return latest if latest and latest["status"] == "SUCCESS" else None

    until(running, 30.0)
    return roles(emulator, project["id"], environment, service_id, volume)


def roles(emulator: Emulator, project: str, environment: str, service_id: str, volume: str) -> dict[str, str]:
    """Return what Railway chose in a world, by role."""
    world = json.loads(emulator.snapshot(environment))
    latest = emulator.run(_LATEST, e=environment, s=service_id)["serviceInstance"]["latestDeployment"]
    document = "query base($id: String!) { project(id: $id) { primaryEnvironmentId } }"
    domain, proxy = world["domain"][0], world["tcp_proxy"][0]
    return {
        "project": project,
        "base": emulator.run(document, id=project)["project"]["primaryEnvironmentId"],
        "environment": environment,
        "service": service_id,
        "volume": volume,
        "deployment": latest["id"],
        "domain id": domain["id"],
        "domain": domain["domain"],
        "proxy id": proxy["id"],
        "proxy port": str(proxy["proxyPort"]),
    }
