"""`Database`: PostgreSQL on Railway with its volume, or one that is there already; and the schema in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi

from components.railway_service import ServiceParts, ServiceSecret, deployed, secret_in, service_in
from convos_infra.railway.resources.service import Service
from convos_infra.railway.resources.service_instance_args import ServiceInstanceArgs
from convos_infra.railway.resources.volume import Volume
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
                lock_timeout=settings.schema.lock_timeout,
                statement_timeout=settings.schema.statement_timeout,
                on_destroy=settings.schema.on_destroy,
            ),
            pulumi.ResourceOptions(parent=self, depends_on=ready),
        )
        self.dropped = self.url if settings.schema.on_destroy == DROP else None
        self.register_outputs({"schemaVersion": self.schema.version})

    def _on_railway(self, place: EnvironmentPlace, settings: DatabaseSettings) -> list[pulumi.Resource]:
        service = service_in(self, place, SERVICE)
        stored = ServiceSecret(
            "POSTGRES_PASSWORD", "databasePassword", settings.password, url_part=True, kept_elsewhere=True
        )
        password = secret_in(self, place, service, "postgres-password", stored)
        given = configuration(service.at(), place, settings.image, password)
        parts = ServiceParts(volume=MOUNT_PATH, replace_volume=settings.replace_volume, proxy_port=PORT)
        declared = deployed(self, place, service, given, parts)
        self.services, self.volumes = [service], declared.volumes
        address = pulumi.Output.concat(declared.proxied.host, ":", declared.proxied.proxyPort.apply(_port))
        self.url = pulumi.Output.secret(
            pulumi.Output.concat(f"postgresql://{USER}:", password, "@", address, f"/{DATABASE}")
        )
        self.service_url = SERVICE_URL
        return [declared.ready]


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
