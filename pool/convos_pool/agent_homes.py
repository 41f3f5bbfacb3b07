"""The projects of agents that have one each, and the description by which a pool recognises them."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pool_contract.agent_projects import DESCRIPTION

from .agents import ID
from .errors import RailwayCallError
from .read_lag import LAG_SECONDS

_READ = re.compile(DESCRIPTION.format(id=f"(?P<id>{ID})", environment="(?P<environment>[0-9A-Za-z-]+)"))


def mark(agent_id: str, environment_id: str) -> str:
    """Return the description of an agent's project. It is set at creation, so that the owner is known from the start.

    Args:
        agent_id: the agent.
        environment_id: the environment of its pool manager.
    """
    return DESCRIPTION.format(id=agent_id, environment=environment_id)


def marked_agent(description: str | None, environment_id: str) -> str | None:
    """Return the id of the agent whose project has this description; None if it is not a project of this pool."""
    found = _READ.fullmatch(description or "")
    return found["id"] if found is not None and found["environment"] == environment_id else None


@dataclass(frozen=True)
class AgentHome:
    """The project of one agent.

    Attributes:
        project_id, environment_id: the place of its service.
        has_service: whether the service exists.
        volume_ids: its volumes.
    """

    project_id: str
    environment_id: str
    has_service: bool = True
    volume_ids: tuple[str, ...] = ()


class AgentHomes:
    """The homes of agents, by the id of the agent's service: from the last list, and those created since.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._homes: dict[str, AgentHome] = {}
        self._made: dict[str, tuple[AgentHome, float]] = {}
        self._projects = 0

    def listed(self, homes: Mapping[str, AgentHome], projects: int) -> None:
        """Record a new list.

        Args:
            homes: by the service's id.
            projects: the number of projects in the workspace, including unrelated ones.
        """
        with self._lock:
            # A new project may be missing from the list.
            recent = self._clock() - LAG_SECONDS
            self._made = {id_: one for id_, one in self._made.items() if id_ not in homes and one[1] > recent}
            self._homes = {**homes, **{id_: home for id_, (home, _) in self._made.items()}}
            self._projects = projects

    def made(self, service_id: str, home: AgentHome) -> None:
        """Record a home that was created."""
        with self._lock:
            self._homes[service_id] = home
            self._made[service_id] = home, self._clock()

    def gone(self, service_id: str) -> None:
        """Forget a home that was deleted."""
        with self._lock:
            self._homes.pop(service_id, None)
            self._made.pop(service_id, None)

    def of(self, service_id: str) -> AgentHome:
        """Return an agent's home.

        Raises:
            RailwayCallError: this pool has none for the service.
        """
        with self._lock:
            found = self._homes.get(service_id)
        if found is None:
            raise RailwayCallError("agentProjects", f"no project of this pool has service {service_id}", is_there=False)
        return found

    def all(self) -> dict[str, AgentHome]:
        """Return all homes, by the service's id."""
        with self._lock:
            return dict(self._homes)

    @property
    def projects(self) -> int:
        """The number of projects in the workspace, from the last list."""
        return self._projects
