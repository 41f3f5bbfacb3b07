"""The last look at the agents, kept up to date with what is done between two looks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .agents import Agent
    from .census import Look


class LatestLook:
    """What was seen last. Nobody who reads it, or notes something, waits for a look that is under way.

    Args:
        look: looks.
    """

    def __init__(self, look: Callable[[], Look]) -> None:
        self._look = look
        self._looking = threading.Lock()
        self._noting = threading.Lock()
        self._notes: list[tuple[Agent, str]] = []
        self._latest: Look | None = None

    def look(self) -> Look:
        """Look at all agents, and keep what was seen; one look at a time."""
        with self._looking:
            with self._noting:
                self._notes = []
            found = self._look()
            with self._noting:
                # What was done while it was looked is newer than what was seen.
                for agent, state in self._notes:
                    found = _noted(found, agent, state)
                self._latest = found
            return found

    @property
    def latest(self) -> Look | None:
        """The last look; None before the first one succeeded."""
        return self._latest

    def note(self, agent: Agent, state: str) -> None:
        """Bring the last look up to date, so that a caller sees at once what it did; `gone` is no agent any more."""
        with self._noting:
            self._notes.append((agent, state))
            if self._latest is not None:
                self._latest = _noted(self._latest, agent, state)


def _noted(look: Look, agent: Agent, state: str) -> Look:
    changed = dict(look.agents)
    known = changed.pop(agent.id, None)
    if known is not None and state != "gone":
        changed[agent.id] = replace(agent, state=state, claimed=state == "claimed")
    return replace(look, agents=dict(sorted(changed.items())))
