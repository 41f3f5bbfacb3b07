"""Completes interrupted claims: asks their agents again, a few times, outside of the tick."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from .act import Act
from .errors import AgentError, ConflictError, NotFoundError, PoolError

if TYPE_CHECKING:
    from .agent_client import AgentClient, Conversation
    from .agent_services import AgentServices
    from .agents import Agent
    from .claim import Claim
    from .database import Database
    from .set_aside import SetAside

MOST_TRIES = 3
RESERVATION_SECONDS = 150.0
"""A reservation that is older, in seconds, belongs to an interrupted claim: a running one asks its agent twice for 60 s
at most."""


def in_a_thread(work: Callable[[], None]) -> None:
    """Run a function in the background: an agent may take a minute to answer, and the tick holds a lock."""
    threading.Thread(target=work, name="recovery", daemon=True).start()


class Recovery:
    """Finds out the outcome of interrupted claims.

    A runtime that remembers its conversation returns it again. One that refuses a repeated request never reveals it;
    then the claim is set aside.

    Args:
        railway: the agents' variables.
        database: the claims.
        client: the agents.
        set_aside: claims whose outcome stays unknown.
        log: called with each line of the log.
        run: runs the request in the background.
    """

    def __init__(
        self,
        railway: AgentServices,
        database: Database,
        client: AgentClient,
        set_aside: SetAside,
        log: Callable[[str], None],
        run: Callable[[Callable[[], None]], None] = in_a_thread,
    ) -> None:
        self._railway = railway
        self._database = database
        self._client = client
        self._set_aside = set_aside
        self._log = log
        self._run = run
        self._lock = threading.Lock()
        self._tries: dict[str, int] = {}
        self._busy = False

    def advance(self, interrupted: Mapping[str, Agent]) -> None:
        """Start to ask one of these agents again, the one with the fewest attempts, unless one is being asked.

        Args:
            interrupted: the agents of interrupted claims, by id.
        """
        with self._lock:
            self._tries = {id_: tries for id_, tries in self._tries.items() if id_ in interrupted}
            if self._busy or not interrupted:
                return
            self._busy = True
            agent = min(interrupted.values(), key=lambda one: (self._tries.get(one.id, 0), one.id))
            self._tries[agent.id] = self._tries.get(agent.id, 0) + 1
        self._run(lambda: self._one(agent))

    def _one(self, agent: Agent) -> None:
        try:
            self._ask(agent)
        except PoolError as error:
            self._log(f"{agent.id}: a claim was interrupted, and its outcome is not known yet: {error}")
        finally:
            with self._lock:
                self._busy = False

    def _ask(self, agent: Agent) -> None:
        try:
            self.finish(agent)
            self._log(Act("recovered", "an interrupted claim was completed", agent.id))
        except (ConflictError, NotFoundError):
            return
        except AgentError as error:
            if error.refused and not error.in_use:
                self._database.release(agent.id)
                self._log(Act("recovered", f"an interrupted claim was released: {error}", agent.id))
                return
            with self._lock:
                tries = self._tries.get(agent.id, MOST_TRIES)
            if tries < MOST_TRIES and not error.in_use:
                self._log(f"{agent.id}: a claim was interrupted, and its agent does not answer: {error}")
                return
            self._set_aside.add(agent.id, f"claim outcome unknown: {error}")
            what_to_do = (
                f"finish it by POST /api/pool/instances/{agent.id}/finish,"
                f" or dismiss it by DELETE /api/pool/crashed/{agent.id}"
            )
            self._log(Act("set-aside", f"claim outcome unknown, set aside: {error}; {what_to_do}", agent.id))

    def finish(self, agent: Agent) -> Conversation:
        """Send an agent the same request once more, and complete its claim.

        Raises:
            NotFoundError: the claim is gone, or complete.
            ConflictError: another request holds the lock.
            AgentError: it refused, or the outcome is still unknown.
        """
        with self._database.lock(agent.id):
            claim = self._database.claims().get(agent.id)
            details = self._database.details([agent.id]).get(agent.id)
            if claim is None or details is None or not claim.reserved:
                raise NotFoundError(f"{agent.id}: has no interrupted claim")
            _refuse_if_in_progress(claim)
            _, variables = self._railway.before_claim(agent.instance.service_id)
            conversation = self._client.provision(agent.instance, details.as_request(), variables, tries=1)
            self._database.complete(agent.id, conversation.id, conversation.invite_url)
        self._set_aside.remove(agent.id)
        return conversation

    def complete(self, agent: Agent, conversation_id: str, invite_url: str) -> None:
        """Complete a claim with the values that a person provides.

        Raises:
            NotFoundError: the claim is gone, or complete.
            ConflictError: another request holds the lock.
        """
        with self._database.lock(agent.id):
            claim = self._database.claims().get(agent.id)
            if claim is None or not claim.reserved:
                raise NotFoundError(f"{agent.id}: has no interrupted claim")
            _refuse_if_in_progress(claim)
            self._database.complete(agent.id, conversation_id, invite_url)
        self._set_aside.remove(agent.id)


def _refuse_if_in_progress(claim: Claim) -> None:
    left = RESERVATION_SECONDS - claim.seconds
    if left >= 0:
        raise ConflictError(f"{claim.id}: its claim is still in progress; try again in {math.ceil(left)} s")
