"""What a pool of agents asks of Railway's public GraphQL API, on the client that the whole program uses."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from railway_api import errors as refusals
from railway_api.retry import CREATION_THROTTLE_SECONDS
from railway_api.transport import operation_name

from . import operations
from .agents import SEALED
from .errors import RailwayError, ThrottledError

if TYPE_CHECKING:
    from railway_api.client import Client
    from railway_api.retry import Allowance

PAGE = 500
"""As Railway's own CLI asks for: an environment with some hundred agents is one request."""
CLAIMS_SHARE = 0.2
"""Of the calls of an hour, for claims alone: each needs one."""
LOOK_SHARE = 0.1
"""Of the calls of an hour, below which no tick looks at the agents any more: claims go on with what was seen."""
SHORT_WINDOW_SECONDS = 60.0
"""Windows that end sooner are waited for."""


@dataclass(frozen=True)
class Instance:
    """A service as it is in one environment.

    Args:
        service_id: Railway's id of the service.
        name: its name.
        image: the image reference in its config; empty where none is set yet.
        domain: its Railway domain; empty before it has one.
        created_at: when it came into this environment.
        deployment_id: of the newest deployment; empty where there is none.
        deployment_status: of the newest deployment; empty where there is none.
        deployed_at: when the newest deployment was made.
        deployed_image: what the newest deployment runs, as its `meta` has it; empty where that does not say.
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


@dataclass(frozen=True)
class ProjectUse:
    """How much of a project's limits is used, by all of its environments."""

    services: int
    volumes: int


