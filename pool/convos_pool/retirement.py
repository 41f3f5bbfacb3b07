"""Retires a pool: agents are no longer created or handed out, and unclaimed ones are deleted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import agents
from .act import Act
from .database import TICK
from .errors import ConflictError

if TYPE_CHECKING:
    from .agent_services import AgentServices
    from .creation import Creation
    from .database import Database
    from .inventory import PoolSnapshot
    from .pool import Pool

LOCK_SECONDS = 15.0
"""How long, in seconds, to wait for a running tick."""
WORK_SECONDS = 15.0
"""How long, in seconds, one request deletes agents; the caller repeats it while some are left."""
NAMED = 5
"""How many agents an error names."""


@dataclass(frozen=True)
class RetirementParts:
    """The dependencies of a retirement."""

    pool: Pool
    railway: AgentServices
    database: Database
    creation: Creation
    log: Callable[[str], None]


@dataclass(frozen=True)
class Retired:
    """The result of one request: the ids of the deleted agents, and how many agents are left."""

    deleted: list[str]
    left: int


class Retirement:
    """Closes and empties a pool before its environment or the pool manager is deleted.

    Args:
        parts: its dependencies.
    """

    def __init__(self, parts: RetirementParts) -> None:
        self._parts = parts

    def retire(self, *, claimed: bool) -> Retired:
        """Close the pool and delete unclaimed agents, for at most WORK_SECONDS; the caller repeats it for the rest.

        Args:
            claimed: whether agents that are or were claimed are deleted as well.

        Raises:
            ConflictError: agents are claimed and must be kept; then the pool stays open.
        """
        pool = self._parts.pool
        was_closed, pool.is_closed = pool.is_closed, True
        try:
            with self._tick_lock():
                snapshot = pool.refresh()
                if not claimed:
                    _refuse_if_in_use(snapshot)
                return self._deleted(snapshot, claimed=claimed)
        except BaseException:
            pool.is_closed = was_closed
            raise

    def reopen(self) -> bool:
        """Open the pool again; return whether it was closed."""
        was_closed, self._parts.pool.is_closed = self._parts.pool.is_closed, False
        return was_closed

    @contextmanager
    def _tick_lock(self) -> Iterator[None]:
        """Hold the tick's lock, because a running tick could create an agent that would be overlooked."""
        with self._parts.database.lock(TICK, wait_seconds=LOCK_SECONDS):
            yield

    def _deleted(self, snapshot: PoolSnapshot, *, claimed: bool) -> Retired:
        until = time.monotonic() + WORK_SECONDS
        gone: list[str] = []
        volumes = self._parts.railway.volumes() if snapshot.agents else {}
        for agent in snapshot.agents.values():
            if time.monotonic() > until:
                break
            with self._parts.database.lock(agent.id):
                if not claimed:
                    self._parts.pool.unclaimed(agent)
                self._parts.creation.delete(agent, volumes)
            gone.append(agent.id)
            self._parts.pool.note(agent, "gone")
            self._parts.log(Act("retired", "deleted, the pool is closed", agent.id))
        return Retired(gone, len(snapshot.agents) - len(gone))


def _refuse_if_in_use(snapshot: PoolSnapshot) -> None:
    in_use = [agent for agent in snapshot.agents.values() if agent.claimed or not agents.is_pristine(agent)]
    if in_use:
        shown = ", ".join(f"{agent.instance.name} ({agent.state})" for agent in in_use[:NAMED])
        more = f" and {len(in_use) - NAMED} more" if len(in_use) > NAMED else ""
        raise ConflictError(f"in use: {shown}{more}")
