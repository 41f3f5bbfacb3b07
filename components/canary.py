"""`Canary`: one agent that the stack owns. A new image runs and answers ready here before the pool is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pulumi

from components.railway_service import ServiceParts, deployed, service_in, summary
from convos_infra.railway.resources.deployment import Deployment
from convos_infra.railway.resources.service import Service
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
        self.service = service_in(self, place, SERVICE)
        given = configuration(self.service.at(), place, image, keys)
        declared = deployed(self, place, self.service, given, ServiceParts(domain=True))
        self.ready = declared.ready
        self.summary = summary(declared, image)
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
