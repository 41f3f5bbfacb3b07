"""Services of deleted agents that no environment has any more; they still count towards the project's limit.

Whether Railway deletes a service with its last instance is disputed (fact: scoped-delete-keeps-service). Only recorded
services of deleted agents are looked up, so nothing of another pool, a stack or a person is deleted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import agents
from .errors import RailwayCallError, ThrottledError

if TYPE_CHECKING:
    from .agent_services import AgentServices
    from .credential_record import CredentialRecord, Recorded
    from .database import Lock
    from .railway import ProjectServices

SWEEP_SHARE = 0.5
"""The share of an hour's calls below which nothing is swept: claims, reads and new agents come first."""
MOST = 20
"""How many services one round looks for and deletes: two calls."""
RETRY_SECONDS = 600.0
"""The pause, in seconds, after Railway has refused the read or a deletion."""


class LeftoverServices:
    """Deletes the leftover services of deleted agents.

    Args:
        railway: the agents' services.
        record: the deleted agents.
        log: called with each line of the log.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        railway: AgentServices,
        record: CredentialRecord,
        log: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._railway = railway
        self._record = record
        self._log = log
        self._clock = clock
        self._not_before = 0.0
        self._most = MOST
        self._reported = False

    def sweep(self, lock: Lock) -> None:
        """Look for the services on record, and delete those that no environment has; an error is only logged.

        Args:
            lock: the tick's lock.
        """
        left = [one for one in self._record.all().values() if one.is_service_only]
        if not left or self._clock() < self._not_before:
            return
        if not self._railway.sees_project():
            self._forget_all(left)
            return
        try:
            self._railway.keep_for_claims(SWEEP_SHARE)
            unused = self._unused(left, self._railway.project_services())
            if unused:
                lock.confirm()
                self._delete(sorted(unused, key=lambda one: one.agent_id)[: self._most])
        except ThrottledError:
            return
        except RailwayCallError as error:
            self._not_before = self._clock() + RETRY_SECONDS
            self._log(f"the services of {len(left)} deleted agents may still count for the project's limit: {error}")

    def _unused(self, left: list[Recorded], use: ProjectServices) -> list[Recorded]:
        """Return those that no environment has; forget the records of those that are gone, or that must be kept."""
        unused = []
        for known in left:
            name = use.names.get(known.service_id)
            if name is not None and known.service_id in use.here:
                # The deletion from this environment is not visible yet, or has to be repeated.
                continue
            why = "" if name is None else self._why_kept(known, name, use)
            if name is None or why:
                self._forget(known, why)
            else:
                unused.append(known)
        return unused

    def _why_kept(self, known: Recorded, name: str, use: ProjectServices) -> str:
        if agents.agent_id(name) != known.agent_id:
            return f"it was renamed to {name}"
        if known.service_id in use.elsewhere:
            return "another environment has it"
        return "the token does not see all environments" if use.is_partial else ""

    def _delete(self, unused: list[Recorded]) -> None:
        try:
            self._railway.delete_unused([one.service_id for one in unused])
        except RailwayCallError as error:
            if len(unused) == 1 and error.is_there:
                self._forget(unused[0], str(error))
            # The next round finds out which are left, and deletes them one by one, so that a refused one does not
            # block the others.
            self._most = 1
            raise
        self._most = MOST
        for known in unused:
            self._forget(known, "")

    def _forget_all(self, left: list[Recorded]) -> None:
        for known in left:
            self._record.forget(known.agent_id)
        if not self._reported:
            self._reported = True
            why = "a project token does not see whether another environment has them"
            self._log(f"the services of deleted agents may stay in the project and count for its limit: {why}")

    def _forget(self, known: Recorded, why: str) -> None:
        self._record.forget(known.agent_id)
        if why:
            self._log(f"{known.agent_id}: its service stays in the project: {why}")
