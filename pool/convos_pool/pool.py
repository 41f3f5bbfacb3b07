"""The pool: what is done for each request, and at each tick."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from . import agents
from .errors import (
    AgentError,
    ConflictError,
    NotFoundError,
    RailwayError,
    UnavailableError,
)

if TYPE_CHECKING:
    from .agents import Agent
    from .census import Census, Look
    from .creation import Creation
    from .database import Database
    from .railway import Railway
    from .settings import Settings
    from .talk import Agents


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
    """What requests ask for. Each act on an agent happens under that agent's lock.

    Args:
        settings: what was configured.
        railway: the environment, with little patience: somebody waits.
        database: claims and locks.
        talk: the agents.
        census: how to look.
        creation: how to delete.
        wake: called when the next tick should come at once.
        log: one line for the log.
    """

    def __init__(
        self,
        settings: Settings,
        railway: Railway,
        database: Database,
        talk: Agents,
        census: Census,
        creation: Creation,
        wake: Callable[[], None],
        log: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._railway = railway
        self._database = database
        self._talk = talk
        self._census = census
        self._creation = creation
        self._wake = wake
        self._log = log
        self._looking = threading.Lock()
        self._latest: Look | None = None
        self._touched: dict[str, str] = {}
        self.is_closed = False
        """Whether no agent is made or handed out any more: the stack is being destroyed."""

    def touch(self, agent: Agent) -> None:
        """Note that an agent gets a new deployment: until Railway shows it, its old one must not be handed out."""
        self._touched[agent.id] = agent.instance.deployment_id

    def look(self) -> Look:
        """Look at all agents, and keep what was seen; one look at a time."""
        with self._looking:
            self._latest = self._census.look()
            return self._latest

    @property
    def latest(self) -> Look | None:
        """The last look; None before the first one succeeded."""
        return self._latest

    def note(self, agent: Agent, state: str) -> None:
        """Bring the last look up to date, so that a caller sees at once what it did; `gone` is no agent any more."""
        with self._looking:
            if self._latest is None:
                return
            changed = dict(self._latest.agents)
            changed.pop(agent.id, None)
            if state != "gone":
                changed[agent.id] = replace(agent, state=state, claimed=state == "claimed")
            self._latest = replace(self._latest, agents=dict(sorted(changed.items())))

    def claim(self, wish: Wish) -> dict[str, object]:
        """Hand out an idle agent.

        Raises:
            UnavailableError: none is idle, or the database does not answer.
            AgentError: an agent was told, and it is unknown what came of it.
        """
        if self.is_closed:
            raise UnavailableError("claim: the pool is closed, its stack is being destroyed")
        tried: set[str] = set()
        for fresh in (False, True):
            look = self.look() if fresh or self._latest is None else self._latest
            for agent in self._candidates(look):
                if agent.id not in tried:
                    tried.add(agent.id)
                    answer = self._try_claim(agent, wish)
                    if answer is not None:
                        self._wake()
                        return answer
        self._wake()
        raise UnavailableError("claim: no agent is idle; one is on its way, try again in a minute")

    def _candidates(self, look: Look) -> list[Agent]:
        """Return the idle agents, those with the newest image first, then the ones that have waited longest."""
        idle = [agent for agent in look.agents.values() if agent.state == "idle"]
        newest = self._settings.runtime_image
        return sorted(idle, key=lambda one: (not agents.same_image(one.image, newest), one.instance.created_at, one.id))

    def _try_claim(self, agent: Agent, wish: Wish) -> dict[str, object] | None:
        try:
            with self._database.lock(agent.id):
                return self._claim_locked(agent, wish)
        except (ConflictError, NotFoundError):
            return None
        except AgentError as error:
            if not error.refused:
                raise
            self._log(f"claim: {error}; another agent is tried")
            if error.in_use:
                # Its new name takes it out of the pool: somebody talks with it, whoever that is.
                self.rename(agent, "in use")
            return None

    def _claim_locked(self, agent: Agent, wish: Wish) -> dict[str, object] | None:
        instance, variables = self._railway.before_claim(agent.instance.service_id)
        if instance.deployment_status != "SUCCESS" or agents.is_moving(instance) or not self._talk.is_ready(instance):
            return None
        if instance.name != agents.service_name(agent.id) or self._touched.get(agent.id) == instance.deployment_id:
            return None
        if not self._database.reserve(agent.id, instance.service_id, wish.agent_name, wish.instructions, wish.join_url):
            return None
        try:
            conversation = self._talk.provision(instance, wish.words(), variables.get(agents.API_KEY) or "")
        except AgentError as error:
            # Unknown: the reservation stays, and the tick finds out what became of it.
            if error.refused:
                self._database.release(agent.id)
            raise
        self._database.complete(agent.id, conversation.id, conversation.invite_url)
        self.note(agent, "claimed")
        self.rename(agent, wish.agent_name)
        return {
            "inviteUrl": conversation.invite_url,
            "conversationId": conversation.id,
            "instanceId": agent.id,
            "joined": conversation.joined,
            "gatewayToken": variables.get(agents.GATEWAY_TOKEN, ""),
            "gatewayUrl": self._talk.address(instance),
        }

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
            self._log(f"{agent.id}: drained")
        self._wake()
        return gone

    def redeploy(self, agent_id: str) -> str:
        """Give one idle agent the newest image, and return that.

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
        service_id = agent.instance.service_id
        with self._database.lock(agent_id):
            self.unclaimed(agent)
            self.touch(agent)
            if agents.same_image(agent.image, image):
                # A patch that changes nothing deploys nothing.
                self._railway.deploy(service_id)
            else:
                self._railway.commit(agents.image_patch({service_id: image}), f"pool: redeploy {agent_id} on {image}")
        self.note(replace(agent, instance=replace(agent.instance, image=image), ready=False), "starting")
        self._log(f"{agent_id}: redeployed on {image}")
        self._wake()
        return image

    def unclaimed(self, agent: Agent) -> None:
        """Make sure, under the agent's lock, that nobody has claimed it since the look.

        Raises:
            ConflictError: somebody has.
        """
        claims = self._database.claims()
        if agent.id in claims or any(claim.service_id == agent.instance.service_id for claim in claims.values()):
            raise ConflictError(f"{agent.id}: it has been claimed meanwhile")

    def status(self) -> dict[str, object]:
        """Return everything about the agents, without secrets.

        Raises:
            UnavailableError: Railway and the database could not be asked yet.
        """
        look = self._latest or self.look()
        image = self._settings.runtime_image
        return {
            "environment": self._settings.environment,
            "image": image,
            "minIdle": self._settings.min_idle,
            "database": self._database.check(),
            "counts": agents.counts(look.agents.values(), image),
            "seenAt": look.at,
            "agents": [
                {
                    "id": agent.id,
                    "service": agent.instance.name,
                    "serviceId": agent.instance.service_id,
                    "state": agent.state,
                    "image": agent.image,
                    "latest": agents.same_image(agent.image, image),
                    "deployment": agent.instance.deployment_status,
                    "url": self._talk.address(agent.instance),
                    "createdAt": agent.instance.created_at.isoformat(),
                }
                for agent in look.agents.values()
            ],
        }
