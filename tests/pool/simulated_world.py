"""What a simulated fleet is made of: services and agents as plain values, and the time."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from convos_pool import agents
from convos_pool.claim import Claim

from pool_contract.policy import Policy

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
SLOWEST_START = 90.0


class Killed(BaseException):
    """The process ends at this call; no `except Exception` may catch it."""


@dataclass
class Chances:
    """How often something goes wrong at a call, from 0 to 1."""

    kill: float = 0.0
    lost: float = 0.0
    refused: float = 0.0


@dataclass
class Service:
    """A service with its newest deployment; `ready_at` None never gets ready."""

    id: str
    name: str
    created: float
    image: str = ""
    deployment: int = 0
    deployed: float = 0.0
    deployed_image: str = ""
    ready_at: float | None = None
    crashed: bool = False
    moved: bool = False
    has_token: bool = False


@dataclass
class World:
    """Everything outside of the pool manager's process, and what must never be seen there.

    Attributes:
        broken: images that crash.
        patches: the images of each patch of a rollout, oldest first; empty for those of a batch that went back.
        violations: one line each.
    """

    seed: int
    policy: Policy
    rng: random.Random = field(init=False)
    now: float = 0.0
    services: dict[str, Service] = field(default_factory=dict)
    claims: dict[str, Claim] = field(default_factory=dict)
    claimed_at: dict[str, float] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    chances: Chances = field(default_factory=Chances)
    rollout: dict[str, Any] = field(default_factory=dict)
    moves: dict[str, dict[str, Any]] = field(default_factory=dict)
    aside: SimulatedAside = field(default_factory=lambda: SimulatedAside())
    patches: list[dict[str, str]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    count: int = 0

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    def next(self) -> int:
        self.count += 1
        return self.count

    def is_ready(self, service: Service) -> bool:
        return service.ready_at is not None and service.ready_at <= self.now and not service.crashed

    def is_claimed(self, service: Service) -> bool:
        return agents.agent_id(service.name) in self.claims

    def idle(self) -> list[Service]:
        """Return who could be handed out this moment, by what is, not by what the pool manager thinks."""
        return [
            one
            for one in self.services.values()
            if self.is_ready(one)
            and not self.is_claimed(one)
            and one.name == agents.service_name(agents.agent_id(one.name) or "")
        ]

    def start(self, service: Service) -> None:
        service.deployment, service.deployed, service.deployed_image = self.next(), self.now, service.image
        service.crashed = False
        works = service.image not in self.broken
        service.ready_at = self.now + self.rng.uniform(1, SLOWEST_START) if works else None

    def violated(self, what: str) -> None:
        self.violations.append(f"seed {self.seed}, at {self.now:.0f} s: {what}")


class SimulatedAside(dict[str, str]):
    """`agent_claim_unknown`."""

    def all(self) -> dict[str, str]:
        return dict(self)

    def add(self, agent_id: str, reason: str) -> None:
        self[agent_id] = reason

    def remove(self, agent_id: str) -> None:
        self.pop(agent_id, None)
