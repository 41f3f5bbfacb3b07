"""A Pulumi program for tests: a project, an environment, and the services that `fleet.json` beside it describes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pulumi

from convos_infra.railway.resources.deployment import DeployedService, Deployment, DeploymentArgs
from convos_infra.railway.resources.environment import Environment, EnvironmentArgs
from convos_infra.railway.resources.project import Project, ProjectArgs
from convos_infra.railway.resources.service import Service, ServiceArgs
from convos_infra.railway.resources.service_at import ServiceAt
from convos_infra.railway.resources.service_domain import ServiceDomain, ServiceDomainArgs
from convos_infra.railway.resources.service_instance import ServiceInstance
from convos_infra.railway.resources.service_instance_args import ServiceInstanceArgs
from convos_infra.railway.resources.shared_variables import SharedVariables, SharedVariablesArgs
from convos_infra.railway.resources.tcp_proxy import TcpProxy, TcpProxyArgs
from convos_infra.railway.resources.volume import Volume, VolumeArgs

SECRET = "SECRET_"
"""Variables whose names begin so are secrets of the state."""


def declare(spec: dict[str, Any]) -> None:
    """Declare everything that a fleet's description names; `…Name` is what Railway calls a thing, if otherwise."""
    project = Project(spec["project"], ProjectArgs(spec.get("projectName", spec["project"])))
    args = EnvironmentArgs(
        project.projectId,
        spec.get("environmentName", spec["environment"]),
        project.baseEnvironmentId,
        disposable_prefix=spec.get("prefix", ""),
    )
    environment = Environment(spec["environment"], args)
    where = (project.projectId, environment.environmentId)
    if spec.get("shared"):
        SharedVariables("shared", SharedVariablesArgs(*where, spec["shared"], environment_owned=environment.owned))
    waited = [made for row in spec["services"] if (made := _service(row, *where)) is not None]
    if waited:
        Deployment("fleet", DeploymentArgs(*where, waited, spec.get("timeout", 120)))


def _service(row: dict[str, Any], project: pulumi.Output[str], environment: pulumi.Output[str]) -> Any:
    name = row["name"]
    service = Service(name, ServiceArgs(project, environment, row.get("serviceName", name)))
    before: list[pulumi.Resource] = []
    if row.get("volume"):
        before.append(Volume(name, VolumeArgs(service.at(), row["volume"])))
    if row.get("domain"):
        before.append(ServiceDomain(name, ServiceDomainArgs(service.at())))
    if row.get("proxy"):
        before.append(TcpProxy(name, TcpProxyArgs(service.at(), row["proxy"])))
    variables = {
        key: pulumi.Output.secret(value) if key.startswith(SECRET) else value
        for key, value in row.get("variables", {}).items()
    }
    args = ServiceInstanceArgs(at=service.at(), image=row.get("image"), variables=variables, **row.get("settings", {}))
    instance = ServiceInstance(name, args, pulumi.ResourceOptions(depends_on=before))
    if not row.get("image"):
        return None
    return DeployedService(name, service.serviceId, instance.deploymentId, row["image"])


def declare_known(spec: dict[str, Any]) -> None:
    """Declare the configuration of services that somebody else made: their ids are known before the first preview."""
    ids = spec["ids"]
    for row in spec["services"]:
        at = ServiceAt(ids["project"], ids["environment"], ids["services"][row["name"]], row["name"])
        settings = row.get("settings", {})
        ServiceInstance(
            row["name"], ServiceInstanceArgs(at=at, image=row["image"], variables=row["variables"], **settings)
        )


def main() -> None:
    """Declare the fleet of the current folder."""
    spec = json.loads(Path("fleet.json").read_text())
    (declare_known if "ids" in spec else declare)(spec)
