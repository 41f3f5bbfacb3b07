"""`PoolManager`: the service that keeps agents warm. It is told of an image once the canary runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi

from components.canary import summary
from convos_infra.railway.resources.deployment import DeployedService, Deployment, DeploymentArgs
from convos_infra.railway.resources.service import Service, ServiceArgs
from convos_infra.railway.resources.service_domain import ServiceDomain, ServiceDomainArgs
from convos_infra.railway.resources.service_instance import ServiceInstance
from convos_infra.railway.resources.service_instance_args import ServiceInstanceArgs
from convos_infra.random_secret import RandomSecret

if TYPE_CHECKING:
    from components.environment import EnvironmentPlace

SERVICE = "convos-agent-pool-manager"
HEALTH_PATH = "/healthz"


@dataclass(frozen=True)
class PoolManagerSettings:
    """The arguments of a `PoolManager`.

    Attributes:
        image: its own image, or None where Railway builds `repo` at `branch`.
        runtime_image: what new agents run.
        database_url: for its variable.
        pool_environment: dev, staging or production.
        min_idle: how many agents it keeps warm.
        api_key, railway_token: secrets; an empty key is made up.
        railway_endpoint: where it reaches Railway; empty is Railway's own endpoint.
        keys: handed on to agents.
    """

    image: pulumi.Input[str] | None
    repo: str
    branch: str
    runtime_image: pulumi.Input[str]
    database_url: pulumi.Input[str] = field(repr=False)
    pool_environment: str
    min_idle: int
    api_key: str = field(repr=False)
    railway_endpoint: str
    railway_token: str = field(repr=False)
    keys: Mapping[str, pulumi.Input[str]] = field(repr=False)


class PoolManager(pulumi.ComponentResource):
    """The pool manager of one environment.

    Args:
        name: the resource's name.
        place: where.
        settings: what.
        after: what must be there first: the canary's readiness and the schema.
    """

    def __init__(
        self,
        name: str,
        place: EnvironmentPlace,
        settings: PoolManagerSettings,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("convos:index:PoolManager", name, None, opts)
        inside = pulumi.ResourceOptions(parent=self)
        service = Service(SERVICE, ServiceArgs(place.project_id, place.environment_id, SERVICE), inside)
        domain = ServiceDomain(SERVICE, ServiceDomainArgs(service.at()), inside)
        from_repo = settings.image is None
        instance = ServiceInstance(
            SERVICE,
            ServiceInstanceArgs(
                at=service.at(),
                image=settings.image,
                repo=settings.repo if from_repo else None,
                branch=settings.branch if from_repo else None,
                root_directory="pool" if from_repo else None,
                healthcheck_path=HEALTH_PATH,
                healthcheck_timeout=place.health_seconds,
                variables=_variables(settings, inside),
                overwrite_changes=place.overwrite_changes,
            ),
            pulumi.ResourceOptions(parent=self, depends_on=[domain, *after]),
        )
        ready = Deployment(
            SERVICE,
            DeploymentArgs(
                place.project_id,
                place.environment_id,
                [DeployedService(SERVICE, service.serviceId, instance.deploymentId, settings.image)],
                place.deployment_seconds,
            ),
            inside,
        )
        self.summary = summary(SERVICE, ready, domain, settings.image or settings.repo)
        self.register_outputs(self.summary)


def _variables(settings: PoolManagerSettings, inside: pulumi.ResourceOptions) -> dict[str, pulumi.Input[str]]:
    api_key = pulumi.Output.secret(settings.api_key) if settings.api_key else RandomSecret("pool-api-key", inside).value
    variables: dict[str, pulumi.Input[str]] = {
        "DATABASE_URL": settings.database_url,
        "RAILWAY_RUNTIME_IMAGE": settings.runtime_image,
        "POOL_ENVIRONMENT": settings.pool_environment,
        "POOL_MIN_IDLE": str(settings.min_idle),
        "POOL_API_KEY": api_key,
        "RAILWAY_API_TOKEN": pulumi.Output.secret(settings.railway_token),
        **settings.keys,
    }
    if settings.railway_endpoint:
        variables["RAILWAY_API_URL"] = settings.railway_endpoint
    return variables
