"""An environment as one read shows it.

"Gone" has to be proved, for which the same answer also carries the project's own list of environments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from convos_infra.errors import InfraError
from convos_infra.railway.deployment import DeploymentState, parsed
from convos_infra.railway.environment_config import buckets_here
from convos_infra.railway.listing import nodes


class Gone(Exception):
    """Proved: the environment (or its project) does not exist any more."""


@dataclass(frozen=True)
class Snapshot:
    """An environment as it was read.

    Attributes:
        environment_id, project_id: whose it is.
        name: the environment's name.
        project_name: the project's, as it is called now.
        is_fork: whether Railway scopes the creation and deletion of services to this environment.
        config: the stored config, variables' values included; holds secrets.
        instances: `ServiceInstance` by service id.
        volume_instances: living ones.
        pending_volumes: those that were deleted and are kept for 48 hours; `deletedAt` is when they go for good.
        project_services: every living service of the project, id -> name.
        made_at: when each of those was made, by id.
        volumes: every volume of the project, by id.
        buckets: those that the environment has, id -> name; no stack makes one.
        tokens: the project's tokens; None if Railway did not list all of them to this one.
    """

    environment_id: str
    project_id: str
    name: str
    is_fork: bool
    config: Mapping[str, Any] = field(repr=False)
    instances: Mapping[str, Mapping[str, Any]] = field(repr=False)
    volume_instances: tuple[Mapping[str, Any], ...]
    project_services: Mapping[str, str]
    volumes: Mapping[str, Mapping[str, Any]]
    pending_volumes: tuple[Mapping[str, Any], ...] = ()
    made_at: Mapping[str, str] = field(default_factory=dict)
    project_name: str = ""
    buckets: Mapping[str, str] = field(default_factory=dict)
    tokens: tuple[Mapping[str, Any], ...] | None = None

    def service(self, service_id: str) -> Mapping[str, Any] | None:
        """Return a service's part of the config, or None if the service has no instance here."""
        if service_id not in self.instances:
            return None
        found: Mapping[str, Any] = (self.config.get("services") or {}).get(service_id) or {}
        return found

    def latest_deployment(self, service_id: str) -> DeploymentState | None:
        """Return the newest deployment of a service here."""
        return parsed((self.instances.get(service_id) or {}).get("latestDeployment"))

    def serving_deployment(self, service_id: str) -> DeploymentState | None:
        """Return the deployment that serves: the newest of the active ones, which need not be the newest of all."""
        row = self.instances.get(service_id) or {}
        latest = self.latest_deployment(service_id)
        if latest is not None and latest.serves:
            return latest
        active = [state for one in row.get("activeDeployments") or [] if (state := parsed(one)) is not None]
        good = sorted((state for state in active if state.serves), key=lambda state: state.created_at)
        return good[-1] if good else None

    def name_of(self, service_id: str) -> str:
        """Return a service's name, or the empty string where the project has no such service."""
        row = self.instances.get(service_id) or {}
        return self.project_services.get(service_id) or str(row.get("serviceName") or "")

    def services_named(self, name: str) -> list[str]:
        """Return the ids of all services of the project that have this name."""
        return [id_ for id_, found in self.project_services.items() if found == name]

    def domains(self, service_id: str, kind: str) -> list[Mapping[str, Any]]:
        """Return living domains of a service; `kind` is serviceDomains or customDomains."""
        rows = ((self.instances.get(service_id) or {}).get("domains") or {}).get(kind) or []
        return [row for row in rows if not row.get("deletedAt")]


def parsed_snapshot(project_id: str, environment_id: str, data: Mapping[str, Any], subject: str) -> Snapshot:
    """Return what an answer shows.

    Args:
        project_id: the environment's project.
        environment_id: which one.
        data: the answer's, with every list complete.
        subject: what it is read for, for the error's first word.

    Raises:
        Gone: the answer proves that the environment does not exist any more.
        InfraError: the answer lacks the environment.
    """
    environment, project = data.get("environment"), data.get("project")
    if not environment or not project or not isinstance(environment.get("config"), Mapping):
        raise InfraError(subject, "Railway answers without the environment or its config", "try again in a minute")
    living = {row["id"] for row in nodes(project.get("environments")) if not row.get("deletedAt")}
    # A deleted one may still answer: the project's list has the last word (fact: deleted-environment-answers).
    if environment.get("deletedAt") or (living and environment_id not in living):
        raise Gone(environment_id)
    volumes, tokens = nodes(environment.get("volumeInstances")), data.get("projectTokens")
    return Snapshot(
        environment_id=environment_id,
        project_id=project_id,
        name=str(environment.get("name") or ""),
        is_fork=bool(environment.get("sourceEnvironment")),
        config=environment["config"],
        instances={row["serviceId"]: row for row in nodes(environment.get("serviceInstances"))},
        volume_instances=tuple(row for row in volumes if not _is_pending(row)),
        pending_volumes=tuple(row for row in volumes if _is_pending(row)),
        made_at={row["id"]: str(row.get("createdAt") or "") for row in nodes(project.get("services"))},
        project_name=str(project.get("name") or ""),
        project_services={row["id"]: row["name"] for row in nodes(project.get("services")) if not row.get("deletedAt")},
        volumes={row["id"]: row for row in nodes(project.get("volumes"))},
        buckets=buckets_here(environment["config"], nodes(project.get("buckets"))),
        tokens=None if tokens is None else tuple(nodes(tokens)),
    )


def _is_pending(row: Mapping[str, Any]) -> bool:
    return bool(row.get("deletedAt") or row.get("isPendingDeletion"))
