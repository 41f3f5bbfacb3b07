"""`PoolManager`: the service that keeps agents warm. It is updated once the canary is ready with the new image."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi

from components import defaults
from components.kept import without
from components.railway_service import ServiceParts, ServiceSecret, deployed, secret_in, service_in, summary
from convos_infra.railway.resources.deployment import Deployment
from convos_infra.railway.resources.project_token import ProjectToken, ProjectTokenArgs
from convos_infra.railway.resources.service import Service
from convos_infra.railway.resources.service_instance_args import ServiceInstanceArgs
from convos_infra.railway.resources.volume import Volume
from pool_contract import service_names
from pool_contract.agent_settings import REGISTRY_PASSWORD

if TYPE_CHECKING:
    from components.environment import EnvironmentPlace
    from convos_infra.railway.resources.service_at import ServiceAt
    from pool_contract.registry_login import RegistryLogin

_NOT_IN_TOKEN_NAME = re.compile(r"[^A-Za-z0-9 _.-]+")
API_KEY, TOKEN = "POOL_API_KEY", "RAILWAY_API_TOKEN"
SEALED = (API_KEY, TOKEN, REGISTRY_PASSWORD)


@dataclass(frozen=True)
class PoolService:
    """The pool manager's service on Railway.

    Attributes:
        name: its name on Railway.
        root_directory: the folder of the repository that is built.
        start_command: the start command; if empty, the image's own.
        health_path: the path that must answer 200 before a deployment serves traffic.
        volume: where its own volume is mounted; empty for none.
        proxy_port: the port that a TCP proxy forwards to; None for no proxy.
        domain: whether it has a Railway domain.
        keeps: variables and attributes that are left unchanged.
    """

    name: str = defaults.POOL_SERVICE
    root_directory: str = defaults.POOL_ROOT_DIRECTORY
    start_command: str = ""
    health_path: str = defaults.POOL_HEALTH_PATH
    volume: str = ""
    proxy_port: int | None = None
    domain: bool = True
    keeps: Sequence[str] = ()


@dataclass(frozen=True)
class PoolManagerSettings:
    """The arguments of a `PoolManager`.

    Attributes:
        image: its own image, or None if Railway builds `repo` at `branch`.
        runtime_image: the image that new agents run.
        database_url: the value of DATABASE_URL.
        pool_environment: dev, staging or production.
        min_idle: how many agents it keeps warm.
        rollout: the variables that say what happens to living agents.
        api_key: a secret; if empty, one is generated.
        railway_token: a secret; if empty, the stack creates a token for its environment.
        keep_token: leave the existing token on Railway unchanged, because it cannot be read there.
        railway_endpoint: the URL of Railway's API; if empty, Railway's own.
        agent_url: the URL of an agent; if empty, https and the agent's domain.
        keys: keys for the pool manager itself, or passed on to agents.
        secret_keys: the names of the keys that are sealed on Railway.
        seal: whether secrets are sealed there.
        registry_login: the login with which Railway pulls its image; None for a public image.
        service: the service itself.
    """

    image: pulumi.Input[str] | None
    repo: str
    branch: str
    runtime_image: pulumi.Input[str]
    database_url: pulumi.Input[str] = field(repr=False)
    pool_environment: str
    min_idle: int
    rollout: Mapping[str, str]
    api_key: str = field(repr=False)
    railway_endpoint: str
    railway_token: str = field(repr=False)
    agent_url: str
    keep_token: bool
    keys: Mapping[str, pulumi.Input[str]] = field(repr=False)
    secret_keys: Sequence[str]
    registry_login: RegistryLogin[str] | None = None
    seal: bool = True
    service: PoolService = field(default_factory=PoolService)


class PoolManager(pulumi.ComponentResource):
    """The pool manager of one environment.

    Args:
        name: the resource's name.
        place: where the service is created.
        settings: its settings.
        after: the resources that must exist first: the canary's readiness and the schema.

    Attributes:
        ready: the wait for its deployment.
        volumes: its own volume.
        url: its URL; empty if no container runs.
        api_key: its bearer key; empty if it is not known.
        mode: `simulated` if no container runs.
        made_token: whether its token is a project token that the stack creates.
        rollout_variables: its variables that say which image agents get and what happens to living ones.
    """

    ready: Deployment
    service: Service
    volumes: list[Volume]
    url: pulumi.Input[str]
    api_key: pulumi.Output[str]
    mode: pulumi.Input[str]
    made_token: bool
    rollout_variables: Mapping[str, pulumi.Input[str]]

    def __init__(
        self,
        name: str,
        place: EnvironmentPlace,
        settings: PoolManagerSettings,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("convos:index:PoolManager", name, None, opts)
        self.service = service = service_in(self, place, settings.service.name)
        shown_by = f"pulumi stack output poolManager --show-secrets --stack {pulumi.get_stack()}"
        stored = ServiceSecret(API_KEY, "poolApiKey", settings.api_key, shown_by=shown_by)
        if settings.api_key or API_KEY not in settings.service.keeps:
            self.api_key = secret_in(self, place, service, "pool-api-key", stored)
        else:
            self.api_key = pulumi.Output.secret("")
        self.rollout_variables = rollout_variables(settings)
        self.made_token = not settings.keep_token and not settings.railway_token
        token = _token(place, settings, service, place.inside(self))
        given = configuration(service.at(), place, settings, self.api_key, token)
        parts = ServiceParts(
            volume=settings.service.volume,
            proxy_port=settings.service.proxy_port,
            domain=settings.service.domain,
            registry_login=settings.registry_login,
            after=after,
        )
        declared = deployed(self, place, service, given, parts)
        self.volumes = declared.volumes
        self.ready = declared.ready
        self.summary = summary(declared, settings.image or settings.repo)
        self.url, self.mode = _text(self.summary["url"]), _text(self.summary["mode"])
        self.register_outputs(self.summary)


def rollout_variables(settings: PoolManagerSettings) -> dict[str, pulumi.Input[str]]:
    """Return its variables that say which image agents get and what happens to living ones."""
    return {"RAILWAY_RUNTIME_IMAGE": settings.runtime_image, **settings.rollout}


def configuration(
    at: ServiceAt,
    place: EnvironmentPlace,
    settings: PoolManagerSettings,
    api_key: pulumi.Input[str],
    token: pulumi.Input[str] | None,
) -> ServiceInstanceArgs:
    """Return the configuration of the pool manager; without a token, its existing token is not managed."""
    from_repo = settings.image is None
    variables = {
        "DATABASE_URL": settings.database_url,
        "POOL_ENVIRONMENT": settings.pool_environment,
        "POOL_MIN_IDLE": str(settings.min_idle),
        API_KEY: api_key,
        **({} if token is None else {TOKEN: token}),
        "RAILWAY_PROJECT_ID": place.project_id,
        "RAILWAY_ENVIRONMENT_ID": place.environment_id,
        **({"RAILWAY_API_URL": settings.railway_endpoint} if settings.railway_endpoint else {}),
        **({"POOL_AGENT_URL": settings.agent_url} if settings.agent_url else {}),
        **rollout_variables(settings),
        **settings.keys,
    }
    given = ServiceInstanceArgs(
        at=at,
        image=settings.image,
        repo=settings.repo or None if from_repo else None,
        branch=settings.branch or None if from_repo else None,
        root_directory=settings.service.root_directory if from_repo else None,
        start_command=settings.service.start_command or None,
        healthcheck_path=settings.service.health_path,
        healthcheck_timeout=place.health_seconds,
        variables=variables,
        # DATABASE_URL is a reference and not a secret; the variable of the postgres service is a secret.
        sealed_variables=[*(name for name in SEALED if name in variables), *settings.secret_keys]
        if settings.seal
        else [],
        given_by=_given_by(),
        overwrite_changes=place.overwrite_changes,
        as_found=place.as_found,
    )
    return without(given, settings.service.keeps)


def _given_by() -> dict[str, str]:
    """Return the command to run, by variable, if the state lacks a secret that the running pool manager has."""
    stack = pulumi.get_stack()
    return {
        "POOL_API_KEY": f"pulumi config set --secret poolApiKey --stack {stack}",
        "RAILWAY_API_TOKEN": f"pulumi config set poolKeepToken true --stack {stack}",
        REGISTRY_PASSWORD: f"pulumi config set --secret registryPassword --stack {stack}",
    }


def _token(
    place: EnvironmentPlace, settings: PoolManagerSettings, service: Service, inside: pulumi.ResourceOptions
) -> pulumi.Output[str] | None:
    """Return the pool manager's Railway token; None keeps the existing one.

    It is never the stack's own token, which reaches every environment and stays out of the state.
    """
    if settings.keep_token:
        return None
    if settings.railway_token:
        return pulumi.Output.secret(settings.railway_token)
    name = settings.service.name
    called = _NOT_IN_TOKEN_NAME.sub("-", name).strip(" _.-") or service_names.POOL_MANAGER
    args = ProjectTokenArgs(place.project_id, place.environment_id, called, service.owned, service.at(), TOKEN)
    return ProjectToken(name, args, inside).value


def _text(value: pulumi.Input[object]) -> pulumi.Output[str]:
    return pulumi.Output.from_input(value).apply(str)