class Railway:
    """The API for one environment.

    Args:
        client: with a token of either kind.
        is_kind_known: False to find out by asking once which kind of token it is.
        seconds: how long one call may take in all; 0 for the client's own limit.
        project_id: the project.
        environment_id: the environment; nothing is changed elsewhere.
    """

    def __init__(
        self, client: Client, project_id: str, environment_id: str, *, is_kind_known: bool, seconds: float = 0.0
    ) -> None:
        self._seconds = seconds or None
        self._given = client
        self._asking = threading.Lock()
        self._client = client if is_kind_known else None
        self._project_id = project_id
        self._environment_id = environment_id

    def allowance(self) -> Allowance | None:
        """Return what is left of Railway's rate limit; None while no answer has said."""
        return (self._client or self._given).allowance

    def execute(self, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Send one document and return its `data`.

        What was not carried out for certain, and every query, is sent again within the client's budget. A mutation
        whose answer was lost is not: it may have happened, and the next tick sees.

        Raises:
            ThrottledError: Railway asks to wait longer than one call should.
            RailwayError: Railway refused, or gave no answer that can be used; its own words, without the token.
        """
        name = operation_name(document)
        try:
            client = self._client_of_its_kind()
            if document.startswith("mutation"):
                return client.mutate_once(document, variables, thing=name, deadline_seconds=self._seconds)
            return client.query(document, variables, thing=name, deadline_seconds=self._seconds)
        except refusals.RateLimited as error:
            seconds = CREATION_THROTTLE_SECONDS if error.retry_after is None else error.retry_after
            raise ThrottledError(name, seconds) from None
        except refusals.Throttled:
            raise ThrottledError(name, CREATION_THROTTLE_SECONDS) from None
        except refusals.RailwayError as error:
            raise RailwayError(name, error.problem) from None

    def _client_of_its_kind(self) -> Client:
        # A hundred claims at once ask once.
        with self._asking:
            if self._client is None:
                try:
                    self._given.query(operations.WHO, {}, thing="RAILWAY_API_TOKEN", deadline_seconds=self._seconds)
                    self._client = self._given
                except (refusals.NotAuthorized, refusals.NotFound, refusals.Refused):
                    self._client = self._given.as_other_kind()
            return self._client

    def instances(self) -> list[Instance]:
        """Return every service of the environment: one request for each hundred."""
        return [
            _instance(node) for node in self._pages(operations.INSTANCES, "serviceInstances") if not node["deletedAt"]
        ]

    def volumes(self) -> dict[str, list[str]]:
        """Return the ids of the volumes of each service in the environment."""
        found: dict[str, list[str]] = {}
        for node in self._pages(operations.VOLUMES, "volumeInstances"):
            if node["serviceId"] and not node["deletedAt"] and not node["isPendingDeletion"]:
                found.setdefault(node["serviceId"], []).append(node["volumeId"])
        return found

    def before_claim(self, service_id: str) -> tuple[Instance, dict[str, str]]:
        """Return a service as it is now, and its variables as they are stored, sealed ones missing: one request."""
        scope = {"projectId": self._project_id, "environmentId": self._environment_id, "serviceId": service_id}
        found = self.execute(operations.BEFORE_CLAIM, scope)
        variables = {str(name): str(value) for name, value in found["variables"].items() if value is not None}
        return _instance(found["serviceInstance"]), variables

    def variables(self) -> dict[str, dict[str, str]]:
        """Return the variables of all services, by the service's id, sealed ones empty: one request for all."""
        found = self.execute(operations.CONFIG, {"environmentId": self._environment_id})["environment"]["config"]
        return {
            str(id_): {
                str(name): SEALED if entry.get("value") is None else str(entry["value"])
                for name, entry in ((service or {}).get("variables") or {}).items()
                if entry
            }
            for id_, service in (found.get("services") or {}).items()
        }

    def keep_for_claims(self, share: float = CLAIMS_SHARE) -> None:
        """Make sure that whoever does not wait for an answer leaves calls of the hour for those who do.

        Args:
            share: how much of the hour's calls has to be left.

        Raises:
            ThrottledError: what is left of this window is kept for claims; the seconds are until the next one.
        """
        left = self.allowance()
        seconds = left.reset_at - time.time() if left is not None else 0.0
        if left is not None and seconds > SHORT_WINDOW_SECONDS and left.remaining <= left.limit * share:
            raise ThrottledError(f"the last {left.remaining} calls are kept for claims", seconds)

    def project_use(self) -> ProjectUse:
        """Return how many services and volumes the project has; no more than PAGE of each are counted."""
        found = self.execute(operations.PROJECT_USE, {"projectId": self._project_id, "first": PAGE})["project"]
        return ProjectUse(len(found["services"]["edges"]), len(found["volumes"]["edges"]))

    def is_fork(self) -> bool:
        """Say whether the environment was forked from another: only then does a service belong to it alone."""
        return bool(
            self.execute(operations.ENVIRONMENT, {"environmentId": self._environment_id})["environment"][
                "sourceEnvironment"
            ]
        )

    def create_service(self, name: str) -> str:
        """Create an empty service and return its id: without a source nothing is deployed yet."""
        scope = {"projectId": self._project_id, "environmentId": self._environment_id, "name": name}
        return str(self.execute(operations.SERVICE_CREATE, {"input": scope})["serviceCreate"]["id"])

    def create_volume(self, service_id: str, mount_path: str) -> str:
        """Create a volume for a service and return its id."""
        scope = {"projectId": self._project_id, "environmentId": self._environment_id}
        volume = {**scope, "serviceId": service_id, "mountPath": mount_path}
        return str(self.execute(operations.VOLUME_CREATE, {"input": volume})["volumeCreate"]["id"])

    def create_domain(self, service_id: str, port: int) -> str:
        """Create a Railway domain for a service and return it."""
        domain = {"environmentId": self._environment_id, "serviceId": service_id, "targetPort": port}
        return str(self.execute(operations.DOMAIN_CREATE, {"input": domain})["serviceDomainCreate"]["domain"])

    def commit(self, patch: Mapping[str, Any], message: str) -> None:
        """Commit one patch of the environment's config: one deployment of each service that it changes."""
        self.execute(
            operations.PATCH_COMMIT, {"environmentId": self._environment_id, "patch": patch, "message": message}
        )

    def deploy(self, service_id: str) -> str:
        """Deploy a service with its stored config, and return the deployment's id."""
        scope = {"environmentId": self._environment_id, "serviceId": service_id}
        return str(self.execute(operations.DEPLOY, scope)["serviceInstanceDeployV2"])

    def rename(self, service_id: str, name: str) -> None:
        """Give a service another name; its domain stays."""
        self.execute(operations.RENAME, {"id": service_id, "name": name})

    def delete_volume(self, volume_id: str) -> None:
        """Delete a volume; Railway keeps its data for another 48 hours."""
        self.execute(operations.VOLUME_DELETE, {"id": volume_id})

    def delete_service(self, service_id: str) -> None:
        """Delete a service; its volume is not deleted with it."""
        self.execute(operations.SERVICE_DELETE, {"id": service_id, "environmentId": self._environment_id})

    def _pages(self, document: str, field: str) -> Iterator[dict[str, Any]]:
        after = None
        while True:
            variables = {"environmentId": self._environment_id, "first": PAGE, "after": after}
            connection = self.execute(document, variables)["environment"][field]
            yield from (edge["node"] for edge in connection["edges"])
            if not connection["pageInfo"]["hasNextPage"]:
                return
            after = connection["pageInfo"]["endCursor"]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _instance(node: Mapping[str, Any]) -> Instance:
    domains = node["domains"]["serviceDomains"]
    deployment = node["latestDeployment"]
    return Instance(
        service_id=node["serviceId"],
        name=node["serviceName"],
        image=(node["source"] or {}).get("image") or "",
        domain=domains[0]["domain"] if domains else "",
        created_at=_time(node["createdAt"]),
        deployment_id=deployment["id"] if deployment else "",
        deployment_status=deployment["status"] if deployment else "",
        deployed_at=_time(deployment["createdAt"]) if deployment else None,
        deployed_image=str(((deployment or {}).get("meta") or {}).get("image") or ""),
    )
