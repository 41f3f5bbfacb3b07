"""Finds agents whose keys differ from those of a new agent, by the variables that Railway stores for each.

Values are compared and forgotten. What is remembered of an agent is yes or no, and which names are too many, for the
deployment that it runs: Railway is asked for all agents at once, and only when one has a deployment that was not
compared yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pool_contract.agent_variables import taken_out

from . import agents
from .errors import RailwayCallError

if TYPE_CHECKING:
    from .agents import Agent
    from .settings import Settings

LAG_SECONDS = 60.0
"""How long, in seconds, reads may lag behind a patch (fact: read-lag); until then, a difference is checked again."""


@dataclass(frozen=True)
class Compared:
    """The remembered result of an agent.

    Attributes:
        is_behind: whether it has other keys than a new agent would get.
        removed: the names of those that were taken out of the keys.
    """

    is_behind: bool
    removed: frozenset[str] = frozenset()


NOT_KNOWN = Compared(is_behind=False)


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
        self._open: set[tuple[str, str]] = set()

    def refresh(self, living: Iterable[Agent]) -> None:
        """Compare the agents whose deployment was not compared yet; without an answer, the next tick does it."""
        places = {_place(agent): agent for agent in living if agent.instance.deployment_id and agent.image}
        self._known = {place: behind for place, behind in self._known.items() if place in places}
        unknown = {place: agent for place, agent in places.items() if place not in self._known or place in self._open}
        if not unknown:
            return
        try:
            stored = self._stored()
        except RailwayCallError:
            return
        for place, agent in unknown.items():
            found = stored.get(agent.instance.service_id)
            if found:
                self._known[place] = Compared(
                    bool(agents.keys_behind(self._settings, found)),
                    frozenset(taken_out(self._settings.agent_variables, found)),
                )
        self._open = {
            place
            for place, agent in unknown.items()
            if (place not in self._known or self._known[place].is_behind) and self._may_lag(agent)
        }

    def behind(self, living: Iterable[Agent]) -> frozenset[str]:
        """Return the ids of the agents that are known to have other keys; nothing is asked."""
        return frozenset(agent.id for agent in living if self._known.get(_place(agent), NOT_KNOWN).is_behind)

    def removed(self, agent: Agent) -> frozenset[str]:
        """Return the names of an agent's keys that were removed, as far as known; no request is sent."""
        return self._known.get(_place(agent), NOT_KNOWN).removed

    def _may_lag(self, agent: Agent) -> bool:
        deployed_at = agent.instance.deployed_at
        return deployed_at is not None and (self._now() - deployed_at).total_seconds() < LAG_SECONDS


def _place(agent: Agent) -> tuple[str, str]:
    # Another deployment may have other variables.
    return agent.instance.service_id, agent.instance.deployment_id
