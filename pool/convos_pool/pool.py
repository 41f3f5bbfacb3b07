"""The pool: the operations of requests, and their common state."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pool_contract.agent_api_key import agent_api_key
from pool_contract.agent_variables import API_KEY, taken_out
from pool_contract.answers import Claimed

from . import agents
from .act import Act
from .errors import AgentError, ConflictError, NoIdleAgentError, NotFoundError, RailwayCallError, UnavailableError
from .latest_look import LatestLook

if TYPE_CHECKING:
    from .agent_client import Conversation
    from .agents import Agent
    from .census import Look
    from .pool_parts import PoolParts
    from .railway import Instance

KILL_SECONDS = 10.0
"""How long, in seconds, a kill waits for another operation on the same agent."""
DISMISSIBLE = frozenset({"crashed", "unknown"})


@dataclass(frozen=True)
class Wish:
    """A claim, as somebody asks for it."""

    agent_name: str
    instructions: str
    join_url: str

    def words(self) -> dict[str, str]:
        """Return what the agent is told."""
        return {"agentName": self.agent_name, "instructions": self.instructions, "joinUrl": self.join_url}


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
        self._sight = LatestLook(parts.census.look)
        self._taking = threading.Lock()
        self._taken: set[str] = set()
        self._touched: dict[str, str] = {}
        self.is_closed = False
        """Whether agents are no longer created or handed out, because the stack is being destroyed."""

    def touch(self, agent: Agent) -> None:
        """Record that an agent gets a new deployment: until Railway shows it, the old one must not be handed out."""
        self._touched[agent.id] = agent.instance.deployment_id

    def look(self) -> Look:
        """Read all agents, and keep the result; one read at a time."""
        return self._sight.look()

    @property
    def latest(self) -> Look | None:
        """The last read; None before the first one succeeded."""
        return self._sight.latest

    def note(self, agent: Agent, state: str) -> None:
        """Update the last read, so that callers see the change at once; `gone` removes the agent."""
        self._sight.note(agent, state)

    def claim(self, wish: Wish) -> Claimed:
        """Hand out an idle agent.

        Raises:
            UnavailableError: none is idle, or the database does not answer.
            AgentError: an agent was told, and it is unknown what came of it.
        """
        if self.is_closed:
            raise UnavailableError("claim: the pool is closed, its stack is being destroyed")
        tried: set[str] = set()
        try:
            while (agent := self._take(tried)) is not None:
                try:
                    answer = self._try_claim(agent, wish)
                finally:
                    self._give_back(agent)
                if answer is not None:
                    return answer
        finally:
            # The tick renames the claimed agent, creates missing ones, and reads again if nothing was known.
            self._wake()
        raise NoIdleAgentError("No idle instances available. One is on its way, try again in a minute")

    def _take(self, tried: set[str]) -> Agent | None:
        """Take the next agent that no other claim is at: a hundred claims at once are for a hundred agents.

        What is known is enough: an agent is asked itself before it is handed out. Where nothing is known yet, one look.
        """
        look = self.latest or self.look()
        with self._taking:
            for agent in self._candidates(self.latest or look):
                if agent.id not in tried and agent.id not in self._taken:
                    tried.add(agent.id)
                    self._taken.add(agent.id)
                    return agent
        return None

    def _give_back(self, agent: Agent) -> None:
        with self._taking:
            self._taken.discard(agent.id)

    def _candidates(self, look: Look) -> list[Agent]:
        """Return the idle agents, those with the newest image first, then the ones that have waited longest."""
        idle = [agent for agent in look.agents.values() if agent.state == "idle"]
        newest = self._settings.runtime_image
        return sorted(idle, key=lambda one: (not agents.same_image(one.image, newest), one.instance.created_at, one.id))

    def _try_claim(self, agent: Agent, wish: Wish) -> Claimed | None:
        try:
            with self._database.lock(agent.id):
                reserved = self._reserve(agent, wish)
            # From here on the reservation keeps everybody else away, and no connection is held while the agent works.
            return None if reserved is None else self._provision(agent, *reserved, wish)
        except (ConflictError, NotFoundError):
            return None
        except AgentError as error:
            if not error.refused:
                raise
            self._log(Act("claim-failed", f"claim: {error}; another agent is tried", agent.id))
            if error.in_use:
                # Its new name takes it out of the pool: somebody is in a conversation with it.
                self.rename(agent, "in use")
            return None

    def _reserve(self, agent: Agent, wish: Wish) -> tuple[Instance, Mapping[str, str]] | None:
        """Claim an agent for somebody, under its lock; None where it cannot be handed out."""
        instance, variables = self._railway.before_claim(agent.instance.service_id)
        if instance.deployment_status != "SUCCESS" or agents.is_moving(instance):
            return None
        if not self._client.is_ready(instance, variables):
            return None
        if instance.name != agents.service_name(agent.id) or self._touched.get(agent.id) == instance.deployment_id:
            return None
        if not self._database.reserve(agent.id, instance.service_id, wish.agent_name, wish.instructions, wish.join_url):
            return None
        return instance, variables

    def _provision(self, agent: Agent, instance: Instance, variables: Mapping[str, str], wish: Wish) -> Claimed:
        try:
            conversation = self._client.provision(instance, wish.words(), variables)
        except AgentError as error:
            # Unknown: the reservation stays, and the tick has it found out what became of it.
            if error.refused:
                self._database.release(agent.id)
            raise
        if not self._database.complete(agent.id, conversation.id, conversation.invite_url):
            raise ConflictError(f"{agent.id}: it was killed while it was told")
        self._keep_credentials(agent.id)
        self._log(Act("claimed", "claimed, and joined" if conversation.joined else "claimed", agent.id))
        self.note(agent, "claimed")
        return self._claimed(agent.id, instance, variables.get(agents.GATEWAY_TOKEN, ""), conversation)

    def _claimed(self, id_: str, instance: Instance, gateway_token: str, conversation: Conversation) -> Claimed:
        return Claimed(
            inviteUrl=conversation.invite_url,
            conversationId=conversation.id,
            instanceId=id_,
            joined=conversation.joined,
            gatewayToken=gateway_token,
            gatewayUrl=self._client.address(instance),
        )

    def _keep_credentials(self, agent_id: str) -> None:
        """Keep the key's hash and the inbox with the claim, too; they are on record in any case."""
        try:
            key_hash, inbox_id = self._parts.credentials.of(agent_id)
            if key_hash or inbox_id:
                self._database.note_credentials(agent_id, key_hash, inbox_id)
        except UnavailableError as error:
            self._log(f"{agent_id}: its key and inbox are not noted with its claim: {error}")

    def rename(self, agent: Agent, agent_name: str) -> None:
        """Rename the service so that Railway's dashboard shows its agent; if that fails, the tick does it later."""
        try:
            self._railway.rename(agent.instance.service_id, agents.service_name(agent.id, agent_name))
        except RailwayCallError as error:
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
        """Delete an agent, claimed or not, with its volume, key, inbox and row; it may be gone already.

        Raises:
            ConflictError: another request holds its lock.
        """
        agent = self.look().agents.get(agent_id)
        # A round may be completing the same deletion.
        with self._database.lock(agent_id, wait_seconds=KILL_SECONDS):
            if agent is not None:
                self._creation.delete(agent, self._railway.volumes(), forgets_claim=True)
                self.note(agent, "gone")
                self._log(Act("killed", f"killed, it was {agent.state}", agent.id))
            elif self._database.is_claimed(agent_id, "") or self._parts.credentials.record.of(agent_id):
                # Only what is on record for this pool: an id of another pool must not cost its agent the key.
                self._creation.delete_rest(agent_id)
        self._wake()

    def dismiss(self, agent_id: str) -> None:
        """Delete a claimed agent that has crashed, or one whose claim has an unknown outcome.

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
        """Verify, under the agent's lock, that it was not claimed since the last read.

        Raises:
            ConflictError: it was claimed.
        """
        if self._database.is_claimed(agent.id, agent.instance.service_id):
            raise ConflictError(f"{agent.id}: it has been claimed meanwhile")
