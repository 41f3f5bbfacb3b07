"""`Database`: PostgreSQL on Railway with its volume, or one that is there already; and the schema in it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pulumi

from convos_infra.railway.bound import Bound
from convos_infra.railway.resources.deployment import DeployedService, Deployment, DeploymentArgs
from convos_infra.railway.resources.service import Service, ServiceArgs
from convos_infra.railway.resources.service_instance import ServiceInstance
from convos_infra.railway.resources.service_instance_args import ServiceInstanceArgs
from convos_infra.railway.resources.tcp_proxy import TcpProxy, TcpProxyArgs
from convos_infra.railway.resources.volume import Volume, VolumeArgs
from convos_infra.random_secret import RandomSecret, SecretPlace
from convos_infra.schema.policy import DROP
from convos_infra.schema.resource import DatabaseSchema, DatabaseSchemaArgs

if TYPE_CHECKING:
    from components.environment import EnvironmentPlace
    from convos_infra.railway.resources.service_at import ServiceAt
    from convos_infra.schema.policy import SchemaPolicy

SERVICE = "postgres"
USER, DATABASE, PORT = "postgres", "railway", 5432
MOUNT_PATH = "/var/lib/postgresql/data"
SERVICE_URL = f"${{{{{SERVICE}.DATABASE_URL}}}}"
"""What services of the environment are given: a reference, no secret."""


@dataclass(frozen=True)
class DatabaseSettings:
    """The arguments of a `Database`.

    Attributes:
        url: an existing database; empty makes one.
        image: of the PostgreSQL service.
        password: of that service; empty makes up one.
        schema: what is wanted of it.
        replace_volume: whether an empty volume may take the place of one that was deleted and can be restored.
    """

    url: str = field(repr=False)
    image: str
    password: str = field(repr=False)
    schema: SchemaPolicy
    replace_volume: bool = False


class Database(pulumi.ComponentResource):
    """A database with its schema.

    `url` is reachable from where Pulumi runs; `service_url` is what a service of the environment is given.

    Args:
        name: the resource's name.
        place: where.
        settings: what.
    """

    url: pulumi.Output[str]
    service_url: pulumi.Input[str]
    schema: DatabaseSchema
    services: list[Service]
    volumes: list[Volume]
    """Its own on Railway; none where the database is somebody else's."""
    dropped: pulumi.Output[str] | None
    """Its URL where its tables are dropped with the stack."""

    def __init__(
        self,
        name: str,
        place: EnvironmentPlace,
        settings: DatabaseSettings,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("convos:index:Database", name, None, opts)
        self._inside = place.inside(self)
        self.services, self.volumes = [], []
        if settings.url:
            self.url = pulumi.Output.secret(settings.url)
            self.service_url = self.url
            ready: list[pulumi.Resource] = []
        else:
            ready = self._on_railway(place, settings)
        self.schema = DatabaseSchema(
            "schema",
            DatabaseSchemaArgs(
                database_url=self.url,
                target=settings.schema.target or None,
                baseline=settings.schema.baseline or None,
                drift=settings.schema.drift,
                on_destroy=settings.schema.on_destroy,
            ),
            pulumi.ResourceOptions(parent=self, depends_on=ready),
        )
        self.dropped = self.url if settings.schema.on_destroy == DROP else None
        self.register_outputs({"schemaVersion": self.schema.version})

    def _on_railway(self, place: EnvironmentPlace, settings: DatabaseSettings) -> list[pulumi.Resource]:
        service = Service(SERVICE, ServiceArgs(place.project_id, place.environment_id, SERVICE), self._inside)
        password = self._password(service.at(), settings)
        given = VolumeArgs(service.at(), mount_path=MOUNT_PATH, replace_deleted=settings.replace_volume)
        volume = Volume(SERVICE, given, self._inside)
        proxy = TcpProxy(SERVICE, TcpProxyArgs(service.at(), application_port=PORT), self._inside)
        self.services, self.volumes = [service], [volume]
        instance = ServiceInstance(
            SERVICE,
            replace(
                configuration(service.at(), place, settings.image, password),
                bound=Bound(tcp_proxies={PORT: proxy.id}, volumes={MOUNT_PATH: volume.volumeId}),
            ),
            # Volume and proxy before the first deployment, which then knows both.
            pulumi.ResourceOptions(parent=self, depends_on=[volume, proxy]),
        )
        running = Deployment(
            SERVICE,
            DeploymentArgs(
                place.project_id,
                place.environment_id,
                [DeployedService(SERVICE, service.serviceId, instance.deploymentId, instance.image)],
                place.deployment_seconds,
            ),
            pulumi.ResourceOptions(parent=self),
        )
        self.url = pulumi.Output.secret(
            pulumi.Output.concat(
                f"postgresql://{USER}:",
                password,
                "@",
                proxy.host,
                ":",
                proxy.proxyPort.apply(_port),
                f"/{DATABASE}",
            )
        )
        self.service_url = SERVICE_URL
        return [running]

    def _password(self, at: ServiceAt, settings: DatabaseSettings) -> pulumi.Output[str]:
        if settings.password:
            return pulumi.Output.secret(settings.password)
        stored = SecretPlace(
            at, "POSTGRES_PASSWORD", "databasePassword", pulumi.get_stack(), url_part=True, kept_elsewhere=True
        )
        return RandomSecret("postgres-password", stored, self._inside).value


def _port(value: float) -> str:
    return str(int(value))


def configuration(
    at: ServiceAt, place: EnvironmentPlace, image: str, password: pulumi.Input[str]
) -> ServiceInstanceArgs:
    """Return how the PostgreSQL service is deployed."""
    return ServiceInstanceArgs(
        at=at,
        image=image,
        required_mount_path=MOUNT_PATH,
        variables=_variables(password),
        overwrite_changes=place.overwrite_changes,
    )


def _variables(password: pulumi.Input[str]) -> dict[str, pulumi.Input[str]]:
    """Return what the image takes (fact: postgres-variables)."""
    private = f"postgresql://${{{{POSTGRES_USER}}}}:${{{{POSTGRES_PASSWORD}}}}@${{{{RAILWAY_PRIVATE_DOMAIN}}}}:{PORT}"
    return {
        "PGDATA": f"{MOUNT_PATH}/pgdata",
        "POSTGRES_USER": USER,
        "POSTGRES_PASSWORD": password,
        "POSTGRES_DB": DATABASE,
        "PGPORT": str(PORT),
        "DATABASE_URL": f"{private}/${{{{POSTGRES_DB}}}}",
        "SSL_CERT_DAYS": "820",
        "RAILWAY_DEPLOYMENT_DRAINING_SECONDS": "60",
    }
