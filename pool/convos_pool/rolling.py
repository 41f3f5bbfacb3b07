"""Executes a rollout: one patch for each batch, recorded before it is sent."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from pool_contract.agent_api_key import agent_api_key

from . import agents, rollout
from .act import Act
from .errors import ConflictError, MissingTableError
from .rollout import Rollout, Step

if TYPE_CHECKING:
    from .agent_services import AgentServices
    from .agents import Agent
    from .database import Database, Lock
    from .inventory import PoolSnapshot
    from .record import Record
    from .settings import Settings


class Rolling:
    """The rollout of one environment.

    Args:
        settings: the policy and the image.
        railway: the agents' services.
        database: the agents' locks.
        record: the record of rollouts and moves.
        touch: called with each agent that gets a new deployment.
        removed: the names of an agent's variables that were removed from the keys, as far as known.
        log: called with each line of the log.
    """

    def __init__(
        self,
        settings: Settings,
        railway: AgentServices,
        database: Database,
        record: Record,
        touch: Callable[[Agent], None],
        removed: Callable[[Agent], Collection[str]],
        log: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._touch = touch
        self._removed = removed
        self._railway = railway
        self._database = database
        self._record = record
        self._log = log
        self._logged = ""
        self.last = Step("pending", "the agents have not been read yet")
        self.recorded = Rollout(settings.runtime_image)
        """The rollout, as recorded at the last step."""
        self.watched: frozenset[str] = frozenset()
        """Agents that are moving: if one fails, it is rolled back, not deleted."""

    def on_record(self) -> Rollout:
        """Return the rollout to the configured image."""
        return self._record.rollout(self._settings.runtime_image)

    def advance(self, snapshot: PoolSnapshot, lock: Lock, failed_starts: int = 0) -> Step:
        """Take the next step, and return it.

        Args:
            snapshot: the last read of the agents.
            lock: the tick's lock.
            failed_starts: see `Rollout`.
        """
        self.last = self._step(snapshot, lock, failed_starts)
        return self.last

    def _step(self, snapshot: PoolSnapshot, lock: Lock, failed_starts: int) -> Step:
        living = list(snapshot.agents.values())
        if self._settings.rollout.kind == "hold":
            self.watched = frozenset()
            return rollout.step(living, self._settings.rollout, Rollout(self._settings.runtime_image))
        try:
            recorded = replace(self.on_record(), failed_starts=failed_starts)
        except MissingTableError as error:
            self.watched = frozenset()
            return Step("held", str(error))
        self.recorded = recorded
        step = rollout.step(living, self._settings.rollout, recorded)
        self.watched = _watched(snapshot, recorded, step)
        if step.settled:
            self._record.settle(step.settled)
        if step.state == "aborted" and not recorded.aborted:
            self._record.abort(step)
        if step.images:
            self._send(snapshot, step, lock)
        if step.text != self._logged:
            self._logged = step.text
            self._log(Act("rollout", f"rollout: {step.text}"))
        return step

    def abort(self) -> str:
        """Stop the current rollout; the next tick rolls back its current batch.

        Returns:
            The rollout's new description.

        Raises:
            ConflictError: there is no rollout, or it has stopped already.
        """
        if self._settings.rollout.kind == "hold":
            raise ConflictError("abort: the policy is hold, nothing is rolled out")
        recorded = self.on_record()
        if recorded.aborted:
            raise ConflictError(f"abort: it has stopped already: {recorded.aborted}")
        if self.last.state not in {"rolling", "waiting"}:
            raise ConflictError(f"abort: nothing is rolled out: {self.last.text}")
        moving = [move.batch for move in recorded.moves if not move.settled]
        # Without a current batch there is nothing to roll back: no move has the next number.
        batch = max(moving, default=max((move.batch for move in recorded.moves), default=0) + 1)
        back = "the batch is being rolled back" if moving else "no batch was in progress"
        text = f"stopped by hand at batch {batch}; {back}"
        self._record.abort(Step("aborted", text, batch))
        return text

    def _send(self, snapshot: PoolSnapshot, step: Step, lock: Lock) -> None:
        with self._database.locks(sorted(step.images)) as locks:
            claims = self._database.claims()
            services = {claim.service_id for claim in claims.values()}
            sent: dict[str, str] = {}
            for id_, image in step.images.items():
                agent = snapshot.agents[id_]
                now_claimed = id_ in claims or agent.instance.service_id in services
                # An agent whose claim has changed since the last read keeps its image for now.
                if id_ in locks.held and now_claimed == agent.claimed:
                    sent[id_] = image
            if not sent:
                return
            chosen = {id_: snapshot.agents[id_] for id_ in sent}
            if step.state != "aborted":
                self._record.write_down(step.batch, {id_: _row(agent, sent[id_]) for id_, agent in chosen.items()})
            lock.confirm()
            keys = {id_: agent_api_key(self._settings.api_key, id_) for id_ in sent}
            images = {agent.instance.service_id: (sent[id_], keys[id_]) for id_, agent in chosen.items()}
            removed = {agent.instance.service_id: self._removed(agent) for agent in chosen.values()}
            patch = agents.image_patch(images, self._settings, removed)
            for agent in chosen.values():
                self._touch(agent)
            verb = "back" if step.state == "aborted" else "to"
            self._railway.commit(patch, f"pool: rollout batch {step.batch}, {verb} {', '.join(sorted(sent))}")


def _row(agent: Agent, image: str) -> tuple[str, str, str]:
    return agent.instance.service_id, image, agent.image


def _watched(snapshot: PoolSnapshot, recorded: Rollout, step: Step) -> frozenset[str]:
    moved = {
        move.agent_id
        for move in recorded.moves
        if not move.settled
        and move.agent_id in snapshot.agents
        and agents.same_image(snapshot.agents[move.agent_id].image, recorded.image)
    }
    return frozenset(moved | set(step.images))
