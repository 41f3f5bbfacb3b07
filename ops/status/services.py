"""What each service of a stack runs at this moment. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convos_infra.railway.deployment import DeploymentState
    from convos_infra.railway.running import Running
    from ops.status.railway_now import RailwayNow
    from ops.status.recorded import Recorded, Resource, Role

SIMULATED = "simulated"
"""The mode of a deployment for which the emulator runs no container."""


@dataclass(frozen=True)
class ServiceNow:
    """A service.

    Attributes:
        name: as the stack knows it.
        service_id: Railway's.
        role: what it is to the stack; None if none of the system's components declares it.
        running: what it runs; None if the environment does not have it any more.
        url: where it answers, as Railway reports it now; empty if nothing serves, or it has no domain.
    """

    name: str
    service_id: str
    role: Role | None
    running: Running | None
    url: str = ""

    @property
    def label(self) -> str:
        """What its row is called."""
        return str(self.role or self.name)

    @property
    def serving(self) -> DeploymentState | None:
        """The deployment that serves."""
        return self.running.serving if self.running is not None else None

    @property
    def is_simulated(self) -> bool:
        """Whether the emulator runs no container for it."""
        return self.serving is not None and self.serving.mode == SIMULATED

    @property
    def status(self) -> str:
        """Railway's word for its newest deployment; `GONE` without a service, `NONE` without a deployment."""
        if self.running is None:
            return "GONE"
        return self.running.newest.status if self.running.newest is not None else "NONE"

    def document(self) -> dict[str, Any]:
        """Return it for scripts."""
        serving = self.serving
        newest = self.running.newest if self.running is not None else None
        return {
            "service": self.name,
            "role": str(self.role or ""),
            "serviceId": self.service_id,
            "condition": str(self.running.condition) if self.running is not None else "gone",
            "status": self.status,
            "newestDeploymentId": newest.id if newest is not None else "",
            "deploymentId": serving.id if serving is not None else "",
            "image": serving.image if serving is not None else "",
            "since": serving.created_at if serving is not None else "",
            "mode": serving.mode if serving is not None else "",
            "url": self.url,
        }


def services(recorded: Recorded, railway: RailwayNow) -> Iterator[ServiceNow]:
    """Yield every service that the stack deploys."""
    return (service(row, railway) for row in recorded.of("ServiceInstance"))


def service(instance: Resource, railway: RailwayNow) -> ServiceNow:
    """Return a service from its configuration's resource in the state."""
    service_id, running = str(instance.values["serviceId"]), railway.running(instance)
    url = railway.url(service_id, running)
    return ServiceNow(str(instance.values["service"]), service_id, instance.role, running, url)
