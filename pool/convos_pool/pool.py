"""The pool: what is done for each request, and at each tick."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pool_contract.agent_api_key import agent_api_key
from pool_contract.agent_variables import API_KEY, taken_out

from . import agents
from .act import Act
from .claiming import Claiming
from .errors import ConflictError, NotFoundError, RailwayError, UnavailableError
from .latest_look import LatestLook

if TYPE_CHECKING:
    from pool_contract.answers import Claimed

    from .agents import Agent
    from .census import Look
    from .claiming import Wish
    from .pool_parts import PoolParts

KILL_SECONDS = 10.0
"""How long a kill waits for another act on the same agent."""
DISMISSIBLE = frozenset({"crashed", "unknown"})


class Pool:
    """What requests ask for. Each act on an agent happens under that agent's lock.

    Args:
        parts: what it works with.
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
        self._sight = LatestLook(parts.census.look)
        self._touched: dict[str, str] = {}
        self._claiming = Claiming(parts, self._sight, self._touched, lambda agent: self.rename(agent, "in use"))
        self.is_closed = False
        """Whether no agent is made or handed out any more: the stack is being destroyed."""

    def touch(self, agent: Agent) -> None:
        """Note that an agent gets a new deployment: until Railway shows it, its old one must not be handed out."""
        self._touched[agent.id] = agent.instance.deployment_id

    def look(self) -> Look:
        """Look at all agents, and keep what was seen; one look at a time."""
        return self._sight.look()

    @property
    def latest(self) -> Look | None:
        """The last look; None before the first one succeeded."""
        return self._sight.latest

    def note(self, agent: Agent, state: str) -> None:
        """Bring the last look up to date, so that a caller sees at once what it did; `gone` is no agent any more."""
        self._sight.note(agent, state)

    def claim(self, wish: Wish) -> Claimed:
        """Hand out an idle agent.

        Raises:
            UnavailableError: none is idle, or the database does not answer.
            RailwayError: Railway does not answer.
            AgentError: an agent was told, and it is unknown what came of it.
        """
        if self.is_closed:
            raise UnavailableError("claim: the pool is closed, its stack is being destroyed")
        try:
            return self._claiming.claim(wish)
        finally:
            # It renames what was claimed, makes what is missing, and looks anew where there was none.
            self._wake()

    def wait_until_quiet(self) -> None:
        """Wait until no claim is under way, for a limited time; see `Claiming.wait_until_quiet`."""
        self._claiming.wait_until_quiet()

    def rename(self, agent: Agent, agent_name: str) -> None:
        """Show in Railway's dashboard whose an agent is; where that fails, the tick does it later."""
        try:
            self._railway.rename(agent.instance.service_id, agents.service_name(agent.id, agent_name))
        except RailwayError as error:
            self._log(f"{agent.id}: not renamed yet: {error}")

    def drain(self, count: int) -> list[str]:
        """Delete idle agents, those on an old image first, and return their ids."""
        look = self.look()
        newest = self._settings.runtime_image
        idle = [agent for agent in look.agents.values() if agent.state == "idle"]
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
        """Delete an agent, claimed or not, with its volume, its key, its inbox and its row; one that is gone is well.

        Raises:
            ConflictError: another request is at it.
        """
        agent = self.look().agents.get(agent_id)
        # A round may be finishing the same deletion.
        with self._database.lock(agent_id, wait_seconds=KILL_SECONDS):
            if agent is not None:
                self._creation.delete(agent, self._railway.volumes(), forgets_claim=True)
                self.note(agent, "gone")
                self._log(Act("killed", f"killed, it was {agent.state}", agent.id))
            elif self._database.is_claimed(agent_id, "") or self._parts.credentials.record.of(agent_id):
                # Only what this pool has on record: an id of another pool must not cost its agent the key.
                self._creation.delete_rest(agent_id)
        self._wake()

    def dismiss(self, agent_id: str) -> None:
        """Delete an agent that somebody had and that has crashed, or of which nobody knows whether somebody has it.

        Raises:
            ConflictError: it is alive.
        """
        agent = self.look().agents.get(agent_id)
        if agent is not None and agent.state not in DISMISSIBLE:
            raise ConflictError(f"dismiss: {agent_id} is {agent.state}, not crashed; kill it if it has to go")
        self.kill(agent_id)

    def redeploy(self, agent_id: str) -> str:
        """Give one idle agent the newest image and the keys of today, and return the image.

        Raises:
            NotFoundError: there is no such agent.
            ConflictError: it is not idle.
        """
        agent = self.look().agents.get(agent_id)
        if agent is None:
            raise NotFoundError(f"redeploy: there is no agent {agent_id[:40]!r} in this environment")
        if agent.state not in {"idle", "released"}:
            raise ConflictError(f"redeploy: {agent_id} is {agent.state}; only an idle agent is redeployed")
        image = self._settings.runtime_image
        with self._database.lock(agent_id):
            self.unclaimed(agent)
            self.touch(agent)
            self._redeploy_locked(agent, image)
        self.note(replace(agent, instance=replace(agent.instance, image=image), ready=False), "starting")
        self._log(Act("redeployed", f"redeployed on {image}", agent_id))
        self._wake()
        return image

    def _redeploy_locked(self, agent: Agent, image: str) -> None:
        service_id = agent.instance.service_id
        key = agent_api_key(self._settings.api_key, agent.id)
        _, variables = self._railway.before_claim(service_id)
        is_current = variables.get(API_KEY) == key and not agents.keys_behind(self._settings, variables)
        if agents.same_image(agent.image, image) and is_current:
            # A patch that changes nothing deploys nothing.
            self._railway.deploy(service_id)
        else:
            removed = {service_id: taken_out(self._settings.agent_variables, variables)}
            patch = agents.image_patch({service_id: (image, key)}, self._settings, removed)
            self._railway.commit(patch, f"pool: redeploy {agent.id} on {image}")

    def unclaimed(self, agent: Agent) -> None:
        """Make sure, under the agent's lock, that nobody has claimed it since the look.

        Raises:
            ConflictError: somebody has.
        """
        if self._database.is_claimed(agent.id, agent.instance.service_id):
            raise ConflictError(f"{agent.id}: it has been claimed meanwhile")
