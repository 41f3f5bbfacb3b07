"""Redeploys agents, a few at a time, and waits until each is ready again.

The first one goes alone; then never more than half of the idle ones are away, so that claims find an agent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convos_infra.errors import InfraError
from convos_infra.rollout.pool_api import NoAnswer
from ops.agents.living_agent import DEAD, SUCCESS, LivingAgent, living

if TYPE_CHECKING:
    from convos_infra.rollout.pool_api import PoolApi

ROUND_EVERY = 5
"""At every fifth poll the pool manager is asked to read Railway at once, instead of in its next round."""


Need = Callable[[LivingAgent], bool | None]
"""Whether an agent has to be moved; None while that is not known."""


@dataclass(frozen=True)
class ReadyWait:
    """The time limits of a wait for agents.

    Attributes:
        ready_seconds: until the agents of one batch are ready again.
        pause_seconds: between two polls.
    """

    ready_seconds: float = 300.0
    pause_seconds: float = 1.0


@dataclass(frozen=True)
class Mover:
    """Moves the agents of one pool.

    Attributes:
        api: its pool manager.
        say: takes a line of progress.
        wait: the time limits of a wait.
    """

    api: PoolApi
    say: Callable[[str], None]
    wait: ReadyWait = ReadyWait()

    def agents(self) -> list[LivingAgent]:
        """Return every agent as the pool manager saw it last.

        Raises:
            InfraError: it does not answer.
        """
        return living(self.api.status())

    def move_free(self, needs_it: Need) -> list[str]:
        """Redeploy the agents that nobody has and that need it, until none is left; return their ids.

        Raises:
            InfraError: some do not get ready; the rest stays as it is.
        """
        moved: list[str] = []
        while True:
            found = self._settled(needs_it)
            waiting = [one for one in found if one.is_free and needs_it(one)]
            if not waiting:
                return moved
            size = 1 if not moved else max(1, sum(one.is_free for one in found) // 2)
            sent = [one.id for one in waiting[:size] if self._send(one)]
            self._until_ready(sent, needs_it)
            moved += sent

    def move(self, agent: LivingAgent, needs_it: Need) -> str:
        """Redeploy one agent, claimed or not, and wait until it runs again; return its id.

        Raises:
            InfraError: it is refused, or does not get ready.
        """
        self.say(f"redeploys {agent}")
        self.api.redeploy(agent.id, claimed=not agent.is_free)
        self._until_ready([agent.id], needs_it)
        return agent.id

    def _settled(self, needs_it: Need) -> list[LivingAgent]:
        """Wait until it is known which agents need it, and until those that are starting and need it are ready."""

        def missing(found: Sequence[LivingAgent]) -> list[LivingAgent]:
            unknown = [one for one in found if (one.is_free or one.is_coming) and needs_it(one) is None]
            return unknown + [one for one in found if one.is_coming and needs_it(one)]

        return self._until(lambda found: not missing(found), missing)

    def _send(self, agent: LivingAgent) -> bool:
        """Redeploy one; return False if it was claimed meanwhile or is gone."""
        try:
            self.api.redeploy(agent.id)
        except NoAnswer as error:
            if not self._is_there(agent.id):
                return False
            raise InfraError(agent.id, f"not redeployed: {error}", "run it again") from None
        except InfraError as error:
            self.say(f"{agent.id} stays: {error}")
            return False
        self.say(f"redeploys {agent}")
        return True

    def _is_there(self, agent_id: str) -> bool:
        return any(one.id == agent_id for one in self.agents())

    def _until_ready(self, ids: Collection[str], needs_it: Need) -> None:
        def missing(found: Sequence[LivingAgent]) -> list[LivingAgent]:
            _check_lost(ids, found)
            return [one for one in found if one.id in ids and (needs_it(one) is not False or not _runs(one))]

        if ids:
            self._until(lambda found: not missing(found), missing)

    def _until(
        self,
        holds: Callable[[Sequence[LivingAgent]], bool],
        missing: Callable[[Sequence[LivingAgent]], Sequence[LivingAgent]],
    ) -> list[LivingAgent]:
        end, looks = time.monotonic() + self.wait.ready_seconds, 0
        found: list[LivingAgent] = []
        problem = "the pool manager has not answered"
        while time.monotonic() < end:
            if looks % ROUND_EVERY == 0:
                with suppress(InfraError):
                    self.api.reconcile()
            try:
                found = self.agents()
            except NoAnswer as error:
                # A pool manager that has just started has not read its agents yet.
                problem = str(error)
            else:
                if holds(found):
                    return found
                problem = ", ".join(map(str, missing(found)))
            looks += 1
            time.sleep(self.wait.pause_seconds)
        step = "look at their logs (make logs STACK=… AGENT=…); the other agents stay as they are"
        raise InfraError("agents", f"not ready after {self.wait.ready_seconds:.0f} s: {problem}", step)


def _check_lost(ids: Collection[str], found: Sequence[LivingAgent]) -> None:
    """Raise an error if an agent has ended with its new deployment: the pool manager deletes it and makes another."""
    lost = sorted({*ids} - {one.id for one in found if one.state != DEAD})
    if lost:
        step = "make agents STACK=… shows why; the other agents stay as they are"
        raise InfraError("agents", f"ended after they were redeployed: {', '.join(lost)}", step)


def _runs(agent: LivingAgent) -> bool:
    return not agent.is_coming and agent.deployment == SUCCESS
