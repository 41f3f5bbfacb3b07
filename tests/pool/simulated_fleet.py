"""Railway, the database and the agents as plain values under a clock that a test moves.

The pool manager around them is the real one (tick, inventory, creation, claims, rollout); only its doors are replaced.
So a run of hours, with a kill at any call, takes milliseconds, and the same seed gives the same run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from convos_pool.agent_client import Conversation
from convos_pool.creation import Creation
from convos_pool.errors import AgentError, ConflictError, NotFoundError, PoolError
from convos_pool.inventory import Inventory
from convos_pool.pool import Pool
from convos_pool.pool_parts import PoolParts
from convos_pool.railway import Instance
from convos_pool.recovery import Recovery
from convos_pool.rolling import Rolling
from convos_pool.settings import Settings
from convos_pool.tick import Parts, Tick

from pool_contract.requests import ClaimRequest
from tests.pool.simulated_database import NoCredentials, SimulatedDatabase, SimulatedRecord
from tests.pool.simulated_railway import SimulatedRailway
from tests.pool.simulated_world import Killed, World

TICK_SECONDS = 30.0


class SimulatedAgents:
    """The agents' own HTTP."""

    def __init__(self, world: World) -> None:
        self._world = world

    def address(self, instance: Instance) -> str:
        return f"https://{instance.name}"

    def is_ready(self, instance: Instance, variables: Mapping[str, str] | None = None) -> bool:
        service = self._world.services.get(instance.service_id)
        return service is not None and self._world.is_ready(service)

    def which_are_ready(self, instances: Iterator[Instance]) -> frozenset[str]:
        return frozenset(one.service_id for one in instances if self.is_ready(one))

    def problem(self, instance: Instance) -> str:
        return ""

    def forget_all_but(self, instances: Iterable[Instance]) -> None:
        """Nothing is kept."""

    def provision(
        self, instance: Instance, wanted: Mapping[str, str], variables: Mapping[str, str], *, tries: int = 2
    ) -> Conversation:
        if not self.is_ready(instance):
            raise AgentError(f"{instance.name}: no answer", refused=False)
        return Conversation(id="c", invite_url="https://invite", joined=False)


class PoolManager:
    """The real pool manager with simulated doors: one life of its process."""

    def __init__(self, world: World, image: str, min_idle: int) -> None:
        settings: Any = Settings(
            port=1,
            api_key="k",
            environment="dev",
            min_idle=min_idle,
            stuck_seconds=900.0,
            tick_seconds=TICK_SECONDS,
            database_url="",
            railway_url="",
            railway_token="",
            railway_token_kind="project",
            project_id="p",
            environment_id="e",
            runtime_image=image,
            agent_variables={},
            agent_url="",
            rollout=world.policy,
        )
        # The doors have no common base class in the pool manager: what they answer is what counts.
        railway: Any = SimulatedRailway(world)
        database: Any = SimulatedDatabase(world)
        record: Any = SimulatedRecord(world)
        talk: Any = SimulatedAgents(world)

        def clock() -> float:
            return world.now

        def quiet(*_: Any) -> None:
            return None

        credentials: Any = NoCredentials()
        aside: Any = world.aside
        creation = Creation(settings, railway, credentials, database, quiet)
        inventory = Inventory(railway, database, talk, aside, settings.stuck_seconds, clock)
        self.pool = Pool(PoolParts(settings, railway, database, talk, inventory, creation, credentials, quiet, quiet))
        recovery = Recovery(railway, database, talk, aside, quiet, run=lambda work: work())
        self.rolling = Rolling(settings, railway, database, record, self.pool.touch, lambda _: (), quiet)
        parts = Parts(settings, railway, database, record, recovery, self.pool, creation, self.rolling, quiet)
        self.tick = Tick(parts, clock)


@dataclass
class Fleet:
    """A world with a pool manager that is started again whenever it was killed."""

    world: World
    image: str
    min_idle: int
    manager: PoolManager = field(init=False)
    kills: int = 0

    def __post_init__(self) -> None:
        self.restart(self.image)

    def restart(self, image: str) -> None:
        self.image = image
        self.manager = PoolManager(self.world, image, self.min_idle)

    def tick(self, seconds: float = TICK_SECONDS) -> str:
        """Let time pass and tick once; return the rollout's state."""
        self.world.now += seconds
        try:
            self.manager.tick.run()
        except Killed:
            self.kills += 1
            self.restart(self.image)
        except PoolError:
            pass
        return self.manager.tick.rollout.state

    def claim(self) -> bool:
        try:
            self.manager.pool.claim(ClaimRequest(agentName="Ada", instructions="Be brief."))
        except Killed:
            self.kills += 1
            self.restart(self.image)
            return False
        except (PoolError, ConflictError, NotFoundError):
            return False
        return True

    def until(self, states: set[str], ticks: int = 2000) -> str:
        """Tick until the rollout is in one of `states` for good: five times in a row."""
        row = 0
        for _ in range(ticks):
            row = row + 1 if self.tick() in states else 0
            if row == 5:
                return self.manager.tick.rollout.state
        raise AssertionError(f"seed {self.world.seed}: not {states} but {self.manager.tick.rollout}")
