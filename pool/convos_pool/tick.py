"""The tick: brings the environment to its desired state, one pool manager at a time."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from . import agents
from .act import Act
from .counted import counted
from .database import TICK
from .errors import ConflictError, CreationThrottledError, MissingTableError, ThrottledError
from .leftover_services import LeftoverServices
from .limits import room
from .railway_calls import READ_SHARE
from .read_lag import LAG_SECONDS
from .recovery import RESERVATION_SECONDS
from .rollout import Step
from .stalled_moves import StalledMoves
from .tick_problem import NO_PROBLEM, TickProblem

if TYPE_CHECKING:
    from .agent_services import AgentServices
    from .agents import Agent
    from .creation import Creation
    from .database import Database, Lock
    from .inventory import PoolSnapshot
    from .pool import Pool
    from .record import Record
    from .recovery import Recovery
    from .rolling import Rolling
    from .settings import Settings

WORST_DELAY_SECONDS = 600.0
"""The longest pause, in seconds, after new agents that did not become ready."""
FILL_SECONDS = 10.0
"""How long, in seconds, one round creates agents: a new agent is handed out only after a later round finds it ready."""


@dataclass(frozen=True)
class Parts:
    """The dependencies of a tick."""

    settings: Settings
    railway: AgentServices
    database: Database
    record: Record
    recovery: Recovery
    pool: Pool
    creation: Creation
    rolling: Rolling
    log: Callable[[str], None]


@dataclass(frozen=True)
class Round:
    """The result of a round: the ids of the created and the deleted agents, and the state of the rollout."""

    created: tuple[str, ...]
    removed: tuple[str, ...]
    rollout: str


class Tick:
    """One round: read, roll out, clean up, fill up.

    Args:
        parts: its dependencies.
        clock: monotonic seconds.
    """

    def __init__(self, parts: Parts, clock: Callable[[], float] = time.monotonic) -> None:
        self._parts = parts
        self._clock = clock
        self._extra = 0
        self._made_extra = 0
        self._extra_lock = threading.Lock()
        self._failures = 0
        self._not_before = 0.0
        self._stalled = StalledMoves(parts.railway, parts.log, clock)
        self._left = LeftoverServices(parts.railway, parts.creation.record, parts.log, clock)
        self._creates_after = 0.0
        self.has_more_to_make = False
        """Whether the last round ended, because of its time limit, before all missing agents were created."""
        self._made: dict[str, float] = {}
        self.held = NO_PROBLEM
        """Why missing agents are not created; NO_PROBLEM if they are."""
        self.rollout = Step("pending", "the agents have not been read yet")

    def add(self, count: int) -> None:
        """Create `count` agents in addition to the warm ones, at the next tick."""
        with self._extra_lock:
            self._extra += count

    def forgive(self) -> None:
        """Forget the failed starts of new agents, at an operator's request."""
        self._failures, self._not_before = 0, 0.0

    @property
    def seconds_until_creation(self) -> float:
        """For how long Railway does not allow the creation of a project; infinite if nothing waits for that."""
        return max(0.0, self._creates_after - self._clock()) if self._creates_after else math.inf

    @property
    def seconds_until_next(self) -> float:
        """For how long no agent is created, because new ones did not become ready."""
        return max(0.0, self._not_before - self._clock())

    @property
    def made_extra(self) -> int:
        """How many agents were created in addition to the warm ones, since the process began."""
        with self._extra_lock:
            return self._made_extra

    @property
    def to_make(self) -> int:
        """How many requested agents, in addition to the warm ones, are not created yet."""
        with self._extra_lock:
            return self._extra

    def run(self, *, wait_seconds: float = 0.0, calls_seconds: float = math.inf) -> Round:
        """Run one round, and return its result.

        Args:
            wait_seconds: how long to wait for a running round.
            calls_seconds: for how long it may call Railway, if a caller waits for it; the next round does the rest.

        Raises:
            ConflictError: another pool manager runs one.
            PoolError: Railway or the database does not answer. Nothing is decided on incomplete information.
        """
        self._creates_after, self.has_more_to_make = 0.0, False
        with (
            self._parts.database.lock(TICK, wait_seconds=wait_seconds) as lock,
            self._parts.railway.within(calls_seconds),
        ):
            is_in_charge = self._is_in_charge()
            self._parts.railway.keep_for_claims(READ_SHARE)
            # A pool manager that is not in charge reads the agents too, because it hands them out and shows the counts.
            snapshot = self._parts.pool.refresh()
            if not is_in_charge:
                raise ConflictError("tick: a newer pool manager is in charge")
            if self._parts.pool.is_closed:
                return Round((), (), self.rollout.text)
            self._finish_claims(snapshot)
            gone = self._parts.creation.finish_removals(snapshot.agents, lock, self._parts.pool.note)
            snapshot = replace(snapshot, agents={id_: one for id_, one in snapshot.agents.items() if id_ not in gone})
            self.rollout = self._parts.rolling.advance(snapshot, lock, self._failures)
            removed = self._tidy(snapshot, lock)
            made = self._fill(snapshot, lock, removed)
            self._stalled.nudge(snapshot.agents.values(), lock)
            self._left.sweep(lock)
        return Round(tuple(made), tuple(sorted(removed)), self.rollout.text)

    def _is_in_charge(self) -> bool:
        try:
            return self._parts.record.is_in_charge()
        except MissingTableError:
            return True

    def _finish_claims(self, snapshot: PoolSnapshot) -> None:
        """Complete interrupted claims, and rename services that do not show their claim yet."""
        interrupted = {}
        for agent in snapshot.agents.values():
            claim = snapshot.claims.get(agent.id)
            if claim is None or not agent.claimed or agent.state == "unknown":
                continue
            if claim.reserved and claim.seconds > RESERVATION_SECONDS:
                if agent.ready or agent.state == "crashed":
                    interrupted[agent.id] = agent
            elif not claim.reserved and agents.is_pristine(agent) and self._may_spend():
                self._parts.pool.rename(agent, claim.agent_name)
        self._parts.recovery.advance(interrupted)

    def _may_spend(self) -> bool:
        try:
            self._parts.railway.keep_for_claims()
        except ThrottledError:
            return False
        return True

    def _tidy(self, snapshot: PoolSnapshot, lock: Lock) -> set[str]:
        """Delete agents that will never be used, and return their ids."""
        watched = self._parts.rolling.watched
        useless = [agent for agent in snapshot.agents.values() if self._is_useless(agent, watched)]
        if not self._parts.creation.may_finish():
            useless += [
                agent
                for agent in snapshot.agents.values()
                if agent.state == "unfinished"
                and agents.is_own_id(agent.id)
                and self._parts.creation.is_abandoned(agent)
            ]
        if not useless:
            return set()
        volumes = self._parts.railway.volumes()
        return {agent.id for agent in useless if self._delete(agent, volumes, lock)}

    def _is_useless(self, agent: Agent, watched: frozenset[str]) -> bool:
        is_disposable = agents.is_disposable(agent) and agent.id not in watched
        return is_disposable and self._parts.creation.is_surely_an_agent(agent)

    def _delete(self, agent: Agent, volumes: Mapping[str, Sequence[str]], lock: Lock) -> bool:
        try:
            with self._parts.database.lock(agent.id):
                self._parts.pool.unclaimed(agent)
                lock.confirm()
                self._parts.creation.delete(agent, volumes)
        except ConflictError:
            return False
        self._parts.pool.note(agent, "gone")
        # It must not count as a new agent that Railway does not list yet.
        self._made.pop(agent.id, None)
        status = agent.instance.deployment_status or "no image"
        self._parts.log(Act("deleted", f"deleted, because it was {agent.state} ({status})", agent.id))
        if agent.state == "dead" and agents.same_image(agent.image, self._parts.settings.runtime_image):
            self._failed_once_more()
        return True

    def _failed_once_more(self) -> None:
        """Double the pause before the next agent is created, until one gets ready on the newest image."""
        self._failures += 1
        delay = min(WORST_DELAY_SECONDS, self._parts.settings.tick_seconds * 2 ** min(self._failures, 16))
        self._not_before = self._clock() + delay

    def _fill(self, snapshot: PoolSnapshot, lock: Lock, removed: set[str]) -> list[str]:
        """Complete unfinished agents, then create the missing ones."""
        left = [agent for agent in snapshot.agents.values() if agent.id not in removed]
        image = self._parts.settings.runtime_image
        if any(agent.ready and agents.same_image(agent.image, image) for agent in left):
            self.forgive()
        if self._clock() < self._not_before:
            return []
        self._finish(left, lock)
        idle = sum(agent.state == "idle" for agent in left)
        wanted = max(self._parts.settings.min_idle, idle + self.rollout.surge if self.rollout.surge else 0)
        going_back = sum(agent.id in self._parts.rolling.watched and agents.is_disposable(agent) for agent in left)
        warm = max(0, agents.missing(left, wanted) - self._not_listed_yet(snapshot) - going_back)
        with self._extra_lock:
            count = warm + self._extra
        made: list[str] = []
        self.held = NO_PROBLEM
        until = self._clock() + FILL_SECONDS
        count = self._fitting(count)
        for number in range(count):
            if self._clock() >= until:
                self.has_more_to_make = True
                break
            # Claims come first in Railway's limit of calls per second.
            self._parts.pool.wait_until_quiet()
            lock.confirm()
            self._parts.railway.keep_for_claims()
            try:
                made.append(self._parts.creation.create())
            except CreationThrottledError as error:
                # The round continues, because only the creation of agents has to wait for the throttle.
                self._hold(error, count - number)
                break
            self._made[made[-1]] = self._clock()
            self._parts.log(Act("made", f"made on {image}", made[-1]))
            if len(made) > warm:
                with self._extra_lock:
                    self._extra -= 1
                    self._made_extra += 1
        return made

    def _hold(self, error: CreationThrottledError, left: int) -> None:
        self._creates_after = self._clock() + error.seconds
        waiting = counted(left, "agent is", "agents are")
        words = f"limit: {waiting} still to be created: Railway allows a user one new project every 30 s"
        self.held = TickProblem(("creation-throttle",), words)

    def _fitting(self, wanted: int) -> int:
        """Return how many of these agents fit into the project; if none does, keep the message."""
        limits = self._parts.settings.limits
        if not wanted or not limits.are_known:
            return wanted
        left, words = room(limits, self._parts.railway.project_use())
        # If some fit, the next tick counts again and reports a full project.
        self.held = TickProblem(("limit",), words) if left == 0 else NO_PROBLEM
        return wanted if left is None else min(left, wanted)

    def _not_listed_yet(self, snapshot: PoolSnapshot) -> int:
        recent = {id_: at for id_, at in self._made.items() if self._clock() - at < LAG_SECONDS}
        self._made = {id_: at for id_, at in recent.items() if id_ not in snapshot.agents}
        return len(self._made)

    def _finish(self, left: Sequence[Agent], lock: Lock) -> None:
        unfinished = [agent for agent in left if agent.state == "unfinished" and agents.is_own_id(agent.id)]
        if not unfinished or not self._parts.creation.may_finish():
            return
        volumes = self._parts.railway.volumes()
        for agent in unfinished:
            lock.confirm()
            if self._parts.creation.finish(agent, volumes):
                self._parts.log(Act("finished", "completed after an interruption", agent.id))
