"""A fleet on the real emulator and a real PostgreSQL, all in one process, under a clock that a test moves.

The pool manager, its SQL, its Railway client and the emulator's API are the real ones. Only the network between them is
replaced (so that a call can be lost, or be the last one of the process), the agents' own HTTP (so that a test says when
one is ready), and the time: PostgreSQL's `now()` is the test's, and nobody sleeps.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from convos_pool import agents
from convos_pool.errors import ConflictError, NotFoundError, PoolError
from convos_pool.settings import ProviderSettings

from emulator.app import Dropped
from pool_contract.policy import Policy
from pool_contract.requests import ClaimRequest
from tests.pool.emulated_ground import Ground, wait_until_ended
from tests.pool.emulated_manager import TOKEN, Manager
from tests.pool.simulated_world import Killed

SLOWEST_START = 60.0
FAULTS = ("lost_answer", "lost_answer", "gateway_timeout", "drop_before", "502", "429", "throttled", "opaque", "html")


@dataclass
class Chances:
    """How often something goes wrong at a call, from 0 to 1.

    Attributes:
        kill: the process ends before or after it.
        fault: it meets one of the emulator's faults.
        cut: PostgreSQL ends the pool manager's connections.
    """

    kill: float = 0.0
    fault: float = 0.0
    cut: float = 0.0


@dataclass
class Fleet:
    """One run: the fleet, what happens to it, and what must never be seen."""

    ground: Ground
    seed: int
    policy: Policy
    size: int
    image: str
    chances: Chances = field(default_factory=Chances)
    now: float = 0.0
    kills: int = 0
    patches: list[dict[str, str]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    ready_at: dict[str, float] = field(default_factory=dict)
    moved: set[str] = field(default_factory=set)
    providers: ProviderSettings = field(default_factory=ProviderSettings)
    min_idle: int | None = None
    rng: random.Random = field(init=False)
    names: random.Random = field(init=False)
    manager: Manager = field(init=False)

    def __post_init__(self) -> None:
        self.rng, self.names = random.Random(self.seed), random.Random(f"names of {self.seed}, {self.size}")
        self.ground.restore(self.size)
        self.pass_time(0.0)
        self.restart(self.image)

    # What is true, whatever the pool manager thinks.

    def services(self) -> list[dict[str, Any]]:
        """Return the agents' services of the environment, with their newest deployment."""
        store = self.ground.emulated.store
        config = (store.get("environment", self.ground.environment_id) or {})["config"].get("services", {})
        found = []
        newest = {row["serviceId"]: row for row in store.all("deployment")}
        for id_, service in config.items():
            row = store.get("service", id_)
            if row is not None and not row.get("deletedAt"):
                image = service.get("source", {}).get("image", "")
                found.append({"id": id_, "name": row["name"], "image": image, "deployment": newest.get(id_)})
        return found

    def is_ready(self, service: Mapping[str, Any]) -> bool:
        deployment = service["deployment"]
        if deployment is None or deployment["status"] != "SUCCESS":
            return False
        known = self.ready_at
        if deployment["id"] not in known:
            # What the warm fleet ran before the run has been ready for long.
            first = deployment["id"] in self.ground.documents[self.size]["deployment"]
            known[deployment["id"]] = self.now if first else self.now + self.rng.uniform(1, SLOWEST_START)
        return known[deployment["id"]] <= self.now

    def claimed(self) -> set[str]:
        """Return the services' ids."""
        return {row[0] for row in self.ground.admin.execute("SELECT railway_service_id FROM agent_metadata")}

    def idle(self) -> set[str]:
        """Return who could be handed out this moment."""
        taken = self.claimed()
        return {
            one["id"]
            for one in self.services()
            if self.is_ready(one)
            and one["id"] not in taken
            and one["name"] == agents.service_name(agents.agent_id(one["name"]) or "")
        }

    def violated(self, what: str) -> None:
        self.violations.append(f"seed {self.seed}, at {self.now:.0f} s: {what}")

    def new_id(self) -> str:
        """Return an agent's id that is the same in each run of a seed."""
        return "".join(self.names.choice(agents.ALPHABET) for _ in range(agents.ID_LENGTH))

    # What happens.

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.ground.admin.execute(
            "UPDATE clock.moment SET at = '2026-01-01 00:00:00+00'::timestamptz + make_interval(secs => %s)",
            (self.now,),
        )

    def restart(self, image: str) -> None:
        self.image = image
        self.manager = Manager(self, image)

    def tick(self, seconds: float) -> str:
        """Let time pass and tick once; return the rollout's state."""
        self.pass_time(seconds)
        try:
            self.manager.tick.run()
        except Killed:
            self.kills += 1
            self.restart(self.image)
        except PoolError:
            pass
        return self.manager.tick.rollout.state

    def until(self, states: set[str], seconds: float, ticks: int = 300) -> str:
        """Tick until the rollout is in one of `states` for good: three times in a row."""
        row = 0
        for _ in range(ticks):
            row = row + 1 if self.tick(seconds) in states else 0
            if row == 3:
                return self.manager.tick.rollout.state
        raise AssertionError(f"seed {self.seed}: not {states} but {self.manager.tick.rollout}")

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

    def release(self) -> None:
        """Somebody is done with an agent; a claim that is under way is nobody's to end."""
        rows = self.ground.admin.execute(
            "SELECT id FROM agent_metadata WHERE conversation_id IS NOT NULL ORDER BY id"
        ).fetchall()
        if rows:
            self.ground.admin.execute("DELETE FROM agent_metadata WHERE id = %s", self.rng.choice(rows))

    def crash(self) -> None:
        """An agent ends by itself: its deployment says CRASHED, as Railway's would."""
        running = [one for one in self.services() if self.is_ready(one)]
        if running:
            unlucky = self.rng.choice(running)
            unlucky["deployment"]["status"] = "CRASHED"
            # Down by chance, not by the rollout: it does not count against max unavailable.
            self.moved.discard(unlucky["id"])

    def delete(self) -> None:
        """Somebody deletes an agent's service in the dashboard."""
        services = self.services()
        if services:
            self.ask(
                "mutation gone($id: String!, $e: String!) { serviceDelete(id: $id, environmentId: $e) }",
                {"id": self.rng.choice(services)["id"], "e": self.ground.environment_id},
            )

    def ask(self, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Ask the emulator as somebody else than the pool manager."""
        answer = self.ground.endpoint.answer(
            {"authorization": f"Bearer {TOKEN}"}, {"query": document, "variables": dict(variables)}
        )
        body: dict[str, Any] = json.loads(bytes(answer.body))
        assert not body.get("errors"), body
        data: dict[str, Any] = body["data"]
        return data

    # The network.

    def may_end(self) -> None:
        if self.happens(self.chances.kill):
            raise Killed

    def happens(self, chance: float) -> bool:
        return chance > 0 and self.rng.random() < chance

    def send(self, request: requests.PreparedRequest) -> requests.Response:
        """Carry one request of the pool manager's to the emulator, if it gets there."""
        self.may_end()
        body = json.loads(request.body or b"")
        self._check(body["operationName"], body["variables"])
        if self.happens(self.chances.cut):
            cut = self.ground.admin.execute(
                "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'convos-pool' AND datname = current_database()"
            ).fetchall()
            wait_until_ended(self.ground.admin, [row[0] for row in cut])
        self.ground.endpoint._faults.clear()
        if self.happens(self.chances.fault):
            self.ground.endpoint._faults.plant({"kind": self.rng.choice(FAULTS)})
        headers = {name.lower(): str(value) for name, value in request.headers.items()}
        before = {one["id"]: one["image"] for one in self.services()}
        try:
            answer = self.ground.endpoint.answer(headers, body)
        except Dropped:
            raise requests.ConnectionError("the connection was cut") from None
        finally:
            if ", to " in body["variables"].get("message", ""):
                self._note(before)
            self.may_end()
        response = requests.Response()
        response.status_code = answer.status_code
        response.headers.update(answer.headers)
        response.raw = io.BytesIO(bytes(answer.body))
        response.url, response.request = str(request.url), request
        return response

    def _check(self, operation: str, variables: Mapping[str, Any]) -> None:
        """What must never be sent."""
        taken, services = self.claimed(), {one["id"]: one for one in self.services()}
        if operation in {"agentDelete", "agentDeploy"}:
            id_ = str(variables.get("id") or variables.get("serviceId"))
            if id_ in taken:
                self.violated(f"{operation} of {services[id_]['name']}, and somebody has it")
        if operation != "agentCommit" or "rollout" not in variables["message"]:
            return
        wanted = {id_: str(one["source"]["image"]) for id_, one in variables["patch"]["services"].items()}
        changed = {id_ for id_, image in wanted.items() if id_ in services and services[id_]["image"] != image}
        back = ", back " in variables["message"]
        for id_ in changed & taken:
            # A claimed agent that went down with its batch is put back with it: it serves nobody.
            if not (back and not self.is_ready(services[id_])):
                self.violated(f"{services[id_]['name']} was moved, and somebody has it")
        if back:
            return
        down = {id_ for id_ in self.moved & set(services) if not self.is_ready(services[id_])} | changed
        if len(down) > self.policy.max_unavailable:
            self.violated(f"{len(down)} agents are down at once")
        idle = self.idle()
        if idle and not idle - changed:
            self.violated("the last idle agents were moved")

    def _note(self, before: Mapping[str, str]) -> None:
        """Remember what a batch's patch has done, whatever its answer was."""
        changed = [one for one in self.services() if before.get(one["id"], one["image"]) != one["image"]]
        if changed:
            self.patches.append({agents.agent_id(one["name"]) or "": one["image"] for one in changed})
            self.moved |= {one["id"] for one in changed}
