"""Reads of whole environments, each shared by everything that happens to it within a few seconds."""

from __future__ import annotations

import functools
import math
import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from convos_infra.railway import snapshot_query
from convos_infra.railway.absence import environment_is_gone, refuse_leaving
from convos_infra.railway.details import Details, ask_domains
from convos_infra.railway.details import ask as ask_details
from convos_infra.railway.slot import Slot
from convos_infra.railway.snapshot import Gone, Snapshot, parsed_snapshot
from railway_api.errors import NotAuthorized, NotFound, Opaque, RailwayError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from convos_infra.railway.writers import Holding
    from railway_api.client import Client

FRESH_SECONDS = 5.0
"""How old an answer may be, in seconds, for somebody who does not need one of this moment."""
REFRESH_SECONDS = 300.0
"""How old the picture may be that a refresh records: reading 50 services takes Pulumi longer than `FRESH_SECONDS`."""


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
            if slot.failure is not None and slot.failed_at >= limit:
                # The client has used up its patience; fifty resources would use it up one after the other.
                raise slot.failure.about(subject)
            is_known = slot.snapshot is not None or slot.is_gone
            if not is_known or slot.read_at < limit or slot.changes_seen < slot.writers.changes:
                began, changes = self._clock(), slot.writers.changes
                try:
                    slot.snapshot, slot.is_gone = self._ask_or_gone(project_id, environment_id, subject)
                except RailwayError as error:
                    slot.failure, slot.failed_at = error, self._clock()
                    raise
                slot.failure = None
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
        return parsed_snapshot(project_id, environment_id, found, subject)
