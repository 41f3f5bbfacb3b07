"""`Database`: PostgreSQL on Railway with its volume, or an existing database; and its schema."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi

from components import defaults
from components.kept import without
from components.railway_service import (
    DeclaredService,
    ServiceParts,
    ServiceSecret,
    deployed,
    secret_in,
    service_in,
)
from convos_infra.railway.resources.service import Service
from convos_infra.railway.resources.service_instance_args import ServiceInstanceArgs
from convos_infra.railway.resources.volume import Volume
from convos_infra.schema.policy import DROP
from convos_infra.schema.resource import DatabaseSchema, DatabaseSchemaArgs

if TYPE_CHECKING:
    from components.environment import EnvironmentPlace
    from convos_infra.railway.resources.service_at import ServiceAt
    from convos_infra.schema.policy import SchemaPolicy

VARIABLE = "POSTGRES_PASSWORD"


@dataclass(frozen=True)
class DatabaseService:
    """The PostgreSQL service on Railway.

    Attributes:
        image: the image of the service.
        password: the password that it was started with; if empty, one is generated.
        name, user, database, port: the name of the service, and how clients connect to it.
        volume: where its volume is mounted; empty for none.
        proxy: whether it has a TCP proxy.
        keeps: variables and attributes that are left unchanged.
        replace_volume: whether an empty volume may replace a deleted one that can still be restored.
    """

    image: str
    password: str = field(repr=False)
    name: str = defaults.DATABASE_SERVICE
    user: str = defaults.DATABASE_USER
    database: str = defaults.DATABASE_NAME
    port: int = defaults.DATABASE_PORT
    volume: str = defaults.DATABASE_MOUNT_PATH
    proxy: bool = True
    keeps: Sequence[str] = ()
    replace_volume: bool = False

    @property
    def reference(self) -> str:
        """The URL for services of the environment: a reference, not a secret."""
        return f"${{{{{self.name}.DATABASE_URL}}}}"


@dataclass(frozen=True)
class DatabaseSettings:
    """The arguments of a `Database`.

    Attributes:
        url: the URL of an existing database; if empty, one is created.
        service: the service that is created if `url` is empty.
        schema: how the schema is managed; None leaves it alone.
        service_url: the URL that services are given; if empty, `url` or the reference to the service.
    """

    url: str = field(repr=False)
    service: DatabaseService
    schema: SchemaPolicy | None
    service_url: str = field(default="", repr=False)


class Database(pulumi.ComponentResource):
    """A database with its schema.

    `url` is reachable from the machine that runs Pulumi; services of the environment are given `service_url`.

    Args:
        name: the resource's name.
        place: where the service is created.
        settings: which database, and how its schema is managed.
    """

    url: pulumi.Output[str]
    service_url: pulumi.Input[str]
    schema: DatabaseSchema | None
    services: list[Service]
    volumes: list[Volume]
    """Its own services on Railway; none if the database is not managed by the stack."""
    dropped: pulumi.Output[str] | None
    """Its URL if its tables are dropped with the stack."""

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
            self.service_url = pulumi.Output.secret(settings.service_url) if settings.service_url else self.url
            ready: list[pulumi.Resource] = []
        else:
            ready = self._on_railway(place, settings)
        self.schema = self._schema(settings.schema, ready) if settings.schema is not None else None
        is_dropped = settings.schema is not None and settings.schema.on_destroy == DROP
        self.dropped = self.url if is_dropped else None
        self.register_outputs({"schemaVersion": self.schema.version if self.schema is not None else ""})

    @property
    def done(self) -> list[pulumi.Resource]:
        """What the pool manager waits for."""
        return [self.schema] if self.schema is not None else []

    def _schema(self, policy: SchemaPolicy, ready: list[pulumi.Resource]) -> DatabaseSchema:
        return DatabaseSchema(
            "schema",
            DatabaseSchemaArgs(
                database_url=self.url,
                target=policy.target or None,
                baseline=policy.baseline or None,
                drift=policy.drift,
                lock_timeout=policy.lock_timeout,
                statement_timeout=policy.statement_timeout,
                on_destroy=policy.on_destroy,
            ),
            pulumi.ResourceOptions(parent=self, depends_on=ready),
        )

    def _on_railway(self, place: EnvironmentPlace, settings: DatabaseSettings) -> list[pulumi.Resource]:
        wanted = settings.service
        service = service_in(self, place, wanted.name)
        password: pulumi.Output[str] | None = None
        if wanted.password or VARIABLE not in wanted.keeps:
            stored = ServiceSecret(VARIABLE, "databasePassword", wanted.password, url_part=True, kept_elsewhere=True)
            password = secret_in(self, place, service, "postgres-password", stored)
        given = configuration(service.at(), place, wanted, password)
        port = wanted.port if wanted.proxy else None
        parts = ServiceParts(volume=wanted.volume, replace_volume=wanted.replace_volume, proxy_port=port)
        declared = deployed(self, place, service, given, parts)
        self.services, self.volumes = [service], declared.volumes
        self.url = _public_url(wanted, declared, password)
        self.service_url = settings.service_url or wanted.reference
        return [declared.ready]


def _public_url(
    wanted: DatabaseService, declared: DeclaredService, password: pulumi.Output[str] | None
) -> pulumi.Output[str]:
    """Return the database's public URL; empty if it has no proxy or its password is not known."""
    if declared.proxy is None or password is None:
        return pulumi.Output.secret("")
    address = pulumi.Output.concat(declared.proxy.host, ":", declared.proxy.proxyPort.apply(_port))
    return pulumi.Output.secret(
        pulumi.Output.concat(f"postgresql://{wanted.user}:", password, "@", address, f"/{wanted.database}")
    )


def _port(value: float) -> str:
    return str(int(value))


def configuration(
    at: ServiceAt, place: EnvironmentPlace, wanted: DatabaseService, password: pulumi.Input[str] | None
) -> ServiceInstanceArgs:
    """Return the configuration of the PostgreSQL service; without a password, its existing password is not managed."""
    given = ServiceInstanceArgs(
        at=at,
        image=wanted.image,
        required_mount_path=wanted.volume or None,
        variables=_variables(wanted, password),
        overwrite_changes=place.overwrite_changes,
        as_found=place.as_found,
    )
    return without(given, wanted.keeps)


def _variables(wanted: DatabaseService, password: pulumi.Input[str] | None) -> dict[str, pulumi.Input[str]]:
    """Return the variables that the image reads (fact: postgres-variables)."""
    login = "${{POSTGRES_USER}}:${{POSTGRES_PASSWORD}}"
    private = f"postgresql://{login}@${{{{RAILWAY_PRIVATE_DOMAIN}}}}:{wanted.port}"
    return {
        **({"PGDATA": f"{wanted.volume}/pgdata"} if wanted.volume else {}),
        "POSTGRES_USER": wanted.user,
        **({} if password is None else {VARIABLE: password}),
        "POSTGRES_DB": wanted.database,
        "PGPORT": str(wanted.port),
        "DATABASE_URL": f"{private}/${{{{POSTGRES_DB}}}}",
        "SSL_CERT_DAYS": "820",
        "RAILWAY_DEPLOYMENT_DRAINING_SECONDS": "60",
    }
