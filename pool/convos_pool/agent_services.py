"""The interface to Railway for a pool: for agents that share a project, and for agents with one each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from .railway_calls import CLAIMS_SHARE

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from railway_api.retry import Allowance

    from .railway import Instance, ProjectServices, ProjectUse


class AgentServices(Protocol):
    """The services of all agents of one pool, implemented by `Railway` and `ProjectPerAgent`.

    A service is identified by its id. An agent whose own project has no service yet is identified by that project's id.
    Each method raises RailwayCallError, or ThrottledError if Railway asks to wait.
    """

    def allowance(self) -> Allowance | None:
        """Return the rest of Railway's rate limit; None until an answer has reported it."""

    def keep_for_claims(self, share: float = CLAIMS_SHARE) -> None:
        """Raise ThrottledError if only this share of the hour's calls is left: it is reserved for claims."""

    def within(self, seconds: float) -> AbstractContextManager[None]:
        """Limit the total time of this thread's calls inside, in seconds."""

    def instances(self) -> list[Instance]:
        """Return the services that may be agents."""

    def volumes(self) -> Mapping[str, Sequence[str]]:
        """Return the ids of the volumes of each service."""

    def before_claim(self, service_id: str) -> tuple[Instance, dict[str, str]]:
        """Return a service's current state and its stored variables, without sealed ones, in one request."""

    def variables(self) -> dict[str, dict[str, str]]:
        """Return the variables of all services, by the service's id; sealed ones are empty."""

    def project_use(self) -> ProjectUse:
        """Return the used part of Railway's limits."""

    def leaves_services(self) -> bool:
        """Tell whether the service of a deleted agent may stay in its project."""

    def sees_project(self) -> bool:
        """Tell whether the token sees which environments of the project have a service."""

    def project_services(self) -> ProjectServices:
        """Return the services of the project, and where they are."""

    def delete_unused(self, service_ids: Sequence[str]) -> None:
        """Delete services that no environment has from the project, in one request."""

    def is_fork(self) -> bool:
        """Tell whether services of this environment belong only to this pool."""

    def ensure_service(self, instance: Instance) -> str:
        """Return the id of an agent's service; create it if the agent's project has none yet."""

    def create_service(self, name: str) -> str:
        """Create an empty service, with its project if agents have one each, and return the service's id.

        Raises:
            CreationThrottledError: Railway does not allow the creation of a project yet.
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
        """Rename a service; its domain stays."""

    def delete_volume(self, volume_id: str) -> None:
        """Delete a volume; Railway keeps its data for another 48 hours."""

    def delete_service(self, service_id: str) -> None:
        """Delete a service, with its project if agents have one each."""
