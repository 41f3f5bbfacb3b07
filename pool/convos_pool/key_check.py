"""Finds agents whose keys differ from those of a new agent, by the variables that Railway stores for each.

Only the names of these keys are remembered, for the deployment that an agent runs; no value is. One request reads the
variables of all agents, and it is sent only if an agent has a deployment that was not compared yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pool_contract.agent_api_key import agent_api_key
from pool_contract.agent_variables import API_KEY, taken_out

from . import agents
from .errors import RailwayCallError
from .read_lag import LAG_SECONDS

if TYPE_CHECKING:
    from .agents import Agent
    from .settings import Settings


@dataclass(frozen=True)
class Compared:
    """The remembered result for an agent.

    Attributes:
        behind: the names of the keys that it lacks, has with another value than a new agent, or has in excess.
        removed: the names of those in excess: they were removed from the keys.
        has_old_api_key: whether its own bearer key was not derived from the pool's current key.
    """

    behind: tuple[str, ...] = ()
    removed: frozenset[str] = frozenset()
    has_old_api_key: bool = False

    @property
    def names(self) -> list[str]:
        """The names of everything that a redeploy would change, including its own bearer key."""
        return sorted([*self.behind, *([API_KEY] if self.has_old_api_key else [])])


NOT_KNOWN = Compared()


class KeyCheck:
    """Compares agents with a new one.

    Args:
        settings: the settings for all agents.
        stored: reads the variables of all services from Railway, by the service's id.
        now: the time.
    """

    def __init__(
        self,
        settings: Settings,
        stored: Callable[[], Mapping[str, Mapping[str, str]]],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._stored = stored
        self._now = now
        self._known: dict[tuple[str, str], Compared] = {}
        self._again: set[tuple[str, str]] = set()

    def refresh(self, living: Iterable[Agent]) -> None:
        """Compare the agents whose deployment was not compared yet; without an answer, the next tick does it."""
        places = {agent.instance.place: agent for agent in living if agent.instance.deployment_id and agent.image}
        self._known = {place: compared for place, compared in self._known.items() if place in places}
        unknown = {place: agent for place, agent in places.items() if place not in self._known or place in self._again}
        if not unknown:
            return
        try:
            stored = self._stored()
        except RailwayCallError:
            return
        for place, agent in unknown.items():
            found = stored.get(agent.instance.service_id)
            if found:
                self._known[place] = self._compared(agent, found)
        self._again = {
            place
            for place, agent in unknown.items()
            if (place not in self._known or self._known[place].names) and self._may_lag(agent)
        }

    def behind(self, living: Iterable[Agent]) -> frozenset[str]:
        """Return the ids of the agents that are known to have other keys; no request is sent."""
        return frozenset(agent.id for agent in living if self._known.get(agent.instance.place, NOT_KNOWN).behind)

    def names(self, agent: Agent) -> list[str] | None:
        """Return the names of the keys that a redeploy would change; None while they are not known."""
        known = self._known.get(agent.instance.place)
        return known.names if known is not None else None

    def removed(self, agent: Agent) -> frozenset[str]:
        """Return the names of an agent's keys that were removed, as far as known; no request is sent."""
        return self._known.get(agent.instance.place, NOT_KNOWN).removed

    def _compared(self, agent: Agent, stored: Mapping[str, str]) -> Compared:
        # An agent of an older pool manager may have the pool's own key. It still works, so it does not count as behind.
        return Compared(
            tuple(agents.keys_behind(self._settings, stored)),
            frozenset(taken_out(self._settings.agent_variables, stored)),
            stored.get(API_KEY) not in (agent_api_key(self._settings.api_key, agent.id), agents.SEALED),
        )

    def _may_lag(self, agent: Agent) -> bool:
        """Tell whether the variables that were read may be older than the deployment; then they are read again."""
        deployed_at = agent.instance.deployed_at
        return deployed_at is not None and (self._now() - deployed_at).total_seconds() < LAG_SECONDS
