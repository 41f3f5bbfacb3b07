"""Gives one agent a new deployment with the newest image and the current keys."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pool_contract.agent_api_key import agent_api_key
from pool_contract.agent_variables import API_KEY, taken_out

from . import agents
from .act import Act
from .errors import ConflictError, NotFoundError

if TYPE_CHECKING:
    from .agents import Agent
    from .pool import Pool
    from .pool_parts import PoolParts

UNCLAIMED = frozenset({"idle", "released"})
CLAIMED = frozenset({"claimed", "crashed", "sleeping"})
"""Claimed agents in these states are redeployed only by a request that allows it."""


class Redeploying:
    """Redeploys agents, each under its lock.

    Args:
        pool: reads the agents.
        parts: the dependencies of the pool.
    """

    def __init__(self, pool: Pool, parts: PoolParts) -> None:
        self._pool = pool
        self._parts = parts

    def redeploy(self, agent_id: str, *, claimed: bool = False) -> str:
        """Redeploy one agent and return its image.

        Args:
            agent_id: the agent.
            claimed: whether it may be a claimed one, which keeps its volume, its secrets and its claim.

        Raises:
            NotFoundError: there is no such agent.
            ConflictError: its state does not allow it, or its claim has changed meanwhile.
        """
        agent = self._pool.refresh().agents.get(agent_id)
        if agent is None:
            raise NotFoundError(f"redeploy: there is no agent {agent_id[:40]!r} in this environment")
        is_claimed = agent.claimed and agent.state in CLAIMED
        if agent.state not in UNCLAIMED and not (claimed and is_claimed):
            step = 'allow it by "claimed": true' if is_claimed else "only an idle or a claimed agent can be redeployed"
            raise ConflictError(f"redeploy: {agent_id} is {agent.state}; {step}")
        image = self._parts.settings.runtime_image
        with self._parts.database.lock(agent_id):
            self._check_claim(agent, is_claimed=is_claimed)
            self._pool.touch(agent)
            self._send(agent, image)
        moved = replace(agent, instance=replace(agent.instance, image=image), ready=False)
        self._pool.note(moved, "claimed" if is_claimed else "starting")
        self._parts.log(Act("redeployed", f"redeployed on {image}", agent_id))
        self._parts.wake()
        return image

    def _check_claim(self, agent: Agent, *, is_claimed: bool) -> None:
        """Verify, under the agent's lock, that its claim did not change since the last read."""
        if not is_claimed:
            self._pool.unclaimed(agent)
            return
        claims = self._parts.database.claims().values()
        claim = next((one for one in claims if one.service_id == agent.instance.service_id), None)
        if claim is None or claim.reserved:
            problem = "it is no longer claimed" if claim is None else "its claim is not complete yet"
            raise ConflictError(f"redeploy: {agent.id}: {problem}; refresh and try again")

    def _send(self, agent: Agent, image: str) -> None:
        settings, railway = self._parts.settings, self._parts.railway
        service_id = agent.instance.service_id
        key = agent_api_key(settings.api_key, agent.id)
        _, variables = railway.before_claim(service_id)
        is_current = variables.get(API_KEY) == key and not agents.keys_behind(settings, variables)
        if agents.same_image(agent.image, image) and is_current:
            # A patch that changes nothing would deploy nothing (fact: patch-no-change).
            railway.deploy(service_id)
        else:
            removed = {service_id: taken_out(settings.agent_variables, variables)}
            patch = agents.image_patch({service_id: (image, key)}, settings, removed)
            railway.commit(patch, f"pool: redeploy {agent.id} on {image}")
