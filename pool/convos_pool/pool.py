"""The pool: the operations of requests, and their common state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import agents
from .act import Act
from .claiming import Claiming
from .errors import ConflictError, RailwayCallError, UnavailableError
from .latest_snapshot import LatestSnapshot

if TYPE_CHECKING:
    from pool_contract.answers import Claimed
    from pool_contract.requests import ClaimRequest

    from .agents import Agent
    from .inventory import PoolSnapshot
    from .pool_parts import PoolParts

KILL_SECONDS = 10.0
"""How long, in seconds, a kill waits for another operation on the same agent."""
DISMISSIBLE = frozenset({"crashed", "unknown"})


class Pool:
    """The operations of requests. Each operation on an agent holds that agent's lock.

    Args:
        parts: its dependencies.
    """

    def __init__(self, parts: PoolParts) -> None:
        self._parts = parts
        self._settings = parts.settings
        self._railway = parts.railway
        self._database = parts.database
        self._client = parts.client
        self._creation = parts.creation
        self._wake = parts.wake
        self._log = parts.log
        self._snapshots = LatestSnapshot(parts.inventory.read)
        self._touched: dict[str, str] = {}
        self._claiming = Claiming(parts, self._snapshots, self._touched, lambda agent: self.rename(agent, "in use"))
        self.is_closed = False
        """Whether agents are no longer created or handed out, because the pool was retired; see `Retirement`."""

    def touch(self, agent: Agent) -> None:
        """Record that an agent gets a new deployment: until Railway shows it, the old one must not be handed out."""
        self._touched[agent.id] = agent.instance.deployment_id

    def refresh(self) -> PoolSnapshot:
        """Read all agents, and keep the result; one read at a time."""
        return self._snapshots.refresh()

    @property
    def latest(self) -> PoolSnapshot | None:
        """The last read; None before the first one succeeded."""
        return self._snapshots.latest

    def note(self, agent: Agent, state: str) -> None:
        """Update the last read, so that callers see the change at once; `gone` removes the agent."""
        self._snapshots.note(agent, state)

    def claim(self, request: ClaimRequest) -> Claimed:
        """Hand out an idle agent.

        Raises:
            UnavailableError: none is idle, or the database does not answer.
            RailwayCallError: Railway does not answer.
            AgentError: a request was sent to an agent, and its outcome is unknown.
        """
        if self.is_closed:
            raise UnavailableError("claim: the pool is closed, as before a destroy; POST /api/pool/reopen opens it")
        try:
            return self._claiming.claim(request)
        finally:
            # The next tick renames the claimed agent and creates missing ones.
            self._wake()

    def wait_until_quiet(self) -> None:
        """Wait until no claim is in progress, for a limited time; see `Claiming.wait_until_quiet`."""
        self._claiming.wait_until_quiet()

    def rename(self, agent: Agent, agent_name: str) -> None:
        """Rename the service so that Railway's dashboard shows its agent; if that fails, the tick does it later."""
        try:
            self._railway.rename(agent.instance.service_id, agents.service_name(agent.id, agent_name))
        except RailwayCallError as error:
            self._log(f"{agent.id}: not renamed yet: {error}")

    def drain(self, count: int) -> list[str]:
        """Delete idle agents, those on an old image first, and return their ids."""
        snapshot = self.refresh()
        newest = self._settings.runtime_image
        idle = [agent for agent in snapshot.agents.values() if agent.state == "idle"]
        idle.sort(key=lambda one: (agents.same_image(one.image, newest), one.id))
        volumes = self._railway.volumes() if idle and count else {}
        gone: list[str] = []
        for agent in idle:
            if len(gone) == count:
                break
            try:
                with self._database.lock(agent.id):
                    self.unclaimed(agent)
                    self._creation.delete(agent, volumes)
            except ConflictError:
                continue
            gone.append(agent.id)
            self.note(agent, "gone")
            self._log(Act("drained", "drained", agent.id))
        self._wake()
        return gone

    def kill(self, agent_id: str) -> None:
        """Delete an agent, claimed or not, with its volume, key, inbox and row; it may be gone already.

        Raises:
            ConflictError: another request holds its lock.
        """
        agent = self.refresh().agents.get(agent_id)
        # A round may be completing the same deletion.
        with self._database.lock(agent_id, wait_seconds=KILL_SECONDS):
            if agent is not None:
                self._creation.delete(agent, self._railway.volumes(), forgets_claim=True)
                self.note(agent, "gone")
                self._log(Act("killed", f"killed while {agent.state}", agent.id))
            elif self._database.is_claimed(agent_id, "") or self._parts.credentials.record.of(agent_id):
                # Only what this pool has on record: the id of another pool's agent must not delete that agent's key.
                self._creation.delete_rest(agent_id)
        self._wake()

    def dismiss(self, agent_id: str) -> None:
        """Delete a claimed agent that has crashed, or one whose claim has an unknown outcome.

        Raises:
            ConflictError: it is alive.
        """
        agent = self.refresh().agents.get(agent_id)
        if agent is not None and agent.state not in DISMISSIBLE:
            raise ConflictError(f"dismiss: {agent_id} is {agent.state}, not crashed; to delete it, kill it")
        self.kill(agent_id)

    def unclaimed(self, agent: Agent) -> None:
        """Verify, under the agent's lock, that it was not claimed since the last read.

        Raises:
            ConflictError: it was claimed.
        """
        if self._database.is_claimed(agent.id, agent.instance.service_id):
            raise ConflictError(f"{agent.id}: it was claimed in the meantime")
