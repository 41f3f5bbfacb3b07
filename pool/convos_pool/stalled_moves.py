"""Deploys agents whose config has an image that is not deployed: their patch succeeded, but no deployment started."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from . import agents
from .errors import RailwayCallError

if TYPE_CHECKING:
    from .agent_services import AgentServices
    from .agents import Agent
    from .database import Lock

STALLED_SECONDS = 120.0
"""How long, in seconds, an agent may have an image that is not deployed, before a deployment is requested."""


class StalledMoves:
    """Requests deployments that did not start.

    Args:
        railway: the agents' services.
        log: called with each line of the log.
        clock: monotonic seconds.
    """

    def __init__(
        self, railway: AgentServices, log: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._railway = railway
        self._log = log
        self._clock = clock
        self._moving_since: dict[str, float] = {}

    def nudge(self, living: Iterable[Agent], lock: Lock) -> None:
        """Deploy unclaimed agents whose image has not been deployed for STALLED_SECONDS.

        Args:
            living: all agents.
            lock: the tick's lock.
        """
        known, self._moving_since = self._moving_since, {}
        for agent in living:
            if agent.claimed or not agents.is_moving(agent.instance):
                continue
            since = self._moving_since.setdefault(agent.id, known.get(agent.id, self._clock()))
            if self._clock() - since > STALLED_SECONDS:
                lock.confirm()
                self._moving_since[agent.id] = self._clock()
                try:
                    self._railway.deploy(agent.instance.service_id)
                except RailwayCallError as error:
                    self._log(f"{agent.id}: its deployment does not start: {error}")
