"""The values that the dashboard shows, from memory and without any request."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convos_pool.rollout_plan import plan_lines

if TYPE_CHECKING:
    from convos_pool import agents
    from convos_pool.event_store import KeptEvent
    from convos_pool.inventory import PoolSnapshot
    from convos_pool.rollout import Step
    from convos_pool.serve import Service


@dataclass(frozen=True)
class State:
    """The values to show.

    Attributes:
        environment: `dev`, `staging` or `production`.
        version: the pool manager's version.
        image: the image of new agents.
        min_idle: how many agents are kept warm.
        snapshot: the last read; None before the first.
        keys_behind: the ids of agents whose keys differ from those of new ones.
        step: the current step of the rollout.
        policy: what happens to living agents when the image changes.
        plan: the remaining batches, one line each.
        held: what is on hold, and why.
        events: the newest first.
        calls_left: the rest of Railway's rate limit, for people; empty until Railway has reported it.
    """

    environment: str
    version: str
    image: str
    min_idle: int
    snapshot: PoolSnapshot | None
    keys_behind: Collection[str]
    step: Step
    policy: str
    plan: tuple[str, ...]
    held: tuple[str, ...]
    events: tuple[KeptEvent, ...]
    calls_left: str

    @property
    def is_production(self) -> bool:
        """Whether actions need a confirmation."""
        return self.environment == "production"


def version(service: Service) -> str:
    """Return a text that changes whenever there is something new to show. It is cheap enough for each stream."""
    snapshot, events = service.pool.latest, service.journal.recent()
    at, newest = snapshot.at if snapshot is not None else 0.0, events[0].at if events else 0.0
    return f"{at:.3f}-{newest:.3f}-{service.tick.rollout.state}-{len(service.problem)}"


def state(service: Service, *, with_plan: bool) -> State:
    """Return the values to show.

    Args:
        service: the pool manager.
        with_plan: whether to compute the remaining batches, which takes a while for many agents.
    """
    settings, snapshot, step = service.settings, service.pool.latest, service.tick.rollout
    left = service.hurried.allowance() or service.patient.allowance()
    return State(
        environment=settings.environment,
        version=service.version,
        image=settings.runtime_image,
        min_idle=settings.min_idle,
        snapshot=snapshot,
        keys_behind=service.key_check.behind(snapshot.agents.values()) if snapshot is not None else frozenset(),
        step=step,
        policy=settings.rollout.kind,
        plan=_plan(service, snapshot) if with_plan else (),
        held=tuple(_held(service, snapshot)),
        events=tuple(service.journal.recent()),
        calls_left=f"{left.remaining} of {left.limit or 'unknown'} calls left" if left is not None else "",
    )


def _plan(service: Service, snapshot: PoolSnapshot | None) -> tuple[str, ...]:
    if snapshot is None or service.tick.rollout.state not in {"rolling", "waiting", "aborted"}:
        return ()
    return tuple(plan_lines(list(snapshot.agents.values()), service.settings.rollout, service.rolling.recorded))


def _held(service: Service, snapshot: PoolSnapshot | None) -> list[str]:
    found: list[str] = []
    if service.pool.is_closed:
        found.append("The pool is closed, as before a destroy: no agent is created or handed out.")
    if service.problem:
        found.append(service.problem)
    if snapshot is None:
        return [*found, "The agents have not been read yet."]
    seconds = time.time() - snapshot.at
    if seconds > max(60.0, 3 * service.settings.tick_seconds):
        found.append(f"The agents were last read {seconds:.0f} s ago.")
    paused = service.tick.seconds_until_next
    if paused > 0:
        found.append(f"No agent is created for another {paused:.0f} s: new ones did not become ready on this image.")
    if service.tick.rollout.state in {"held", "waiting", "aborted"}:
        found.append(f"Rollout: {service.tick.rollout.text}.")
    return found + _reasons(list(snapshot.agents.values()))


def _reasons(living: Sequence[agents.Agent]) -> list[str]:
    return [f"{agent.id}: {agent.reason}" for agent in living if agent.reason]
