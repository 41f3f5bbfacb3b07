"""The requests of a pool to Railway's public GraphQL API, using the client that the whole program shares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from . import operations
from .agents import SEALED
from .railway_answers import pages, readable
from .railway_calls import CLAIMS_SHARE

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from railway_api.retry import Allowance

    from .railway_calls import RailwayCalls

PAGE = 500
"""The number of rows in one answer, as in Railway's own CLI (railwayapp/cli): most environments fit into one."""


@dataclass(frozen=True)
class Instance:
    """A service in one environment.

    Attributes:
        service_id: Railway's id of the service; the project's id if an agent has its own project without a service yet.
        name: its name.
        image: the image reference in its config; empty if none is set yet.
        domain: its Railway domain; empty before it has one.
        created_at: when it was added to this environment.
        deployment_id: the newest deployment; empty if there is none.
        deployment_status: the status of the newest deployment; empty if there is none.
        deployed_at: when the newest deployment was created.
        deployed_image: the image of the newest deployment, from its `meta`; empty if that lacks it.
    """

    service_id: str
    name: str
    image: str
    domain: str
    created_at: datetime
    deployment_id: str
    deployment_status: str
    deployed_at: datetime | None
    deployed_image: str = ""

    @property
    def place(self) -> tuple[str, str]:
        """The service and its deployment. Whatever is known of an agent may differ for its next deployment."""
        return self.service_id, self.deployment_id


@dataclass(frozen=True)
class ProjectUse:
    """The used part of Railway's limits: of a project by all of its environments, or of a workspace by all projects.

    Attributes:
        services, volumes: in the project; 0 if agents have projects of their own.
        projects: in the workspace; 0 if agents share one.
    """

    services: int
    volumes: int
    projects: int = 0


@dataclass(frozen=True)
class ProjectServices:
    """The services of a project, and where they are.

    Attributes:
        names: every living service, id -> name.
        here: the ids of those that the pool's environment has.
        elsewhere: the ids of those that other environments have.
        is_partial: whether the token does not see the services of every environment.
    """

    names: Mapping[str, str]
    here: frozenset[str]
    elsewhere: frozenset[str]
    is_partial: bool


