"""`Canary`: one agent that the stack owns. A new image must be ready here before the pool manager gets it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pulumi

from components import defaults
from components.canary_variables import canary_variables
from components.railway_service import AskedReadiness, ServiceParts, deployed, service_in, summary
from convos_infra.railway.resources.deployment import Deployment
from convos_infra.railway.resources.service import Service
from convos_infra.railway.resources.service_instance_args import ServiceInstanceArgs
from pool_contract.agent_variables import API_KEY

if TYPE_CHECKING:
    from components.environment import EnvironmentPlace
    from convos_infra.railway.resources.service_at import ServiceAt
    from pool_contract.agent_settings import AgentSettings


class Canary(pulumi.ComponentResource):
    """One agent with the new image.

    Args:
        name: the resource's name.
        place: where the service is created.
        image: the runtime image, pinned by digest.
        keys: the keys of the stack; the canary gets those that agents get.
        agent: the settings with which agents run.
        service: the name of its service on Railway.
    """

    ready: Deployment
    """Everything that must wait until the image has proved itself depends on this."""
    service: Service

    def __init__(
        self,
        name: str,
        place: EnvironmentPlace,
        image: pulumi.Input[str],
        keys: Mapping[str, pulumi.Input[str]],
        agent: AgentSettings,
        service: str = defaults.CANARY_SERVICE,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("convos:index:Canary", name, None, opts)
        self.service = service_in(self, place, service)
        variables = canary_variables(self.service.at(), keys, place.inside(self))
        given = configuration(self.service.at(), place, image, variables, agent)
        asked = AskedReadiness(agent.readiness_path, variables[API_KEY], API_KEY)
        parts = ServiceParts(domain=True, readiness=asked, registry_login=agent.registry_login)
        declared = deployed(self, place, self.service, given, parts)
        self.ready = declared.ready
        self.summary = summary(declared, image)
        self.register_outputs(self.summary)


def configuration(
    at: ServiceAt,
    place: EnvironmentPlace,
    image: pulumi.Input[str],
    variables: Mapping[str, pulumi.Input[str]],
    agent: AgentSettings,
) -> ServiceInstanceArgs:
    """Return the canary's configuration, which is that of an agent."""
    return ServiceInstanceArgs(
        at=at,
        image=image,
        start_command=agent.start_command,
        healthcheck_path=agent.healthcheck_path or None,
        healthcheck_timeout=place.health_seconds if agent.healthcheck_path else None,
        limit_override=agent.limits,
        variables=variables,
        overwrite_changes=place.overwrite_changes,
        as_found=place.as_found,
    )
