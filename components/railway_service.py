"""`RailwayService`: one service with everything that belongs to it, from its volume to the wait for its deployment.

Canary, pool manager and database declare the same parts by `deployed`, each in its own component. A resource's URN
contains the types of its parents, so a `RailwayService` in between would replace every resource of existing stacks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pulumi

from convos_infra.railway.bound import Bound
from convos_infra.railway.change import CHANGE
from convos_infra.railway.readiness import ReadinessArgs
from convos_infra.railway.resources.custom_domain import CustomDomain, CustomDomainArgs
from convos_infra.railway.resources.deployment import DeployedService, Deployment, DeploymentArgs
from convos_infra.railway.resources.service import Service, ServiceArgs
from convos_infra.railway.resources.service_domain import ServiceDomain, ServiceDomainArgs
from convos_infra.railway.resources.service_instance import ServiceInstance
from convos_infra.railway.resources.service_instance_args import ServiceInstanceArgs
from convos_infra.railway.resources.tcp_proxy import TcpProxy, TcpProxyArgs
from convos_infra.railway.resources.volume import Volume, VolumeArgs
from convos_infra.random_secret import RandomSecret, SecretPlace
from pool_contract.registry_login import RegistryLogin

if TYPE_CHECKING:
    from components.environment import EnvironmentPlace
    from convos_infra.railway.service_configuration import ServiceConfiguration

Value = pulumi.Input[str]


@dataclass(frozen=True)
class ServiceSecret:
    """A secret that lives in a variable of its service.

    Attributes:
        variable: the name of the variable.
        config_key: the key of the stack's config that gives it.
        given: its value there; if None, a stored value is adopted or a new one is generated.
        url_part: whether it is put into a URL without encoding.
        kept_elsewhere: whether the service keeps the secret itself, as a database keeps its password: a new value of
            the variable would not change it.
        shown_by: the command that shows the value of an earlier update; empty if there is none.
    """

    variable: str
    config_key: str
    given: Value | None = field(default=None, repr=False)
    url_part: bool = False
    kept_elsewhere: bool = False
    shown_by: str = ""


@dataclass(frozen=True)
class AskedReadiness:
    """How a service with a domain is asked whether it is ready, once its deployment has succeeded.

    Attributes:
        path: the path that answers `{"ready": true}`.
        bearer: the bearer key; `key` is the name of the variable that holds it.
    """

    path: str
    bearer: Value = field(repr=False)
    key: str


@dataclass(frozen=True)
class ServiceParts:
    """The parts of a service apart from its configuration.

    Attributes:
        volume: where a volume is mounted; empty for none.
        replace_volume: whether an empty volume may replace a deleted one that can still be restored.
        proxy_port: the port that a TCP proxy forwards to; None for no proxy.
        domain: whether it has a Railway domain.
        custom_domains: its custom domains.
        registry_login: the login for a private image.
        readiness: how its readiness is checked; None for no check.
        after: the resources that must exist before it is configured and deployed.
    """

    volume: str = ""
    replace_volume: bool = False
    proxy_port: int | None = None
    domain: bool = False
    custom_domains: Sequence[str] = ()
    registry_login: RegistryLogin[Value] | None = None
    readiness: AskedReadiness | None = None
    after: Sequence[pulumi.Resource] = ()


@dataclass(frozen=True)
class DeclaredService:
    """The resources of one service; those that it does not have are None."""

    service: Service
    volume: Volume | None
    proxy: TcpProxy | None
    domain: ServiceDomain | None
    custom_domains: Sequence[CustomDomain]
    instance: ServiceInstance
    ready: Deployment

    @property
    def volumes(self) -> list[Volume]:
        """Its volume as a list, for the destroy gate."""
        return [] if self.volume is None else [self.volume]

    @property
    def proxied(self) -> TcpProxy:
        """Its TCP proxy.

        Raises:
            LookupError: it has none.
        """
        if self.proxy is None:
            raise LookupError(f"{self.service.at().service} has no TCP proxy: give its parts a proxy_port")
        return self.proxy


def service_in(parent: pulumi.Resource, place: EnvironmentPlace, name: str) -> Service:
    """Declare a service without a configuration, so that secrets can be stored in it.

    Args:
        parent: the component that it belongs to.
        place: where the service is created.
        name: the name of the service on Railway, and of its resources in Pulumi.
    """
    return Service(name, ServiceArgs(place.project_id, place.environment_id, name), place.inside(parent))


def secret_in(
    parent: pulumi.Resource, place: EnvironmentPlace, service: Service, name: str, secret: ServiceSecret
) -> pulumi.Output[str]:
    """Return the value of a secret that is stored in a service.

    Args:
        parent: the component that it belongs to.
        place: where the service is created.
        service: where it is stored.
        name: the name of the resource that keeps it. It also keeps a given value after the config no longer gives one.
        secret: which secret.
    """
    stored = SecretPlace(
        *(service.at(), secret.variable, secret.config_key, pulumi.get_stack()),
        url_part=secret.url_part,
        kept_elsewhere=secret.kept_elsewhere,
        shown_by=secret.shown_by,
    )
    given = "" if secret.given is None else secret.given
    kept = RandomSecret(name, stored, place.inside(parent), given=given)
    # An output has no truth value; an empty text is a key that the config does not set. A given value is known in a
    # preview, but the output of a resource that is updated is not.
    return kept.value if given == "" else pulumi.Output.secret(given)


def deployed(
    parent: pulumi.Resource,
    place: EnvironmentPlace,
    service: Service,
    configuration: ServiceConfiguration,
    parts: ServiceParts,
) -> DeclaredService:
    """Declare the parts of a service, its configuration after them, and the wait for its deployment.

    Args:
        parent: the component that they belong to.
        place: where the service is created.
        service: the service that they belong to.
        configuration: its configuration.
        parts: its parts.
    """
    at, name, inside = service.at(), service.at().service, place.inside(parent)
    mounted = VolumeArgs(at, mount_path=parts.volume, replace_deleted=parts.replace_volume)
    volume = Volume(name, mounted, inside) if parts.volume else None
    port = parts.proxy_port
    proxy = TcpProxy(name, TcpProxyArgs(at, application_port=port), inside) if port is not None else None
    domain = ServiceDomain(name, ServiceDomainArgs(at), inside) if parts.domain else None
    custom = {one: CustomDomain(f"{name}-{one}", CustomDomainArgs(at, one), inside) for one in parts.custom_domains}
    bound = Bound(
        tcp_proxies={port: proxy.id} if port is not None and proxy is not None else {},
        volumes={parts.volume: volume.volumeId} if volume is not None else {},
        service_domains={"": domain.domain} if domain is not None else {},
        custom_domains={one: resource.id for one, resource in custom.items()},
    )
    # A deployment applies these parts, so they come first: the first deployment has its volume, proxy and domains.
    deployed_with = [one for one in (volume, proxy, domain, *custom.values()) if one is not None]
    instance = ServiceInstance(
        name,
        ServiceInstanceArgs.of(_with_login(configuration, parts.registry_login), at, bound),
        # The property `deploys` shows the same in one line.
        pulumi.ResourceOptions(parent=parent, depends_on=[*deployed_with, *parts.after], hide_diffs=[CHANGE]),
    )
    asked = None
    if parts.readiness is not None and domain is not None:
        how = parts.readiness
        asked = ReadinessArgs(domain.url, how.path, how.bearer, how.key, place.health_seconds)
    waited = DeployedService(name, service.serviceId, instance.deploymentId, configuration.image, asked)
    ready = Deployment(
        name,
        DeploymentArgs(
            place.project_id, place.environment_id, [waited], place.deployment_seconds, as_found=place.as_found
        ),
        # `services` has only ids, and the image, which the service instance shows.
        pulumi.ResourceOptions(parent=parent, hide_diffs=["services"]),
    )
    return DeclaredService(service, volume, proxy, domain, list(custom.values()), instance, ready)


def _with_login(configuration: ServiceConfiguration, login: RegistryLogin[Value] | None) -> ServiceConfiguration:
    if login is None:
        return configuration
    given = {"username": login.username, "password": pulumi.Output.secret(login.password)}
    return replace(configuration, registry_credentials=given)


class RailwayService(pulumi.ComponentResource):
    """A custom service, as in `docs/examples/redis_beside_pool`.

    Args:
        name: the name of the component, of the service on Railway and of its resources.
        place: where the service is created.
        configuration: its configuration.
        parts: its other parts.
        secrets: variables whose values are generated, or given by the stack's config.

    Attributes:
        declared: its resources.
        secrets: their values by variable.
    """

    declared: DeclaredService
    secrets: Mapping[str, pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        place: EnvironmentPlace,
        configuration: ServiceConfiguration,
        parts: ServiceParts | None = None,
        secrets: Sequence[ServiceSecret] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("convos:index:RailwayService", name, None, opts)
        service = service_in(self, place, name)
        self.secrets = {
            one.variable: secret_in(self, place, service, f"{name}-{one.config_key}", one) for one in secrets
        }
        configuration = replace(configuration, variables={**_by_name(name, configuration), **self.secrets})
        self.declared = deployed(self, place, service, configuration, parts or ServiceParts())
        self.register_outputs({"serviceId": service.serviceId})


def _by_name(service: str, configuration: ServiceConfiguration) -> Mapping[str, Value]:
    """Return variables one by one: with a single output of all of them, a preview could not show which ones change."""
    if not isinstance(configuration.variables, Mapping):
        raise TypeError(f"{service}: variables must be a mapping of names to values, not an output of one")
    return configuration.variables


def summary(declared: DeclaredService, image: Value) -> dict[str, pulumi.Input[object]]:
    """Return the stack output that describes a running service with a domain."""
    service, domain = declared.service.at().service, declared.domain

    def told(values: list[object]) -> dict[str, object]:
        deployed, url, reference = values
        state = deployed.get(service, {}) if isinstance(deployed, Mapping) else {}
        # On this machine, a service answers at the address that its deployment names; on Railway, at its domain.
        local = str(state.get("url") or "")
        return {
            "service": service,
            "url": local if local.startswith("http://") else "" if state.get("mode") == "simulated" else url,
            "deploymentId": state.get("id", ""),
            "status": state.get("status", ""),
            "image": reference,
            "mode": state.get("mode", ""),
        }

    url: pulumi.Input[str] = domain.url if domain is not None else ""
    found = pulumi.Output.all(declared.ready.deployed, url, image).apply(told)
    keys = ("service", "url", "deploymentId", "status", "image", "mode")
    return {key: found[key] for key in keys}
