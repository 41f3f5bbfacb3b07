"""Railway's public GraphQL API: one POST, and the few documents that a pool of agents needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests

from . import operations
from .errors import RailwayError, ThrottledError

CONNECT_SECONDS = 5.0
READ_SECONDS = 90.0
"""Some mutations take over 30 s; Railway's own CLI waits 90 s."""
PAGE = 500
"""As Railway's own CLI asks for: an environment with some hundred agents is one request."""
CREATION_THROTTLE_SECONDS = 30.0
TOO_QUICKLY = "too quickly"
"""Railway's words for its creation throttles, which arrive as HTTP 200 without a Retry-After."""


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


class Railway:
    """The API for one environment.

    Args:
        url: the GraphQL endpoint.
        token: a project token, or an account or workspace token.
        kind: `project`, `account`, or empty to find out by asking once.
        project_id: the project.
        environment_id: the environment; nothing is changed elsewhere.
        patience_seconds: how long one call may wait out a 429; a longer `Retry-After` is an error.
        sleep: injected by tests.
    """

    def __init__(
        self,
        url: str,
        token: str,
        kind: str,
        project_id: str,
        environment_id: str,
        patience_seconds: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = url
        self._token = token
        self._kind = kind
        self._project_id = project_id
        self._environment_id = environment_id
        self._patience_seconds = patience_seconds
        self._sleep = sleep
        self._session = requests.Session()
        self._session.headers["User-Agent"] = "convos-pool"

    def execute(self, document: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Send one document and return its `data`.

        A 429 was not carried out, so it is sent again once Railway's `Retry-After` has passed, if that is soon. Nothing
        else is repeated: a mutation whose answer was lost may have happened.

        Raises:
            ThrottledError: Railway asks to wait longer than one call should.
            RailwayError: Railway refused, or gave no answer that can be used; its own words, without the token.
        """
        left = self._patience_seconds
        while True:
            try:
                return self._post(document, variables or {}, self._token_kind())
            except ThrottledError as error:
                left -= error.seconds
                if left < 0:
                    raise
                self._sleep(error.seconds)

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

    def _token_kind(self) -> str:
        if not self._kind:
            try:
                self._post(operations.WHO, {}, "project")
                self._kind = "project"
            except ThrottledError:
                raise
            except RailwayError as error:
                if error.unanswered:
                    raise
                self._kind = "account"
        return self._kind

    def _post(self, document: str, variables: Mapping[str, Any], kind: str) -> dict[str, Any]:
        name = document.split("(", maxsplit=1)[0].split("{", maxsplit=1)[0].split()[1]
        bearer = {"Authorization": f"Bearer {self._token}"}
        headers = {"Project-Access-Token": self._token} if kind == "project" else bearer
        body = {"query": document, "variables": variables, "operationName": name}
        try:
            answer = self._session.post(
                self._url,
                # Without a source of its own, traffic falls under the edge's limit for unidentified clients.
                params={"source": "convos-pool"},
                json=body,
                headers=headers,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
            )
        except requests.RequestException as error:
            raise RailwayError(name, f"no answer ({type(error).__name__})", unanswered=True) from None
        return _data(name, answer)


def _data(name: str, answer: requests.Response) -> dict[str, Any]:
    if answer.status_code == 429:
        raise ThrottledError(name, _seconds(answer.headers.get("Retry-After")))
    if answer.status_code >= 500:
        raise RailwayError(name, f"HTTP {answer.status_code}", unanswered=True)
    try:
        body = answer.json()
        errors = body.get("errors") or []
        messages = [str(error["message"]) for error in errors]
    except (ValueError, AttributeError, TypeError, KeyError):
        raise RailwayError(
            name, f"HTTP {answer.status_code} with a body that is not GraphQL's", unanswered=True
        ) from None
    if any(TOO_QUICKLY in message for message in messages):
        raise ThrottledError(name, CREATION_THROTTLE_SECONDS)
    if messages:
        raise RailwayError(name, f'Railway says "{"; ".join(messages)}"')
    if not isinstance(body.get("data"), dict):
        raise RailwayError(name, f"HTTP {answer.status_code} without data", unanswered=True)
    return dict(body["data"])


def _seconds(retry_after: str | None) -> float:
    # Railway sends whole seconds; its edge sends no header at all.
    try:
        return max(1.0, float(retry_after or ""))
    except ValueError:
        return 5.0


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
