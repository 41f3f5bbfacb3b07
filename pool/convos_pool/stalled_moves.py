"""Agents whose config asks for an image that nothing deploys: the patch came through, its deployment did not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from . import agents
from .errors import RailwayError

if TYPE_CHECKING:
    from .agent_services import AgentServices
    from .agents import Agent
    from .database import Lock

STALLED_SECONDS = 120.0
"""How long a config may ask for an image that nothing deploys; then the deployment is asked for."""


class StalledMoves:
    """Asks for deployments that did not start.

    Args:
        railway: the agents' services.
        log: one line for the log.
        clock: seconds that never go back.
    """

    def __init__(
        self, railway: AgentServices, log: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._railway = railway
        self._log = log
        self._clock = clock
        self._moving_since: dict[str, float] = {}

    def nudge(self, living: Iterable[Agent], lock: Lock) -> None:
        """Deploy what has had another image in its config for long."""
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
                except RailwayError as error:
                    self._log(f"{agent.id}: its deployment does not start: {error}")
