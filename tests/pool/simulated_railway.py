"""Railway as the simulated fleet's pool manager sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from convos_pool import agents
from convos_pool.errors import RailwayCallError
from convos_pool.railway import Instance

from tests.pool.simulated_world import EPOCH, Killed, Service, World


class SimulatedRailway:
    """Railway's door: each mutation may be refused, or be carried out and its answer lost, or be the last call."""

    def __init__(self, world: World) -> None:
        self._world = world

    def keep_for_claims(self, share: float = 0.0) -> None:
        """There is no limit here."""

    @contextmanager
    def within(self, _seconds: float) -> Iterator[None]:
        yield

    def instances(self) -> list[Instance]:
        self._may_end()
        return [self._instance(one) for one in self._world.services.values()]

    def volumes(self) -> dict[str, list[str]]:
        return {}

    def leaves_services(self) -> bool:
        return False

    def is_fork(self) -> bool:
        return True

    def before_claim(self, service_id: str) -> tuple[Instance, dict[str, str]]:
        self._may_end()
        service = self._service(service_id)
        return self._instance(service), {agents.GATEWAY_TOKEN: "t"} if service.has_token else {}

    def ensure_service(self, instance: Instance) -> str:
        return instance.service_id

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
            raise RailwayCallError("call", "HTTP 429")
        yield
        self._may_end()
        if self._happens(self._world.chances.lost):
            raise RailwayCallError("call", "no answer")

    def _may_end(self) -> None:
        if self._happens(self._world.chances.kill):
            raise Killed

    def _happens(self, chance: float) -> bool:
        return chance > 0 and self._world.rng.random() < chance

    def _service(self, id_: str) -> Service:
        found = self._world.services.get(id_)
        if found is None:
            raise RailwayCallError("call", 'Railway says "Not Authorized"')
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
