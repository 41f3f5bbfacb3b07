"""One read of a whole environment, shared by everything that happens to it within a few seconds.

"Gone" has to be proved, for which the same answer also carries the project's own list of environments.
"""

from __future__ import annotations

import functools
import math
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from convos_infra.railway import snapshot_query
from convos_infra.railway.absence import environment_is_gone, refuse_leaving
from convos_infra.railway.deployment import DeploymentState, parsed
from convos_infra.railway.details import Details, ask_domains
from convos_infra.railway.details import ask as ask_details
from convos_infra.railway.environment_config import buckets_here
from convos_infra.railway.listing import nodes
from convos_infra.railway.slot import Slot
from railway_api.errors import NotAuthorized, NotFound, Opaque, RailwayError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from convos_infra.railway.writers import Holding
    from railway_api.client import Client

FRESH_SECONDS = 5.0


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


class Snapshots:
    """Reads environments; one read at a time for each, and whoever waited for it shares its answer.

    Args:
        client: asks Railway.
        clock: seconds, monotonic.
    """

    def __init__(self, client: Client, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._slots: dict[str, Slot] = {}
        # A project token is of one environment, and the list is the project's.
        self._shows_tokens = not client.is_project_token

    def read(
        self, project_id: str, environment_id: str, *, subject: str, fresh: bool = False, age: float = FRESH_SECONDS
    ) -> Snapshot:
        """Return an environment.

        Args:
            project_id: the environment's project.
            environment_id: which one.
            subject: what it is read for, for the error's first word.
            fresh: whether an answer that is some seconds old does not do.
            age: how many seconds old an answer may be otherwise.

        Raises:
            Gone: it is proved that it does not exist.
            RailwayError: it could not be read; that proves nothing.
        """
        slot = self._slot(environment_id)
        asked = self._clock()
        with slot.lock:
            limit = asked if fresh else asked - age
            is_known = slot.snapshot is not None or slot.is_gone
            if not is_known or slot.read_at < limit or slot.changes_seen < slot.writers.changes:
                began, changes = self._clock(), slot.writers.changes
                slot.snapshot, slot.is_gone = self._ask_or_gone(project_id, environment_id, subject)
                slot.read_at, slot.changes_seen = began, changes
            if slot.snapshot is None:
                raise Gone(environment_id)
            return slot.snapshot

    def details(self, snapshot: Snapshot) -> Details:
        """Return what a read of an environment does not show, asked once for each read.

        Raises:
            RailwayError: it could not be read.
        """
        return self._slot(snapshot.environment_id).details.of(snapshot)

    def begin_details(self, snapshot: Snapshot) -> None:
        """Begin to read them, where somebody will ask."""
        self._slot(snapshot.environment_id).details.begin(snapshot)

    def running_variables(self, snapshot: Snapshot, service_id: str) -> Mapping[str, Any] | None:
        """Return what the deployment that serves was given, which never changes; None if it cannot be read.

        Raises:
            RailwayError: the details of the environment could not be read.
        """
        serving = snapshot.serving_deployment(service_id)
        if serving is None:
            return None
        known = self._slot(snapshot.environment_id).running.get(serving.id)
        return known if known is not None else self.details(snapshot).variables.get(service_id)

    def private_domains(self, snapshot: Snapshot, services: Collection[str]) -> Mapping[str, str]:
        """Return the private domains of services, asked once for each name of each; without those that are refused.

        Raises:
            RailwayError: Railway could not be asked.
        """
        slot = self._slot(snapshot.environment_id)
        named = {id_: (id_, snapshot.name_of(id_)) for id_ in sorted(services)}
        with slot.lock:
            missing = [id_ for id_, key in named.items() if key not in slot.domains]
            if missing:
                found = ask_domains(self._client, snapshot, missing)
                slot.domains |= {named[id_]: found.get(id_, "") for id_ in missing}
            return {id_: slot.domains[key] for id_, key in named.items() if slot.domains[key]}

    def amend(
        self, environment_id: str, change: Callable[[Snapshot], Snapshot], *, age: float = math.inf
    ) -> Snapshot | None:
        """Return an environment with a part of it read anew; None if the rest of it is out of date.

        Args:
            environment_id: which one.
            change: reads the part, and puts it into what was read before.
            age: how many seconds old the rest may be.

        Raises:
            RailwayError: the part could not be read.
        """
        slot = self._slot(environment_id)
        with slot.lock:
            is_old = slot.changes_seen < slot.writers.changes or slot.read_at < self._clock() - age
            if slot.snapshot is None or is_old:
                return None
            slot.snapshot = change(slot.snapshot)
            return slot.snapshot

    def was_read(self, environment_id: str) -> bool:
        """Tell whether an environment was ever read, or proved to be gone."""
        slot = self._slot(environment_id)
        return slot.snapshot is not None or slot.is_gone

    def forget(self, environment_id: str) -> None:
        """Read again next time: something was changed."""
        self._slot(environment_id).writers.changed()

    def making(self, environment_id: str, of: str) -> AbstractContextManager[Holding]:
        """Hold an environment for one of those that create something in it, side by side; see `Writers`."""
        return self._slot(environment_id).writers.making(of)

    def writing(self, environment_id: str) -> AbstractContextManager[Holding]:
        """Hold an environment for one writer of this process alone; see `Writers`."""
        return self._slot(environment_id).writers.writing()

    def _slot(self, environment_id: str) -> Slot:
        with self._lock:
            return self._slots.setdefault(environment_id, Slot(self._ask_details))

    def _ask_details(self, snapshot: Snapshot) -> Details:
        found = ask_details(self._client, snapshot, lambda: self._again(snapshot))
        self._slot(snapshot.environment_id).note(snapshot, found)
        return found

    def _ask_or_gone(self, project_id: str, environment_id: str, subject: str) -> tuple[Snapshot | None, bool]:
        try:
            return self._ask(project_id, environment_id, subject), False
        except Gone:
            return None, True

    def _again(self, snapshot: Snapshot) -> Snapshot | None:
        try:
            return self._ask(snapshot.project_id, snapshot.environment_id, "environment")
        except (Gone, RailwayError):
            return None

    def _ask(self, project_id: str, environment_id: str, subject: str) -> Snapshot:
        ask = functools.partial(snapshot_query.ask, self._client, project_id, environment_id, subject=subject)
        try:
            found = ask(with_tokens=self._shows_tokens)
        except (NotAuthorized, NotFound, Opaque) as error:
            if environment_is_gone(self._client, project_id, environment_id, subject):
                raise Gone(environment_id) from error
            if not self._shows_tokens:
                raise
            # A token that may read an environment may not always list the tokens of its project.
            found = ask(with_tokens=False)
            self._shows_tokens = False
        refuse_leaving(self._client, environment_id, found.get("environment") or {}, found.get("project") or {})
        return _parsed(project_id, environment_id, found, subject)


def _parsed(project_id: str, environment_id: str, data: Mapping[str, Any], subject: str) -> Snapshot:
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
