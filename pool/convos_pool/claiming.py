"""Hands out idle agents. A claim is recorded in the database before Railway or the agent is asked anything.

Nothing else acts on an agent with such a row. So neither a lock nor a database connection is held while Railway and the
agent answer, and however long they take, other claims continue.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pool_contract.answers import Claimed

from . import agents
from .act import Act
from .errors import (
    AgentError,
    ConflictError,
    DatabaseUnavailableError,
    NoIdleAgentError,
    RailwayCallError,
    UnavailableError,
)

if TYPE_CHECKING:
    from pool_contract.requests import ClaimRequest

    from .agent_client import Conversation
    from .agents import Agent
    from .latest_snapshot import LatestSnapshot
    from .pool_parts import PoolParts
    from .railway import Instance

TRYING_SECONDS = 10.0
"""After this time, in seconds, no further agent is tried for one claim, because its caller is waiting."""
MOST_PASSED_OVER = 5000
"""How many deployments that could not be handed out are remembered."""
QUIET_SECONDS = 10.0
"""How long, in seconds, claims may delay a tick."""


class Claiming:
    """Hands out agents. Claims at the same time try different agents.

    Args:
        parts: the dependencies of the pool.
        snapshots: the last read of the agents.
        touched: agent id -> the deployment that must not be handed out, because a newer one is being made.
        mark_in_use: called with an agent that reports that it is already in a conversation.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        parts: PoolParts,
        snapshots: LatestSnapshot,
        touched: Mapping[str, str],
        mark_in_use: Callable[[Agent], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._parts = parts
        self._snapshots = snapshots
        self._touched = touched
        self._mark_in_use = mark_in_use
        self._clock = clock
        self._taking = threading.Lock()
        self._taken: set[str] = set()
        self._passed_over: set[tuple[str, str]] = set()
        self._in_progress = 0
        self._quiet = threading.Event()
        self._quiet.set()

    def wait_until_quiet(self, seconds: float = QUIET_SECONDS) -> None:
        """Wait until no claim needs the processor, because a tick would slow it down; at most `seconds`."""
        self._quiet.wait(seconds)

    def claim(self, request: ClaimRequest) -> Claimed:
        """Hand out an idle agent.

        Raises:
            UnavailableError: none is idle, or the database does not answer.
            RailwayCallError: Railway does not answer.
            AgentError: a request was sent to an agent, and its outcome is unknown.
        """
        with self._counted(1):
            return self._claim(request)

    @contextmanager
    def _counted(self, more: int) -> Iterator[None]:
        """Count a claim as in progress during a block (1), or take it out of the count while it waits (-1)."""
        self._count(more)
        try:
            yield
        finally:
            self._count(-more)

    def _count(self, more: int) -> None:
        with self._taking:
            self._in_progress += more
            if self._in_progress:
                self._quiet.clear()
            else:
                self._quiet.set()

    def _claim(self, request: ClaimRequest) -> Claimed:
        until = self._clock() + TRYING_SECONDS
        tried: set[str] = set()
        while (agent := self._take(tried)) is not None:
            try:
                answer = self._try_claim(agent, request)
            finally:
                with self._taking:
                    self._taken.discard(agent.id)
            if answer is not None:
                return answer
            self._pass_over(agent)
            if self._clock() >= until:
                raise UnavailableError(f"claim: none of {len(tried)} idle agents could be handed out; try again")
        # Callers of the team's pool manager know the first sentence.
        step = "Try again in a minute; GET /api/pool/status shows what delays new ones"
        raise NoIdleAgentError(f"No idle instances available. {step}")

    def _take(self, tried: set[str]) -> Agent | None:
        """Take the next idle agent that no other claim is trying; None if there is none.

        The last snapshot is good enough, because the agent itself is asked before it is handed out.
        """
        snapshot = self._snapshots.latest or self._snapshots.refresh()
        with self._taking:
            known = (self._snapshots.latest or snapshot).agents.values()
            free = [one for one in known if one.state == "idle" and one.id not in tried and one.id not in self._taken]
            if not free:
                return None
            agent = self._first(free)
            tried.add(agent.id)
            self._taken.add(agent.id)
            return agent

    def _first(self, free: list[Agent]) -> Agent:
        """Return the oldest agent with the newest image; agents that could not be handed out before come last."""
        newest = self._parts.settings.runtime_image
        is_newest = {image: agents.same_image(image, newest) for image in {one.image for one in free}}

        def order(one: Agent) -> tuple[object, ...]:
            return one.instance.place in self._passed_over, not is_newest[one.image], one.instance.created_at, one.id

        return min(free, key=order)

    def _pass_over(self, agent: Agent) -> None:
        with self._taking:
            if len(self._passed_over) >= MOST_PASSED_OVER:
                self._passed_over.clear()
            self._passed_over.add(agent.instance.place)

    def _try_claim(self, agent: Agent, request: ClaimRequest) -> Claimed | None:
        """Claim one agent; return None if it cannot be handed out."""
        database, service_id = self._parts.database, agent.instance.service_id
        if not database.reserve(agent.id, service_id, request):
            return None
        try:
            confirmed = self._confirmed(agent)
        except Exception:
            # Nothing was sent to the agent yet.
            self._release(agent)
            raise
        if confirmed is None:
            database.release(agent.id)
            return None
        try:
            return self._provision(agent, *confirmed, request)
        except ConflictError:
            return None
        except AgentError as error:
            if not error.refused:
                raise
            self._parts.log(Act("claim-failed", f"claim: {error}; another agent is tried", agent.id))
            if error.in_use:
                # A renamed agent counts as `released`, so it is not handed out again.
                self._mark_in_use(agent)
            return None

    def _confirmed(self, agent: Agent) -> tuple[Instance, Mapping[str, str]] | None:
        """Read an agent and its variables once more; return None if it cannot be handed out."""
        try:
            instance, variables = self._parts.railway.before_claim(agent.instance.service_id)
        except RailwayCallError as error:
            if error.is_there:
                raise
            # The agent was deleted after the last read.
            return None
        if instance.deployment_status != "SUCCESS" or agents.is_moving(instance):
            return None
        if not self._parts.client.is_ready(instance, variables):
            return None
        if instance.name != agents.service_name(agent.id) or self._touched.get(agent.id) == instance.deployment_id:
            return None
        return instance, variables

    def _release(self, agent: Agent) -> None:
        try:
            self._parts.database.release(agent.id)
        except DatabaseUnavailableError as error:
            # A later tick asks the agent, as for any interrupted claim.
            self._parts.log(f"{agent.id}: its reservation could not be released yet: {error}")

    def _provision(
        self, agent: Agent, instance: Instance, variables: Mapping[str, str], request: ClaimRequest
    ) -> Claimed:
        """Send the claim to the agent and record its answer.

        Raises:
            AgentError: it refused, or the outcome is unknown.
            ConflictError: it was killed meanwhile.
        """
        try:
            with self._counted(-1):
                conversation = self._parts.client.provision(instance, request.model_dump(exclude_none=True), variables)
        except AgentError as error:
            # If the outcome is unknown, the reservation stays, and a later tick asks the agent again.
            if error.refused:
                self._parts.database.release(agent.id)
            raise
        if not self._parts.database.complete(agent.id, conversation.id, conversation.invite_url):
            raise ConflictError(f"{agent.id}: it was killed while it was being claimed")
        self._keep_credentials(agent.id)
        self._parts.log(Act("claimed", "claimed, and joined" if conversation.joined else "claimed", agent.id))
        self._snapshots.note(agent, "claimed")
        return self._answer(agent.id, instance, variables.get(agents.GATEWAY_TOKEN, ""), conversation)

    def _answer(self, id_: str, instance: Instance, gateway_token: str, conversation: Conversation) -> Claimed:
        return Claimed(
            inviteUrl=conversation.invite_url,
            conversationId=conversation.id,
            instanceId=id_,
            joined=conversation.joined,
            gatewayToken=gateway_token,
            gatewayUrl=self._parts.client.address(instance),
        )

    def _keep_credentials(self, agent_id: str) -> None:
        """Store the key's hash and the inbox with the claim as well, for other pool managers."""
        try:
            key_hash, inbox_id = self._parts.credentials.of(agent_id)
            if key_hash or inbox_id:
                self._parts.database.note_credentials(agent_id, key_hash, inbox_id)
        except DatabaseUnavailableError as error:
            self._parts.log(f"{agent_id}: its key and inbox could not be recorded with its claim: {error}")
