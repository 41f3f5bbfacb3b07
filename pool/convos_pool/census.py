"""One look at all agents: one query to Railway, one to the database, one health request to each agent that runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import agents
from .agents import Agent

if TYPE_CHECKING:
    from .database import Claim, Database
    from .railway import Instance, Railway
    from .talk import Agents


@dataclass(frozen=True)
class Look:
    """What was there at one moment.

    Args:
        agents: by id, in the order of their ids.
        claims: the rows of `agent_metadata`, by the agent's id.
        at: `time.time()` of the look.
    """

    agents: Mapping[str, Agent]
    claims: Mapping[str, Claim]
    at: float


class Census:
    """Looks at agents, and remembers since when each has been ready, or not.

    Args:
        railway: the environment.
        database: the claims.
        talk: the agents.
        stuck_seconds: how long an agent may take to get ready.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        railway: Railway,
        database: Database,
        talk: Agents,
        stuck_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._railway = railway
        self._database = database
        self._talk = talk
        self._stuck_seconds = stuck_seconds
        self._clock = clock
        # By deployment: a new deployment starts anew. A restart forgets, which gives every agent its time again.
        self._since: dict[tuple[str, object], tuple[bool, float]] = {}

    def look(self) -> Look:
        """Look.

        Raises:
            RailwayError, UnavailableError: one of the two cannot be asked; then nothing is known, not even that an
                agent is gone.
        """
        # Claims after services: an agent that is claimed in between must not look idle.
        found = {id_: instance for instance in self._railway.instances() if (id_ := agents.agent_id(instance.name))}
        ready = self._talk.which_are_ready(one for one in found.values() if one.deployment_status == "SUCCESS")
        claims = self._database.claims()
        services = {claim.service_id for claim in claims.values()}
        claimed = set(claims) | {id_ for id_, one in found.items() if one.service_id in services}
        known, self._since = self._since, {}
        listed = {
            id_: self._agent(id_, instance, claimed=id_ in claimed, ready=instance.service_id in ready, known=known)
            for id_, instance in sorted(found.items())
        }
        return Look(listed, claims, time.time())

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
