"""What a pool asks of Railway: one interface for agents that share a project, and for those with one of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from .railway_calls import CLAIMS_SHARE

if TYPE_CHECKING:
    from railway_api.retry import Allowance

    from .railway import Instance, ProjectUse


class AgentServices(Protocol):
    """The services of all agents of one pool; `Railway` and `ProjectPerAgent` are the two ways.

    A service is named by its id. An agent whose own project has no service yet is named by that project's id.
    Each method raises RailwayError, or ThrottledError where Railway asks to wait.
    """

    def allowance(self) -> Allowance | None:
        """Return what is left of Railway's rate limit; None while no answer has said."""

    def keep_for_claims(self, share: float = CLAIMS_SHARE) -> None:
        """Raise ThrottledError where this share of the hour's calls is all that is left: it is kept for claims."""

    def instances(self) -> list[Instance]:
        """Return the services among which the agents are."""

    def volumes(self) -> Mapping[str, Sequence[str]]:
        """Return the ids of the volumes of each service."""

    def before_claim(self, service_id: str) -> tuple[Instance, dict[str, str]]:
        """Return a service as it is now, and its variables as they are stored, sealed ones missing: one request."""

    def variables(self) -> dict[str, dict[str, str]]:
        """Return the variables of all services, by the service's id, sealed ones empty."""

    def project_use(self) -> ProjectUse:
        """Return how much of Railway's limits is used."""

    def is_fork(self) -> bool:
        """Say whether a service belongs to this pool's environment alone."""

    def ensure_service(self, instance: Instance) -> str:
        """Return the id of an agent's service; makes it where the agent's project has none yet."""

    def create_service(self, name: str) -> str:
        """Create an empty service, and where agents have one its project, and return the service's id.

        Raises:
            CreationThrottledError: Railway lets nobody create a project yet.
        """

    def create_volume(self, service_id: str, mount_path: str) -> str:
        """Create a volume for a service and return its id."""

    def create_domain(self, service_id: str, port: int) -> str:
        """Create a Railway domain for a service and return it."""

    def commit(self, patch: Mapping[str, Any], message: str) -> None:
        """Commit a patch of services' configs: one deployment of each service that it changes."""

    def deploy(self, service_id: str) -> str:
        """Deploy a service with its stored config, and return the deployment's id."""

    def rename(self, service_id: str, name: str) -> None:
        """Give a service another name; its domain stays."""

    def delete_volume(self, volume_id: str) -> None:
        """Delete a volume; Railway keeps its data for another 48 hours."""

    def delete_service(self, service_id: str) -> None:
        """Delete a service, and where agents have one its project."""