class Railway:
    """An implementation of `AgentServices`: all agents are services of one environment.

    Args:
        calls: with tokens of either kind.
        project_id: the project.
        environment_id: the environment; nothing else is changed.
    """

    def __init__(self, calls: RailwayCalls, project_id: str, environment_id: str) -> None:
        self._calls = calls
        self._project_id = project_id
        self._environment_id = environment_id

    def allowance(self) -> Allowance | None:
        """Return the rest of Railway's rate limit; None until an answer has reported it."""
        return self._calls.allowance()

    def keep_for_claims(self, share: float = CLAIMS_SHARE) -> None:
        """Reserve calls of the hour for claims; see `RailwayCalls.keep_for_claims`."""
        self._calls.keep_for_claims(share)

    def within(self, seconds: float) -> AbstractContextManager[None]:
        """Limit the total time of this thread's calls; see `RailwayCalls.within`."""
        return self._calls.within(seconds)

    def instances(self) -> list[Instance]:
        """Return every service of the environment: one request for each PAGE of them."""
        with readable("agents"):
            nodes = self._pages("agents", operations.INSTANCES, "serviceInstances")
            return [instance_of(node) for node in nodes if not node["deletedAt"]]

    def volumes(self) -> dict[str, list[str]]:
        """Return the ids of the volumes of each service in the environment."""
        found: dict[str, list[str]] = {}
        with readable("agentVolumes"):
            for node in self._pages("agentVolumes", operations.VOLUMES, "volumeInstances"):
                if node["serviceId"] and not node["deletedAt"] and not node["isPendingDeletion"]:
                    found.setdefault(node["serviceId"], []).append(node["volumeId"])
        return found

    def before_claim(self, service_id: str) -> tuple[Instance, dict[str, str]]:
        """Return a service's current state and its stored variables, without sealed ones, in one request."""
        scope = {"projectId": self._project_id, "environmentId": self._environment_id, "serviceId": service_id}
        return before_claim_of(self._calls.execute(operations.BEFORE_CLAIM, scope))

    def variables(self) -> dict[str, dict[str, str]]:
        """Return the variables of all services, by the service's id, sealed ones empty: one request for all."""
        with readable("agentVariables"):
            found = self._calls.execute(operations.CONFIG, {"environmentId": self._environment_id})
            return variables_of(found["environment"]["config"])

    def project_use(self) -> ProjectUse:
        """Return the number of services and volumes in the project; at most PAGE of each are counted."""
        found = self._calls.execute(operations.PROJECT_USE, {"projectId": self._project_id, "first": PAGE})["project"]
        return ProjectUse(len(found["services"]["edges"]), len(found["volumes"]["edges"]))

    def leaves_services(self) -> bool:
        """Return True: whether it does is disputed (fact: scoped-delete-keeps-service)."""
        return True

    def sees_project(self) -> bool:
        """Tell whether the token sees more of the project than one environment."""
        return not self._calls.has_project_token

    def project_services(self) -> ProjectServices:
        """Return the services of the project, and where they are: one request, unless there are more than PAGE of them.

        Raises:
            RailwayCallError: it cannot be read, or the pool's own environment is missing, so the list is not complete.
        """
        with readable("agentProjectServices"):
            services: list[Any] = []
            there: dict[str, frozenset[str]] = {}
            is_partial = False
            for row in pages("agentProjectServices", lambda after: self._use_of_environments(after, services)):
                is_partial = is_partial or not row["canAccess"]
                there[row["id"]] = frozenset(self._services_in(row))
            here, *others = there.pop(self._environment_id), *there.values()
            names = {row["id"]: row["name"] for row in services if not row["deletedAt"]}
            return ProjectServices(names, here, frozenset[str]().union(*others), is_partial)

    def _use_of_environments(self, after: str | None, services: list[Any]) -> Mapping[str, Any]:
        """Return a page of environments; with the first one, add all services of the project to the list."""
        scope = {"projectId": self._project_id, "first": PAGE}
        project = self._calls.execute(operations.SERVICE_USE, {**scope, "after": after})["project"]

        def ask(more: str | None) -> Mapping[str, Any]:
            first: Mapping[str, Any] = project["services"]
            if more is None:
                return first
            found: Mapping[str, Any] = self._calls.execute(operations.SERVICES, {**scope, "after": more})["project"]
            return dict(found["services"])

        if after is None:
            services += pages("agentServices", ask)
        return dict(project["environments"])

    def _services_in(self, environment: Mapping[str, Any]) -> Iterator[str]:
        """Yield the services of an environment of which the first page was read."""

        def ask(after: str | None) -> Mapping[str, Any]:
            if after is None:
                return dict(environment["serviceInstances"])
            given = {"environmentId": environment["id"], "first": PAGE, "after": after}
            return dict(self._calls.execute(operations.SERVICES_IN, given)["environment"]["serviceInstances"])

        return (str(node["serviceId"]) for node in pages("agentServicesIn", ask))

    def delete_unused(self, service_ids: Sequence[str]) -> None:
        """Delete services that no environment has from the project, in one request."""
        given = {f"s{number}": service_id for number, service_id in enumerate(service_ids)}
        self._calls.execute(operations.unscoped_deletions(len(service_ids)), given)

    def is_fork(self) -> bool:
        """Tell whether the environment was forked from another: only then do services belong to it alone."""
        found = self._calls.execute(operations.ENVIRONMENT, {"environmentId": self._environment_id})
        return bool(found["environment"]["sourceEnvironment"])

    def ensure_service(self, instance: Instance) -> str:
        """Return the id of an agent's service: with a shared project, every agent has one."""
        return instance.service_id

    def create_service(self, name: str) -> str:
        """Create an empty service and return its id: without a source nothing is deployed yet."""
        scope = {"projectId": self._project_id, "environmentId": self._environment_id, "name": name}
        return str(self._calls.execute(operations.SERVICE_CREATE, {"input": scope})["serviceCreate"]["id"])

    def create_volume(self, service_id: str, mount_path: str) -> str:
        """Create a volume for a service and return its id."""
        scope = {"projectId": self._project_id, "environmentId": self._environment_id}
        volume = {**scope, "serviceId": service_id, "mountPath": mount_path}
        return str(self._calls.execute(operations.VOLUME_CREATE, {"input": volume})["volumeCreate"]["id"])

    def create_domain(self, service_id: str, port: int) -> str:
        """Create a Railway domain for a service and return it."""
        domain = {"environmentId": self._environment_id, "serviceId": service_id, "targetPort": port}
        return str(self._calls.execute(operations.DOMAIN_CREATE, {"input": domain})["serviceDomainCreate"]["domain"])

    def commit(self, patch: Mapping[str, Any], message: str) -> None:
        """Commit one patch of the environment's config: one deployment of each service that it changes."""
        self._calls.execute(
            operations.PATCH_COMMIT, {"environmentId": self._environment_id, "patch": patch, "message": message}
        )

    def deploy(self, service_id: str) -> str:
        """Deploy a service with its stored config, and return the deployment's id."""
        scope = {"environmentId": self._environment_id, "serviceId": service_id}
        return str(self._calls.execute(operations.DEPLOY, scope)["serviceInstanceDeployV2"])

    def rename(self, service_id: str, name: str) -> None:
        """Rename a service; its domain stays."""
        self._calls.execute(operations.RENAME, {"id": service_id, "name": name})

    def delete_volume(self, volume_id: str) -> None:
        """Delete a volume; Railway keeps its data for another 48 hours."""
        self._calls.execute(operations.VOLUME_DELETE, {"id": volume_id})

    def delete_service(self, service_id: str) -> None:
        """Delete a service; its volume is not deleted with it."""
        self._calls.execute(operations.SERVICE_DELETE, {"id": service_id, "environmentId": self._environment_id})

    def _pages(self, operation: str, document: str, field: str) -> Iterator[Any]:
        def ask(after: str | None) -> Mapping[str, Any]:
            variables = {"environmentId": self._environment_id, "first": PAGE, "after": after}
            found: Mapping[str, Any] = self._calls.execute(document, variables)["environment"][field]
            return found

        return pages(operation, ask)


