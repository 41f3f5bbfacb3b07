"""Reads all agents: one query to Railway, one to the database, one health check of each running agent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pool_contract.service_names import POOL_MANAGER, agents_in

from . import agents
from .agents import Agent
from .problem_log import ProblemLog

if TYPE_CHECKING:
    from .agent_client import AgentClient
    from .agent_services import AgentServices
    from .claim import Claim
    from .database import Database
    from .railway import Instance
    from .set_aside import SetAside


@dataclass(frozen=True)
class PoolSnapshot:
    """The state of the pool at one moment.

    Attributes:
        agents: by id, in the order of their ids.
        claims: the rows of `agent_metadata`, by the agent's id.
        at: `time.time()` of the read.
    """

    agents: Mapping[str, Agent]
    claims: Mapping[str, Claim]
    at: float


class Inventory:
    """Reads the agents, and remembers since when each has been ready, or not.

    Args:
        railway: the environment.
        database: the claims.
        client: the agents.
        set_aside: claims with an unknown outcome.
        stuck_seconds: how long an agent may take to get ready.
        clock: monotonic seconds.
        log: called with each line of the log.
        own: the id of the pool manager's own service, whatever its name; empty if Railway does not provide it.
    """

    def __init__(
        self,
        railway: AgentServices,
        database: Database,
        client: AgentClient,
        set_aside: SetAside,
        stuck_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        log: Callable[[str], None] = lambda _: None,
        own: str = "",
    ) -> None:
        self._railway = railway
        self._database = database
        self._client = client
        self._set_aside = set_aside
        self._stuck_seconds = stuck_seconds
        self._clock = clock
        self._own = own
        self._problems = ProblemLog(log, clock)
        # By deployment, so that a new one gets its whole time. A restart of the pool manager gives it to all agents.
        self._since: dict[tuple[str, object], tuple[bool, float]] = {}

    def read(self) -> PoolSnapshot:
        """Read everything.

        Raises:
            RailwayCallError: Railway cannot be read; then no agent may count as gone.
            DatabaseUnavailableError: the database cannot be read.
        """
        # Claims are read after services, so that an agent that is claimed in between does not look idle.
        instances = self._railway.instances()
        named = agents_in({one.service_id: one.name for one in instances}, {self._own})
        by_name = {id_: one for one in instances if one.service_id in named and (id_ := agents.agent_id(one.name))}
        ready = self._client.which_are_ready(one for one in by_name.values() if one.deployment_status == "SUCCESS")
        claims = self._database.claims()
        renamed = _by_claim((one for one in instances if one.service_id != self._own), claims)
        if renamed:
            ready |= self._client.which_are_ready(one for one in renamed.values() if one.deployment_status == "SUCCESS")
        found = renamed | by_name
        services = {claim.service_id for claim in claims.values()}
        claimed = set(claims) | {id_ for id_, one in found.items() if one.service_id in services}
        aside = self._set_aside.all() if any(claim.reserved for claim in claims.values()) else {}
        known, self._since = self._since, {}
        listed = {
            id_: self._agent(id_, instance, claimed=id_ in claimed, ready=instance.service_id in ready, known=known)
            for id_, instance in sorted(found.items())
        }
        for id_, reason in aside.items():
            if id_ in listed and id_ in claims and claims[id_].reserved:
                listed[id_] = replace(listed[id_], state="unknown", reason=reason)
        self._client.forget_all_but(instances)
        listed = {id_: self._with_problem(agent) for id_, agent in listed.items()}
        problems = {id_: one.reason for id_, one in listed.items() if one.reason and one.state != "unknown"}
        self._problems.update(problems)
        return PoolSnapshot(listed, claims, time.time())

    def _with_problem(self, agent: Agent) -> Agent:
        """Add the problem of an agent that runs but gives no valid answer."""
        if agent.reason or agent.ready or agent.instance.deployment_status != "SUCCESS":
            return agent
        return replace(agent, reason=self._client.problem(agent.instance))

    def _agent(
        self,
        id_: str,
        instance: Instance,
        *,
        claimed: bool,
        ready: bool,
        known: Mapping[tuple[str, object], tuple[bool, float]],
    ) -> Agent:
        key = (instance.service_id, instance.deployed_at)
        before = known.get(key)
        since = before[1] if before is not None and before[0] == ready else self._clock()
        self._since[key] = (ready, since)
        seconds = self._clock() - since
        state = agents.state(
            instance,
            claimed=claimed,
            ready=ready,
            unready_seconds=0.0 if ready else seconds,
            stuck_seconds=self._stuck_seconds,
        )
        return Agent(id_, instance, state, claimed, ready, seconds)


def _by_claim(instances: Iterable[Instance], claims: Mapping[str, Claim]) -> dict[str, Instance]:
    """Return the claimed agents whose name does not contain their id, because another pool manager renamed them."""
    named = {claim.service_id: claim.id for claim in claims.values()}
    return {
        named[one.service_id]: one
        for one in instances
        if one.service_id in named and agents.agent_id(one.name) is None and one.name != POOL_MANAGER
    }
