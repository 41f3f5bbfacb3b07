"""A stack's environment as Railway has it now, in two reads, however large it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from convos_infra.railway.address import addresses, is_local
from convos_infra.railway.provided_variables import NOT_READ
from convos_infra.railway.running import Running, assess
from convos_infra.railway.running_references import gives
from convos_infra.railway.snapshot import Gone
from convos_infra.railway.snapshots import Snapshots

if TYPE_CHECKING:
    from convos_infra.railway.details import Details
    from convos_infra.railway.references import Resolved
    from convos_infra.railway.snapshot import Snapshot
    from ops.status.recorded import Recorded, Resource
    from railway_api.client import Client


@dataclass(frozen=True)
class RailwayNow:
    """An environment.

    Attributes:
        project_id, environment_id: which one.
        snapshot: what is stored; None if it is proved that the environment is gone.
        details: what deployments were given, and the TCP proxies.
        is_local: whether Railway is the emulator of this machine, whose services answer without TLS.
    """

    project_id: str
    environment_id: str
    snapshot: Snapshot | None
    details: Details | None = field(repr=False)
    is_local: bool = False

    def running(self, instance: Resource) -> Running | None:
        """Return what a service runs; None if the environment does not have it."""
        service_id = str(instance.values.get("serviceId") or "")
        stored = self.snapshot.service(service_id) if self.snapshot is not None else None
        if self.snapshot is None or stored is None:
            return None
        return assess(
            instance.values,
            stored,
            self.snapshot.latest_deployment(service_id),
            self.snapshot.serving_deployment(service_id),
            self.given(service_id),
            self.gives(service_id),
        )

    def gives(self, service_id: str) -> Mapping[str, Resolved]:
        """Return what each of a service's variables with references would give, were it deployed now."""
        if self.snapshot is None:
            return {}
        return gives(self.snapshot, service_id, self.details.addresses if self.details is not None else NOT_READ)

    def given(self, service_id: str) -> Mapping[str, Any] | None:
        """Return the variables that the serving deployment was given; None if Railway does not show them."""
        return self.details.variables.get(service_id) if self.details is not None else None

    def url(self, service_id: str, running: Running | None) -> str:
        """Return where a service answers, as Railway reports it now; empty if it does not say."""
        if self.snapshot is None or running is None:
            return ""
        return next(iter(addresses(self.snapshot, service_id, local=self.is_local)), "")

    @property
    def proxies_unread(self) -> str:
        """Why the TCP proxies could not be read; empty if they were."""
        return self.details.unread if self.details is not None else ""

    def proxy(self, service_id: str, port: int) -> tuple[str, int] | None:
        """Return host and port of the TCP proxy that leads to a port of a service."""
        for row in self.details.tcp_proxies.get(service_id, ()) if self.details is not None else ():
            if int(row.get("applicationPort") or 0) == port and row.get("proxyPort"):
                return str(row["domain"]), int(row["proxyPort"])
        return None


def read(client: Client, recorded: Recorded) -> RailwayNow:
    """Read the environment of a stack.

    Raises:
        InfraError: the state names none, or more than one.
        RailwayError: Railway cannot be asked.
    """
    places = {
        (str(row.values["projectId"]), str(row.values["environmentId"]))
        for row in recorded.resources
        if row.values.get("projectId") and row.values.get("environmentId")
    }
    if len(places) != 1:
        raise InfraError("environment", f"the stack's state names {len(places) or 'no'} environments of Railway's")
    ((project, environment),) = places
    local = is_local(client.endpoint)
    snapshots = Snapshots(client)
    try:
        snapshot = snapshots.read(project, environment, subject="environment", fresh=True)
    except Gone:
        return RailwayNow(project, environment, None, None, local)
    return RailwayNow(project, environment, snapshot, snapshots.details(snapshot), local)