def before_claim_of(found: Mapping[str, Any]) -> tuple[Instance, dict[str, str]]:
    """Convert an answer to BEFORE_CLAIM into the service and its variables."""
    with readable("agentBeforeClaim"):
        variables = {str(name): str(value) for name, value in found["variables"].items() if value is not None}
        return instance_of(found["serviceInstance"]), variables


def time_of(text: str) -> datetime:
    """Parse one of Railway's times; a time without an offset is taken as UTC, so that all of them can be compared."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def variables_of(config: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return the variables of each service in an environment's config; sealed ones are empty."""
    return {
        str(id_): {
            str(name): SEALED if entry.get("value") is None else str(entry["value"])
            for name, entry in ((service or {}).get("variables") or {}).items()
            if entry
        }
        for id_, service in (config.get("services") or {}).items()
    }


def instance_of(node: Mapping[str, Any]) -> Instance:
    """Convert a service instance from the fragment `agent`."""
    domains = node["domains"]["serviceDomains"]
    deployment = node["latestDeployment"]
    return Instance(
        service_id=node["serviceId"],
        name=node["serviceName"],
        image=(node["source"] or {}).get("image") or "",
        domain=domains[0]["domain"] if domains else "",
        created_at=time_of(node["createdAt"]),
        deployment_id=deployment["id"] if deployment else "",
        deployment_status=deployment["status"] if deployment else "",
        deployed_at=time_of(deployment["createdAt"]) if deployment else None,
        deployed_image=str(((deployment or {}).get("meta") or {}).get("image") or ""),
    )
