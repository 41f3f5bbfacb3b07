"""A Pulumi program for a test: services in one environment, each with a wait of its own."""

from __future__ import annotations

import json
from pathlib import Path

from convos_infra.railway.resources.deployment import DeployedService, Deployment, DeploymentArgs
from convos_infra.railway.resources.environment import Environment, EnvironmentArgs
from convos_infra.railway.resources.project import Project, ProjectArgs
from convos_infra.railway.resources.service import Service, ServiceArgs
from convos_infra.railway.resources.service_instance import ServiceInstance
from convos_infra.railway.resources.service_instance_args import ServiceInstanceArgs


def main() -> None:
    """Declare what `waits.json` of the current folder says."""
    spec = json.loads(Path("waits.json").read_text())
    project = Project("waits", ProjectArgs("waits"))
    environment = Environment("test", EnvironmentArgs(project.projectId, "test", project.baseEnvironmentId))
    where = (project.projectId, environment.environmentId)
    for number in range(spec["services"]):
        name = f"s{number}"
        service = Service(name, ServiceArgs(*where, name))
        instance = ServiceInstance(name, ServiceInstanceArgs(at=service.at(), image=spec["image"]))
        waited = DeployedService(name, service.serviceId, instance.deploymentId, spec["image"])
        Deployment(name, DeploymentArgs(*where, [waited], 120))
