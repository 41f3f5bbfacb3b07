"""The last read of the agents, updated with every change until the next one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .agents import Agent
    from .inventory import PoolSnapshot


class LatestSnapshot:
    """The last read. Reading it, or recording a change, never waits for a read in progress.

    Args:
        read: reads the agents.
    """

    def __init__(self, read: Callable[[], PoolSnapshot]) -> None:
        self._read = read
        self._reading = threading.Lock()
        self._noting = threading.Lock()
        self._notes: list[tuple[Agent, str]] = []
        self._latest: PoolSnapshot | None = None

    def refresh(self) -> PoolSnapshot:
        """Read all agents, and keep the result; one read at a time."""
        with self._reading:
            with self._noting:
                self._notes = []
            found = self._read()
            with self._noting:
                # Changes during the read are newer than its result.
                for agent, state in self._notes:
                    found = _noted(found, agent, state)
                self._latest = found
            return found

    @property
    def latest(self) -> PoolSnapshot | None:
        """The last read; None before the first one succeeded."""
        return self._latest

    def note(self, agent: Agent, state: str) -> None:
        """Update the last read, so that callers see the change at once; `gone` removes the agent."""
        with self._noting:
            self._notes.append((agent, state))
            if self._latest is not None:
                self._latest = _noted(self._latest, agent, state)


def _noted(snapshot: PoolSnapshot, agent: Agent, state: str) -> PoolSnapshot:
    changed = dict(snapshot.agents)
    known = changed.pop(agent.id, None)
    if known is not None and state != "gone":
        changed[agent.id] = replace(agent, state=state, claimed=state == "claimed")
    return replace(snapshot, agents=dict(sorted(changed.items())))
