"""A fleet on the real emulator and a real PostgreSQL, all in one process, under a clock that a test moves.

The pool manager, its SQL, its Railway client and the emulator's API are the real ones. Only the network between them is
replaced (so that a call can be lost, or be the last one of the process), the agents' own HTTP (so that a test says when
one is ready), and the time: PostgreSQL's `now()` is the test's, and nobody sleeps.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from convos_pool import agents
from convos_pool.agent_client import Conversation
from convos_pool.census import Census
from convos_pool.creation import Creation
from convos_pool.credential_record import CredentialRecord
from convos_pool.credentials import Credentials, providers
from convos_pool.database import Database
from convos_pool.errors import AgentError, ConflictError, NotFoundError, PoolError
from convos_pool.pool import Pool, Wish
from convos_pool.pool_parts import PoolParts
from convos_pool.railway import Instance, Railway
from convos_pool.record import Record
from convos_pool.recovery import Recovery
from convos_pool.rolling import Rolling
from convos_pool.rollout import Policy
from convos_pool.serve import TICK_PATIENCE_SECONDS
from convos_pool.set_aside import SetAside
from convos_pool.settings import ProviderSettings, Settings
from convos_pool.tick import Parts, Tick

from emulator.app import Dropped
from railway_api.client import Client, Timing
from railway_api.retry import Budget
from tests.pool.emulated_ground import Ground, wait_until_ended
from tests.pool.simulated_fleet import Killed

URL = "http://127.0.0.1:1/graphql/v2"
TOKEN = "account-token"
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
            self.manager.pool.claim(Wish("Ada", "", ""))
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


class _Agents:
    """The agents' own HTTP."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def address(self, instance: Instance) -> str:
        return f"https://{instance.domain}"

    def is_ready(self, instance: Instance, variables: Mapping[str, str] | None = None) -> bool:
        return any(self._fleet.is_ready(one) for one in self._fleet.services() if one["id"] == instance.service_id)

    def which_are_ready(self, instances: Iterator[Instance]) -> frozenset[str]:
        asked = {one.service_id for one in instances}
        return frozenset(
            one["id"] for one in self._fleet.services() if one["id"] in asked and self._fleet.is_ready(one)
        )

    def problem(self, instance: Instance) -> str:
        return ""

    def forget_all_but(self, instances: Iterable[Instance]) -> None:
        """Nothing is kept."""

    def provision(
        self, instance: Instance, wanted: Mapping[str, str], variables: Mapping[str, str], *, tries: int = 2
    ) -> Conversation:
        self._fleet.may_end()
        if not self.is_ready(instance):
            raise AgentError(f"{instance.name}: no answer", refused=False)
        return Conversation(id="c", invite_url="https://invite", joined=False)


class Manager:
    """The real pool manager: one life of its process."""

    def __init__(self, fleet: Fleet, image: str) -> None:
        ground = fleet.ground
        settings = Settings(
            port=1,
            api_key="k",
            environment="dev",
            min_idle=fleet.size if fleet.min_idle is None else fleet.min_idle,
            stuck_seconds=900.0,
            tick_seconds=30.0,
            database_url=ground.database,
            railway_url=URL,
            railway_token=TOKEN,
            railway_token_kind="account",
            project_id=ground.project_id,
            environment_id=ground.environment_id,
            runtime_image=image,
            agent_variables={},
            agent_url="",
            rollout=fleet.policy,
            providers=fleet.providers,
        )

        def clock() -> float:
            return fleet.now

        def quiet(*_: Any) -> None:
            return None

        client = Client(
            URL,
            TOKEN,
            timing=Timing(budget=Budget(seconds=TICK_PATIENCE_SECONDS)),
            sleep=fleet.pass_time,
            clock=clock,
            wall=clock,
            rng=fleet.rng.random,
            progress=quiet,
        )
        railway = Railway(client, ground.project_id, ground.environment_id, is_kind_known=True)
        database = Database(ground.database)
        talk: Any = _Agents(fleet)
        found, aside = providers(settings.providers), SetAside(database)
        credentials = Credentials(settings, found, CredentialRecord(database, ground.environment_id), quiet)
        creation = Creation(settings, railway, credentials, database, quiet)
        census = Census(railway, database, talk, aside, settings.stuck_seconds, clock)
        self.pool = Pool(PoolParts(settings, railway, database, talk, census, creation, credentials, quiet, quiet))
        recovery = Recovery(railway, database, talk, aside, quiet, run=lambda work: work())
        record = Record(database)
        self.rolling = Rolling(settings, railway, database, record, self.pool.touch, lambda _: (), quiet)
        self.tick = Tick(
            Parts(settings, railway, database, record, recovery, self.pool, creation, self.rolling, quiet), clock
        )
