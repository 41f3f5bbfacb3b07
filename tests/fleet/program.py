"""A Pulumi program for tests: a project, an environment, and the services that its `fleet.json` describes."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pulumi

from convos_infra.destroy.gate import DestroyGate, DestroyGateArgs
from convos_infra.railway.bound import Bound
from convos_infra.railway.readiness import ReadinessArgs
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
"""The prefix of variables that are secrets in the state."""


def declare(spec: dict[str, Any]) -> None:
    """Declare everything in a fleet's description; keys such as `projectName` give a different name on Railway."""
    kept = pulumi.ResourceOptions(protect=spec.get("protect") or None)
    project = Project(spec["project"], ProjectArgs(spec.get("projectName", spec["project"])), kept)
    args = EnvironmentArgs(
        project.projectId,
        spec.get("environmentName", spec["environment"]),
        project.baseEnvironmentId,
        disposable_prefix=spec.get("prefix", ""),
    )
    environment = Environment(spec["environment"], args, kept)
    before: list[pulumi.Resource] = [project, environment]
    where = (project.projectId, environment.environmentId)
    if spec.get("shared"):
        shared = SharedVariablesArgs(*where, spec["shared"], environment_owned=environment.owned)
        before.append(SharedVariables("shared", shared))
    rows = [_service(row, *where) for row in spec["services"]]
    waited = [row.deployed for row in rows if row.deployed is not None]
    if waited:
        before.append(Deployment("fleet", DeploymentArgs(*where, waited, spec.get("timeout", 120))))
    if spec.get("gate"):
        gate = DestroyGateArgs(
            *(*where, environment.owned),
            services=[row.service for row in rows],
            volumes=[one for row in rows for one in row.parts if isinstance(one, Volume)],
            agent_prefix=spec.get("prefix", ""),
        )
        everything = [one for row in rows for one in (row.service, *row.parts, row.instance)]
        opts = pulumi.ResourceOptions(depends_on=[*before, *everything])
        DestroyGate("gate", gate, pulumi.ResourceOptions.merge(opts, kept))


@dataclass(frozen=True)
class Row:
    """The declared resources of one service."""

    service: Service
    parts: list[pulumi.Resource]
    instance: ServiceInstance
    deployed: DeployedService | None


def _service(row: dict[str, Any], project: pulumi.Output[str], environment: pulumi.Output[str]) -> Row:
    name = row["name"]
    service = Service(name, ServiceArgs(project, environment, row.get("serviceName", name)))
    before: list[pulumi.Resource] = []
    bound = Bound({}, {}, {}, {})
    if row.get("volume"):
        volume = Volume(name, VolumeArgs(service.at(), row["volume"], row.get("replaceDeleted", False)))
        before.append(volume)
        bound = replace(bound, volumes={row["volume"]: volume.volumeId})
    if row.get("domain"):
        domain = ServiceDomain(name, ServiceDomainArgs(service.at()))
        before.append(domain)
        bound = replace(bound, service_domains={"": domain.domain})
    if row.get("proxy"):
        proxy = TcpProxy(name, TcpProxyArgs(service.at(), row["proxy"]))
        before.append(proxy)
        bound = replace(bound, tcp_proxies={row["proxy"]: proxy.id})
    variables = {
        key: pulumi.Output.secret(value) if key.startswith(SECRET) else value
        for key, value in row.get("variables", {}).items()
    }
    user, password = row.get("login") or ("", "")
    login = {"registry_credentials": {"username": user, "password": pulumi.Output.secret(password)}} if user else {}
    args = ServiceInstanceArgs(
        at=service.at(),
        image=row.get("image"),
        variables=variables,
        bound=bound,
        **login,
        **row.get("settings", {}),
    )
    instance = ServiceInstance(name, args, pulumi.ResourceOptions(depends_on=before))
    deployed = None
    if row.get("image"):
        asked = row.get("readiness")
        readiness = ReadinessArgs(asked["url"], "/ready", asked["bearer"], "KEY", 5) if asked else None
        deployed = DeployedService(name, service.serviceId, instance.deploymentId, row["image"], readiness)
    return Row(service, before, instance, deployed)


def declare_known(spec: dict[str, Any]) -> None:
    """Declare only the configuration of existing services, whose ids are in the description."""
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
