"""What scenarios run in: one throw-away project with an environment and a fork of it, and callers by credential."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ops.conformance import documents
from ops.conformance.caller import Caller, Fence, Refusal
from ops.conformance.recording import Recording
from railway_api import documents as sent

IMAGE = "ghcr.io/traefik/whoami:v1.10"
"""A server of a few megabytes that needs no configuration."""
LIMITS = {"containers": {"cpu": 1, "memoryBytes": 500_000_000}}
"""What one deployment may use at most: the bound of what a run costs is counted from it."""


@dataclass(frozen=True)
class Callers:
    """Who may ask.

    Attributes:
        account: with the account's or workspace's token.
        project: with a project token of the environment.
        nobody: without a token.
        blank: with a blank bearer token.
        stranger: with a token that does not exist.
    """

    account: Caller
    project: Caller
    nobody: Caller
    blank: Caller
    stranger: Caller


@dataclass(frozen=True)
class ProjectIds:
    """The ids of where scenarios play."""

    workspace_id: str
    project_id: str
    environment_id: str
    fork_id: str


@dataclass(frozen=True)
class Sandbox:
    """What a scenario has.

    Attributes:
        callers: who may ask.
        place: where it plays.
        patience_seconds: how long to wait for what lags behind.
        fence: what may be changed.
        tells_limit: whether an answer to the account told a rate limit.
        recording: what the callers were answered.
    """

    callers: Callers
    place: ProjectIds
    patience_seconds: float
    fence: Fence = field(repr=False)
    tells_limit: Callable[[], bool] = field(repr=False)
    recording: Recording = field(repr=False, default_factory=Recording)

    @property
    def workspace_id(self) -> str:
        """The workspace of the project."""
        return self.place.workspace_id

    @property
    def project_id(self) -> str:
        """The throw-away project."""
        return self.place.project_id

    @property
    def environment_id(self) -> str:
        """Its first environment."""
        return self.place.environment_id

    @property
    def fork_id(self) -> str:
        """A fork of that environment."""
        return self.place.fork_id

    def ask(self, document: str, /, **variables: Any) -> Mapping[str, Any]:
        """Return the data of an answer to the account."""
        return self.callers.account.ask(document, variables)

    def refused(self, document: str, by: Caller | None = None, /, **variables: Any) -> str:
        """Return the words of a refusal; `accepted` if there is none."""
        try:
            (by or self.callers.account).ask(document, variables)
        except Refusal as refusal:
            return refusal.message
        return "accepted"

    def made_up(self) -> str:
        """Return an id that nothing has."""
        id_ = str(uuid.uuid4())
        self.fence.admit(id_)
        return id_

    def lately(self, read: Callable[[], Any], expected: Any) -> Any:
        """Read until the value is the expected one or patience ends; return the last value (fact: read-lag)."""
        deadline = time.monotonic() + self.patience_seconds
        pause = min(2.0, self.patience_seconds / 50)
        while True:
            kept = len(self.recording.calls)
            found = read()
            if found == expected or time.monotonic() + pause > deadline:
                return found
            # Only the last read is recorded, so that a replay finds it at once.
            del self.recording.calls[kept:]
            time.sleep(pause)

    def service(self, name: str, **more: Any) -> str:
        """Make a service and return its id."""
        given = {"projectId": self.project_id, "name": name, "environmentId": self.environment_id, **more}
        return str(self.ask(sent.SERVICE_CREATE, input=given)["serviceCreate"]["id"])

    def commit(self, patch: Mapping[str, Any], *, environment_id: str = "", skip: bool = False) -> None:
        """Commit a patch."""
        document = sent.PATCH_STORE if skip else sent.PATCH_COMMIT
        self.ask(document, environmentId=environment_id or self.environment_id, patch=patch, message="conformance")

    def configure(self, service_id: str, config: Mapping[str, Any], *, skip: bool = False) -> None:
        """Commit a patch of one service."""
        self.commit({"services": {service_id: config}}, skip=skip)

    def running(self, name: str, **config: Any) -> str:
        """Make a service that runs the image, and return its id when its deployment has settled."""
        service_id = self.service(name)
        given = {"source": {"image": IMAGE}, **config}
        self.configure(service_id, {**given, "deploy": {"limitOverride": LIMITS, **given.get("deploy", {})}})
        self.settled(service_id)
        return service_id

    def settled(self, service_id: str) -> list[Mapping[str, Any]]:
        """Wait until no deployment of a service is in progress, and return them, newest first."""
        moving = {"QUEUED", "WAITING", "INITIALIZING", "BUILDING", "DEPLOYING", "REMOVING"}
        self.lately(lambda: any(row["status"] in moving for row in self.deployments(service_id)), expected=False)
        return self.deployments(service_id)

    def deployments(self, service_id: str, environment_id: str = "") -> list[Mapping[str, Any]]:
        """Return a service's deployments, newest first."""
        here = {"environmentId": environment_id or self.environment_id, "projectId": self.project_id}
        return nodes(self.ask(documents.DEPLOYMENTS, input={**here, "serviceId": service_id})["deployments"])

    def config(self, *, opened: bool = True, environment_id: str = "") -> Mapping[str, Any]:
        """Return the stored config of an environment."""
        answer = self.ask(documents.CONFIG, id=environment_id or self.environment_id, opened=opened)
        config: Mapping[str, Any] = answer["environment"]["config"]
        return config

    def variables(self, service_id: str, **more: Any) -> Mapping[str, Any]:
        """Return a service's variables."""
        here = {"projectId": self.project_id, "environmentId": self.environment_id, "serviceId": service_id}
        found: Mapping[str, Any] = self.ask(documents.VARIABLES, **here, **more)["variables"]
        return found

    def volume(self, service_id: str | None, **more: Any) -> str:
        """Make a volume and return its id."""
        given = {"projectId": self.project_id, "mountPath": "/data", "environmentId": self.environment_id, **more}
        given.update({"serviceId": service_id} if service_id else {})
        return str(self.ask(sent.VOLUME_CREATE, input=given)["volumeCreate"]["id"])

    def volume_instances(self, volume_id: str, environment_id: str = "") -> list[Mapping[str, Any]]:
        """Return the instances of a volume in an environment."""
        found = self.ask(documents.VOLUME_INSTANCES, id=environment_id or self.environment_id)["environment"]
        return [row for row in nodes(found["volumeInstances"]) if row["volumeId"] == volume_id]


def nodes(connection: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the nodes of a connection."""
    return [edge["node"] for edge in connection["edges"]]
