"""Railway, the database and the agents as plain values under a clock that a test moves.

The pool manager around them is the real one (tick, census, creation, claims, rollout); only its doors are replaced. So
a run of hours, with a kill at any call, takes milliseconds, and the same seed gives the same run.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from convos_pool import agents
from convos_pool.agent_client import Conversation
from convos_pool.census import Census
from convos_pool.claim import Claim, Words
from convos_pool.creation import Creation
from convos_pool.credential_record import Recorded
from convos_pool.errors import AgentError, ConflictError, NotFoundError, PoolError, RailwayError
from convos_pool.pool import Pool, Wish
from convos_pool.pool_parts import PoolParts
from convos_pool.railway import Instance
from convos_pool.recovery import Recovery
from convos_pool.rolling import Rolling
from convos_pool.rollout import Move, Policy, Rollout, Step
from convos_pool.settings import Settings
from convos_pool.tick import Parts, Tick

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
TICK_SECONDS = 30.0
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


class SimulatedRailway:
    """Railway's door: each mutation may be refused, or be carried out and its answer lost, or be the last call."""

    def __init__(self, world: World) -> None:
        self._world = world

    def keep_for_claims(self, share: float = 0.0) -> None:
        """There is no limit here."""

    def instances(self) -> list[Instance]:
        self._may_end()
        return [self._instance(one) for one in self._world.services.values()]

    def volumes(self) -> dict[str, list[str]]:
        return {}

    def is_fork(self) -> bool:
        return True

    def before_claim(self, service_id: str) -> tuple[Instance, dict[str, str]]:
        self._may_end()
        service = self._service(service_id)
        return self._instance(service), {agents.GATEWAY_TOKEN: "t"} if service.has_token else {}

    def create_service(self, name: str) -> str:
        with self._call():
            made = Service(f"s{self._world.next()}", name, self._world.now)
            self._world.services[made.id] = made
        return made.id

    def create_volume(self, service_id: str, mount_path: str) -> str:
        with self._call():
            self._service(service_id)
        return "v"

    def create_domain(self, service_id: str, port: int) -> str:
        with self._call():
            self._service(service_id)
        return "d"

    def commit(self, patch: Mapping[str, Any], message: str) -> None:
        with self._call():
            images = {id_: str(one["source"]["image"]) for id_, one in patch["services"].items()}
            if "rollout" in message:
                self._check(images, back=", back " in message)
            for id_, image in images.items():
                service = self._service(id_)
                service.has_token = True
                if service.image != image:
                    service.image = image
                    service.moved = ", to " in message
                    self._world.start(service)

    def deploy(self, service_id: str) -> str:
        with self._call():
            self._world.start(self._service(service_id))
        return "d"

    def rename(self, service_id: str, name: str) -> None:
        with self._call():
            self._service(service_id).name = name

    def delete_volume(self, volume_id: str) -> None:
        """There are none here."""

    def delete_service(self, service_id: str) -> None:
        with self._call():
            if self._world.is_claimed(self._service(service_id)):
                self._world.violated(f"{service_id} was deleted, and somebody has it")
            del self._world.services[service_id]

    def _check(self, images: Mapping[str, str], *, back: bool) -> None:
        """What a rollout's patch must never do."""
        world, policy = self._world, self._world.policy
        changed = {id_ for id_, image in images.items() if self._service(id_).image != image}
        overdue = policy.replace_claimed and world.now - world.rollout["started"] >= policy.deadline_seconds
        for id_ in changed:
            service = self._service(id_)
            # A claimed agent that went down with its batch is put back with it: it serves nobody.
            if world.is_claimed(service) and not overdue and not (back and not world.is_ready(service)):
                world.violated(f"{service.name} was moved, and somebody has it")
        if back:
            return
        world.patches.append({agents.agent_id(self._service(id_).name) or "": image for id_, image in images.items()})
        down = {one.id for one in world.services.values() if one.moved and not world.is_ready(one)} | changed
        if len(down) > policy.max_unavailable:
            world.violated(f"{len(down)} agents are down at once: {sorted(down)}")
        idle = {one.id for one in world.idle()}
        if idle and not idle - changed:
            world.violated("the last idle agents were moved")

    @contextmanager
    def _call(self) -> Iterator[None]:
        self._may_end()
        if self._happens(self._world.chances.refused):
            raise RailwayError("call", "HTTP 429")
        yield
        self._may_end()
        if self._happens(self._world.chances.lost):
            raise RailwayError("call", "no answer")

    def _may_end(self) -> None:
        if self._happens(self._world.chances.kill):
            raise Killed

    def _happens(self, chance: float) -> bool:
        return chance > 0 and self._world.rng.random() < chance

    def _service(self, id_: str) -> Service:
        found = self._world.services.get(id_)
        if found is None:
            raise RailwayError("call", 'Railway says "Not Authorized"')
        return found

    def _instance(self, one: Service) -> Instance:
        world = self._world
        at = EPOCH + timedelta(seconds=one.created)
        if not one.deployment:
            return Instance(one.id, one.name, one.image, "d", at, "", "", None)
        broken = one.ready_at is None and world.now - one.deployed > 20
        status = "CRASHED" if one.crashed or broken else "SUCCESS" if world.is_ready(one) else "DEPLOYING"
        deployed = EPOCH + timedelta(seconds=one.deployed)
        return Instance(
            one.id, one.name, one.image, "d", at, f"d{one.deployment}", status, deployed, one.deployed_image
        )


