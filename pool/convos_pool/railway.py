"""Railway's public GraphQL API: one POST, and the few documents that a pool of agents needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests

from .errors import RailwayError, ThrottledError

CONNECT_SECONDS = 5.0
READ_SECONDS = 90.0
"""Some mutations take over 30 s; Railway's own CLI waits 90 s."""
PAGE = 100
MAX_PATIENCE_SECONDS = 30.0
"""A longer `Retry-After` ends the call: the next tick tries again."""
CREATION_THROTTLE_SECONDS = 30.0
TOO_QUICKLY = "too quickly"
"""Railway's words for its creation throttles, which arrive as HTTP 200 without a Retry-After."""

WHO = "query whoIsProjectToken { projectToken { projectId environmentId } }"
INSTANCES = """query agents($environmentId: String!, $first: Int!, $after: String) {
  environment(id: $environmentId) { id deletedAt
    serviceInstances(first: $first, after: $after) {
      edges { node { serviceId serviceName createdAt deletedAt source { image }
        domains { serviceDomains { domain } }
        latestDeployment { id status createdAt } } }
      pageInfo { hasNextPage endCursor } } } }"""
VOLUMES = """query agentVolumes($environmentId: String!, $first: Int!, $after: String) {
  environment(id: $environmentId) { id
    volumeInstances(first: $first, after: $after) {
      edges { node { volumeId serviceId deletedAt isPendingDeletion } }
      pageInfo { hasNextPage endCursor } } } }"""
VARIABLES = """query agentVariables($projectId: String!, $environmentId: String!, $serviceId: String!) {
  variables(projectId: $projectId, environmentId: $environmentId, serviceId: $serviceId, unrendered: true) }"""
SERVICE_CREATE = "mutation agentCreate($input: ServiceCreateInput!) { serviceCreate(input: $input) { id } }"
VOLUME_CREATE = "mutation agentVolumeCreate($input: VolumeCreateInput!) { volumeCreate(input: $input) { id } }"
DOMAIN_CREATE = """mutation agentDomainCreate($input: ServiceDomainCreateInput!) {
  serviceDomainCreate(input: $input) { domain } }"""
PATCH_COMMIT = """mutation agentCommit($environmentId: String!, $patch: EnvironmentConfig!, $message: String) {
  environmentPatchCommit(environmentId: $environmentId, patch: $patch, commitMessage: $message) }"""
DEPLOY = """mutation agentDeploy($environmentId: String!, $serviceId: String!) {
  serviceInstanceDeployV2(environmentId: $environmentId, serviceId: $serviceId) }"""
RENAME = "mutation agentRename($id: String!, $name: String!) { serviceUpdate(id: $id, input: { name: $name }) { id } }"
SERVICE_DELETE = """mutation agentDelete($id: String!, $environmentId: String!) {
  serviceDelete(id: $id, environmentId: $environmentId) }"""
VOLUME_DELETE = "mutation agentVolumeDelete($id: String!) { volumeDelete(volumeId: $id) }"


@dataclass(frozen=True)
class Instance:
    """A service as it is in one environment.

    Args:
        service_id: Railway's id of the service.
        name: its name.
        image: the image reference in its config; empty where none is set yet.
        domain: its Railway domain; empty before it has one.
        created_at: when it came into this environment.
        deployment_status: of the newest deployment; empty where there is none.
        deployed_at: when the newest deployment was made.
    """

    service_id: str
    name: str
    image: str
    domain: str
    created_at: datetime
    deployment_status: str
    deployed_at: datetime | None


class Railway:
    """The API for one environment.

    Args:
        url: the GraphQL endpoint.
        token: a project token, or an account or workspace token.
        kind: `project`, `account`, or empty to find out by asking once.
        project_id: the project.
        environment_id: the environment; nothing is changed elsewhere.
        sleep: how the client waits out a 429.
    """

    def __init__(
        self,
        url: str,
        token: str,
        kind: str,
        project_id: str,
        environment_id: str,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = url
        self._token = token
        self._kind = kind
        self._project_id = project_id
        self._environment_id = environment_id
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
        for _ in range(3):
            try:
                return self._post(document, variables or {}, self._token_kind())
            except ThrottledError as error:
                if error.seconds > MAX_PATIENCE_SECONDS:
                    raise
                self._sleep(error.seconds)
        return self._post(document, variables or {}, self._token_kind())

    def instances(self) -> list[Instance]:
        """Return every service of the environment: one request for each hundred."""
        return [_instance(node) for node in self._pages(INSTANCES, "serviceInstances") if not node["deletedAt"]]

    def volumes(self) -> dict[str, list[str]]:
        """Return the ids of the volumes of each service in the environment."""
        found: dict[str, list[str]] = {}
        for node in self._pages(VOLUMES, "volumeInstances"):
            if node["serviceId"] and not node["deletedAt"] and not node["isPendingDeletion"]:
                found.setdefault(node["serviceId"], []).append(node["volumeId"])
        return found

    def variables(self, service_id: str) -> dict[str, str]:
        """Return a service's variables as they are stored; sealed ones are missing."""
        scope = {"projectId": self._project_id, "environmentId": self._environment_id, "serviceId": service_id}
        found = self.execute(VARIABLES, scope)["variables"]
        return {str(name): str(value) for name, value in found.items() if value is not None}

    def create_service(self, name: str) -> str:
        """Create an empty service and return its id: without a source nothing is deployed yet."""
        scope = {"projectId": self._project_id, "environmentId": self._environment_id, "name": name}
        return str(self.execute(SERVICE_CREATE, {"input": scope})["serviceCreate"]["id"])

    def create_volume(self, service_id: str, mount_path: str) -> str:
        """Create a volume for a service and return its id."""
        scope = {"projectId": self._project_id, "environmentId": self._environment_id}
        volume = {**scope, "serviceId": service_id, "mountPath": mount_path}
        return str(self.execute(VOLUME_CREATE, {"input": volume})["volumeCreate"]["id"])

    def create_domain(self, service_id: str, port: int) -> str:
        """Create a Railway domain for a service and return it."""
        domain = {"environmentId": self._environment_id, "serviceId": service_id, "targetPort": port}
        return str(self.execute(DOMAIN_CREATE, {"input": domain})["serviceDomainCreate"]["domain"])

    def commit(self, patch: Mapping[str, Any], message: str) -> None:
        """Commit one patch of the environment's config: one deployment of each service that it changes."""
        self.execute(PATCH_COMMIT, {"environmentId": self._environment_id, "patch": patch, "message": message})

    def deploy(self, service_id: str) -> str:
        """Deploy a service with its stored config, and return the deployment's id."""
        scope = {"environmentId": self._environment_id, "serviceId": service_id}
        return str(self.execute(DEPLOY, scope)["serviceInstanceDeployV2"])

    def rename(self, service_id: str, name: str) -> None:
        """Give a service another name; its domain stays."""
        self.execute(RENAME, {"id": service_id, "name": name})

    def delete_volume(self, volume_id: str) -> None:
        """Delete a volume; Railway keeps its data for another 48 hours."""
        self.execute(VOLUME_DELETE, {"id": volume_id})

    def delete_service(self, service_id: str) -> None:
        """Delete a service; its volume is not deleted with it."""
        self.execute(SERVICE_DELETE, {"id": service_id, "environmentId": self._environment_id})

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
                self._post(WHO, {}, "project")
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
        deployment_status=deployment["status"] if deployment else "",
        deployed_at=_time(deployment["createdAt"]) if deployment else None,
    )
