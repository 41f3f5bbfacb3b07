"""`Canary`: one agent that the stack owns. A new image runs and answers ready here before the pool is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import pulumi

from convos_infra.railway.bound import Bound
from convos_infra.railway.resources.deployment import DeployedService, Deployment, DeploymentArgs
from convos_infra.railway.resources.service import Service, ServiceArgs
from convos_infra.railway.resources.service_domain import ServiceDomain, ServiceDomainArgs
from convos_infra.railway.resources.service_instance import ServiceInstance
from convos_infra.railway.resources.service_instance_args import ServiceInstanceArgs

if TYPE_CHECKING:
    from components.environment import EnvironmentPlace
    from convos_infra.railway.resources.service_at import ServiceAt

SERVICE = "convos-runtime-canary"
"""Outside the pool's `convos-agent-` prefix: the pool manager must not take it for one of its agents."""
START_COMMAND = "node scripts/pool-server.js"
HEALTH_PATH = "/pool/health"


class Canary(pulumi.ComponentResource):
    """One agent with the new image.

    Args:
        name: the resource's name.
        place: where.
        image: the runtime image, pinned by digest.
        keys: what an agent of the pool is given as well.
    """

    ready: Deployment
    """Whatever must not happen before the image has proved itself depends on this."""
    service: Service

    def __init__(
        self,
        name: str,
        place: EnvironmentPlace,
        image: pulumi.Input[str],
        keys: Mapping[str, pulumi.Input[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("convos:index:Canary", name, None, opts)
        inside = place.inside(self)
        self.service = service = Service(SERVICE, ServiceArgs(place.project_id, place.environment_id, SERVICE), inside)
        domain = ServiceDomain(SERVICE, ServiceDomainArgs(service.at()), inside)
        instance = ServiceInstance(
            SERVICE,
            replace(configuration(service.at(), place, image, keys), bound=Bound(service_domains={"": domain.domain})),
            pulumi.ResourceOptions(parent=self, depends_on=[domain]),
        )
        self.ready = Deployment(
            SERVICE,
            DeploymentArgs(
                place.project_id,
                place.environment_id,
                [DeployedService(SERVICE, service.serviceId, instance.deploymentId, image)],
                place.deployment_seconds,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self.summary = summary(SERVICE, self.ready, domain, image)
        self.register_outputs(self.summary)


def configuration(
    at: ServiceAt, place: EnvironmentPlace, image: pulumi.Input[str], keys: Mapping[str, pulumi.Input[str]]
) -> ServiceInstanceArgs:
    """Return how the canary is deployed; arguments as those of `Canary`."""
    return ServiceInstanceArgs(
        at=at,
        image=image,
        start_command=START_COMMAND,
        healthcheck_path=HEALTH_PATH,
        healthcheck_timeout=place.health_seconds,
        variables={"OPENCLAW_STATE_DIR": "/app", "CHROMIUM_PATH": "/usr/bin/chromium", **keys},
        overwrite_changes=place.overwrite_changes,
    )


def summary(
    service: str, ready: Deployment, domain: ServiceDomain, image: pulumi.Input[str]
) -> dict[str, pulumi.Input[object]]:
    """Return what a person wants to know of a running service, as a stack's output."""

    def told(values: list[object]) -> dict[str, object]:
        deployed, url, reference = values
        state = deployed.get(service, {}) if isinstance(deployed, Mapping) else {}
        # On this machine a service answers where its deployment says; on Railway at its domain.
        local = str(state.get("url") or "")
        return {
            "service": service,
            "url": local if local.startswith("http://") else "" if state.get("mode") == "simulated" else url,
            "deploymentId": state.get("id", ""),
            "status": state.get("status", ""),
            "image": reference,
            "mode": state.get("mode", ""),
        }

    found = pulumi.Output.all(ready.deployed, domain.url, image).apply(told)
    keys = ("service", "url", "deploymentId", "status", "image", "mode")
    return {key: found[key] for key in keys}