@dataclass(frozen=True)
class SimulatedLock:
    """A lock that is always held."""

    held: frozenset[str]

    def confirm(self) -> None:
        """Nobody else is here."""


class SimulatedDatabase:
    """`agent_metadata`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def claims(self) -> dict[str, Claim]:
        now, at = self._world.now, self._world.claimed_at
        return {id_: replace(one, seconds=now - at[id_]) for id_, one in self._world.claims.items()}

    def words(self, agent_ids: Sequence[str]) -> dict[str, Words]:
        claims = self._world.claims
        return {id_: Words(claims[id_].agent_name, "i", "", "", "", "", "") for id_ in agent_ids if id_ in claims}

    def is_claimed(self, agent_id: str, service_id: str) -> bool:
        claims = self._world.claims
        return agent_id in claims or any(one.service_id == service_id for one in claims.values())

    def credentials_of(self, agent_id: str, service_id: str) -> tuple[str, str, str]:
        return "", "", ""

    def forget_claim(self, agent_id: str, service_id: str) -> None:
        self._world.claims.pop(agent_id, None)

    def check(self) -> str:
        return "connected"

    @contextmanager
    def lock(self, name: str, *, wait_seconds: float = 0.0) -> Iterator[SimulatedLock]:
        yield SimulatedLock(frozenset([name]))

    @contextmanager
    def locks(self, names: Sequence[str]) -> Iterator[SimulatedLock]:
        yield SimulatedLock(frozenset(names))

    def reserve(self, agent_id: str, service_id: str, agent_name: str, instructions: str, join_url: str) -> bool:
        if agent_id in self._world.claims:
            return False
        claim = Claim(agent_id, service_id, agent_name, reserved=True, seconds=0.0)
        self._world.claims[agent_id] = claim
        self._world.claimed_at[agent_id] = self._world.now
        return True

    def complete(self, agent_id: str, conversation_id: str, invite_url: str) -> bool:
        self._world.claims[agent_id] = replace(self._world.claims[agent_id], reserved=False)
        return True

    def release(self, agent_id: str) -> None:
        self._world.claims.pop(agent_id, None)


class SimulatedRecord:
    """`agent_rollout` and `agent_move`, with the rules of the real statements."""

    def __init__(self, world: World) -> None:
        self._world = world

    def is_in_charge(self) -> bool:
        return True

    def rollout(self, image: str) -> Rollout:
        world = self._world
        if world.rollout.get("image") != image:
            world.rollout = {"image": image, "started": world.now, "reason": "", "batch": 0}
        known = world.rollout
        moves = [
            Move(id_, one["image"], one["previous"], one["batch"], world.now - one["at"], one["settled"])
            for id_, one in world.moves.items()
            if one["image"] == image and one["at"] >= known["started"]
        ]
        moves.sort(key=lambda move: (move.batch, move.agent_id))
        return Rollout(image, world.now - known["started"], known["reason"], known["batch"], tuple(moves))

    def settle(self, agent_ids: Sequence[str]) -> None:
        for id_ in agent_ids:
            self._world.moves[id_]["settled"] = True

    def abort(self, step: Step) -> None:
        self._world.rollout |= {"reason": step.text, "batch": step.batch}

    def write_down(self, batch: int, moves: Mapping[str, tuple[str, str, str]]) -> None:
        for id_, (_, image, previous) in moves.items():
            row = {"image": image, "previous": previous, "batch": batch, "at": self._world.now, "settled": False}
            self._world.moves[id_] = row


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


class NoCredentials:
    """Agents here have neither keys nor inboxes: nothing is made, recorded or deleted."""

    def __init__(self) -> None:
        self.record = self

    def make(self, agent_id: str, service_id: str, *, is_new: bool) -> dict[str, str]:
        return {}

    def begin_removal(self, wanted: Recorded) -> Recorded:
        return wanted

    def remove(self, known: Recorded) -> bool:
        return True

    def of(self, agent_id: str) -> tuple[str, str]:
        return "", ""

    def forget(self, agent_id: str) -> None:
        """Nothing is on record."""

    def all(self) -> dict[str, Recorded]:
        return {}


class SimulatedAside(dict[str, str]):
    """`agent_claim_unknown`."""

    def all(self) -> dict[str, str]:
        return dict(self)

    def add(self, agent_id: str, reason: str) -> None:
        self[agent_id] = reason

    def remove(self, agent_id: str) -> None:
        self.pop(agent_id, None)


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
        census = Census(railway, database, talk, aside, settings.stuck_seconds, clock)
        self.pool = Pool(PoolParts(settings, railway, database, talk, census, creation, credentials, quiet, quiet))
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
            self.manager.pool.claim(Wish("Ada", "", ""))
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
