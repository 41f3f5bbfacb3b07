"""A week of a pool in minutes: what people, machines and chance do to it, hour by hour, and what must never be seen."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests

from tests.emulator.fix_emulator import until
from tests.pool.surroundings import IMAGE, agents, counts
from tests.pool.week_invariants import MIN_IDLE, NEW_KEY, OLD_KEY, POOL_TOKEN, ROUND_SECONDS, compare

if TYPE_CHECKING:
    from tests.emulator.fix_emulator import Emulator
    from tests.pool.pool_process import Pool
    from tests.pool.surroundings import Surroundings
    from tests.schema.postgres_server import Server

DAY = range(9, 19)
RESTARTED = ("pool", "railway", "database")
INTERRUPTED = ("agents", "accounts")
HOUR: dict[str, Any] = {"requests_per_hour": 1000, "hour_seconds": 60.0, "limited_token": POOL_TOKEN}
"""Railway's hour for the pool manager's token: a minute has the rounds of an hour; the test's calls are free."""
LONGEST_USE = 30
FAULTS = ("lost_answer", "gateway_timeout", "502", "opaque", "429", "drop_before")
SERVICE = "mutation s($input: ServiceCreateInput!) { serviceCreate(input: $input) { id } }"
DELETE = "mutation d($id: String!, $e: String!) { serviceDelete(id: $id, environmentId: $e) }"
RENAME = "mutation r($id: String!, $name: String!) { serviceUpdate(id: $id, input: { name: $name }) { id } }"


@dataclass(frozen=True)
class Calendar:
    """What happens at which hour.

    Attributes:
        hours: how many there are.
        first: the hour of the day at which they begin.
        image_every: how many hours an image is the newest.
        restart_every, restart_at: of so many hours, the one in which a part is restarted, each part in its turn.
        interrupt_every: how many hours are between restarts of the agents and of the account services, in turns.
        used_up_at: the hours in which somebody else uses up the calls of the pool manager's token.
    """

    hours: int = 7 * 24
    first: int = 0
    image_every: int = 6
    restart_every: int = 12
    restart_at: int = 3
    interrupt_every: int = 8
    used_up_at: tuple[int, ...] = (50, 120)


MORNING = Calendar(hours=9, first=9, image_every=5, restart_every=3, restart_at=1, interrupt_every=3, used_up_at=())
"""All kinds of it in seconds: each part is restarted, a new image comes, the key leaks."""


@dataclass
class Week:
    """One week, or less of it.

    Attributes:
        around: where.
        server: its PostgreSQL.
        hour_seconds: how long a simulated hour lasts.
        calendar: what happens when.
        used: who has an agent until which hour, by the agent's id.
        services: the services of those that were handed out, by the agent's id; a colleague may rename them.
        unanswered: how many claims came to nothing that their caller knows of; each may have cost an agent.
        leaked: whether a key is known to be in the wrong hands, and no agent that has it may be handed out.
        violations: what must never be seen.
    """

    around: Surroundings
    server: Server
    seed: int
    hour_seconds: float
    calendar: Calendar = Calendar()
    rng: random.Random = field(init=False)
    hour: int = 0
    used: dict[str, int] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    asked_to_end: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    done: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    operations: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    services: dict[str, str] = field(default_factory=dict)
    unanswered: int = 0
    leaked: bool = False
    theirs: str = ""
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    @property
    def emulator(self) -> Emulator:
        return self.around.emulator

    def live(self, pool: Pool) -> None:
        """Go through the hours."""
        given = {"projectId": self.around.world.project_id, "environmentId": self.around.environment_id}
        self.theirs = self.around.world.run(SERVICE, input={**given, "name": "grafana"})["serviceCreate"]["id"]
        calendar = self.calendar
        for self.hour in range(calendar.hours):
            ends = time.monotonic() + self.hour_seconds
            for act, chance in (
                (self._crash, 1 / 8),
                (self._colleague, 1 / 12),
                (self._fault, 1 / 3),
            ):
                if self.rng.random() < chance:
                    act(pool)
            if self.hour % calendar.restart_every == calendar.restart_at:
                self._restart(pool)
            if self.hour and self.hour % calendar.interrupt_every == 0:
                self._interrupt()
            if self.hour in calendar.used_up_at:
                self._use_up()
            if self.hour and self.hour % calendar.image_every == 0:
                self._image(pool)
            if self.hour == calendar.hours // 2:
                self._leak(pool)
            is_day = (calendar.first + self.hour) % 24 in DAY
            for _ in range(self.rng.randint(0, 2) if is_day else self.rng.random() < 0.2):
                self._claim(pool)
            for agent_id in [id_ for id_, until_hour in self.used.items() if until_hour <= self.hour]:
                self.end(agent_id, pool)
            compare(self)
            if self.hour % 24 == 0:
                seen = counts(pool) if self.hour else {}
                print(f"day {self.hour // 24 + 1}: {dict(self.done)} {seen} {self.violations}", flush=True)
            time.sleep(max(0.0, ends - time.monotonic()))
            self._count_calls()

    # What people do.

    def _claim(self, pool: Pool) -> None:
        wish = {"agentName": f"Ada {self.hour}", "instructions": "Be brief."}
        try:
            answer = pool.call("POST", "/api/pool/claim", wish)
        except requests.RequestException:
            self.done["claims without an answer"] += 1
            self.unanswered += 1
            return
        self.done[f"claims with {answer.status_code}"] += 1
        if not answer.ok:
            self.unanswered += 1
            return
        agent_id = answer.json()["instanceId"]
        if agent_id in self.told:
            self.violated(f"{agent_id} was handed out twice")
        if self.leaked and self.has_old_key(agent_id):
            self.violated(f"{agent_id} was handed out with the key that leaked")
        self.told.append(agent_id)
        self.used[agent_id] = self.hour + self.rng.randint(1, LONGEST_USE)
        rows = self.around.sql("SELECT railway_service_id FROM agent_metadata WHERE id = %s", agent_id)
        if not rows:
            self.violated(f"{agent_id} was handed out and is not written down")
        self.services[agent_id] = rows[0][0] if rows else ""

    def end(self, agent_id: str, pool: Pool) -> None:
        # An answer that says that it failed may come of a deletion that is finished later.
        self.asked_to_end.add(agent_id)
        with suppress(requests.RequestException):
            if pool.call("DELETE", f"/api/pool/instances/{agent_id}").ok:
                self.done["agents ended"] += 1
                self.ended.add(agent_id)
                del self.used[agent_id]

    def _image(self, pool: Pool) -> None:
        self.done["images"] += 1
        image = f"{IMAGE.partition('@')[0]}@sha256:{self.hour:064d}"
        pool.restart(RAILWAY_RUNTIME_IMAGE=image)

    def _leak(self, pool: Pool) -> None:
        self.done["keys that leaked"] += 1
        pool.restart(BANKR_API_KEY=NEW_KEY)

        def replaced() -> bool:
            old = [one for one in agents(pool) if one["state"] == "idle" and self.has_old_key(one["id"])]
            for one in old:
                pool.call("POST", f"/api/pool/redeploy/{one['id']}")
            return not old and counts(pool).get("idle", 0) > 0

        until(replaced, 180, pool.printed)
        self.leaked = True

    def has_old_key(self, agent_id: str) -> bool:
        with suppress(ValueError):
            return self.around.variables_of(agent_id).get("BANKR_API_KEY") == OLD_KEY
        return False

    def _colleague(self, _: Pool) -> None:
        """Somebody works in Railway's dashboard."""
        rows = [row for row in self.around.services() if row["serviceId"] != self.theirs]
        had = [row for row in rows if row["serviceId"] in {self.services[id_] for id_ in self.used}]
        free = [row for row in rows if row["serviceId"] not in self.services.values()]
        if had and self.rng.random() < 0.5:
            self.done["agents renamed by hand"] += 1
            name = f"my-bot-{self.rng.randint(1, 9999)}"
            self.around.world.run(RENAME, id=self.rng.choice(had)["serviceId"], name=name)
        elif free:
            self.done["agents deleted by hand"] += 1
            self.around.world.run(DELETE, id=self.rng.choice(free)["serviceId"], e=self.around.environment_id)
            # Volumes outlive their service, and the pool does not know whose this one was.
            self.left |= set(self.around.orphans())

    # What machines and chance do.

    def _restart(self, pool: Pool) -> None:
        which = RESTARTED[self.hour // self.calendar.restart_every % len(RESTARTED)]
        self.done[f"restarts of the {which}"] += 1
        if which == "pool":
            pool.restart(signal.SIGKILL)
        elif which == "railway":
            self.emulator.restart(signal.SIGKILL)
        else:
            self.server.stop()
            time.sleep(self.hour_seconds / 4)
            self.server.start()

    def _interrupt(self) -> None:
        which = INTERRUPTED[self.hour // self.calendar.interrupt_every % len(INTERRUPTED)]
        self.done[f"restarts of the {which}"] += 1
        server = self.around.farm.server if which == "agents" else self.around.accounts
        assert server is not None
        server.restart(self.hour_seconds / 4)

    def _use_up(self) -> None:
        """Somebody's script asks with the pool manager's token until Railway answers that the hour is used up."""
        headers = {"Authorization": f"Bearer {POOL_TOKEN}"}
        limit = int(HOUR["requests_per_hour"])
        statuses = (self.emulator.post("{ __typename }", headers=headers).status_code for _ in range(2 * limit))
        self.done["hours used up by others"] += 429 in statuses

    def _crash(self, _: Pool) -> None:
        running = [row for row in self.around.services() if (row["latestDeployment"] or {}).get("status") == "SUCCESS"]
        if running:
            self.done["crashes"] += 1
            crashed = self.rng.choice(running)["latestDeployment"]["id"]
            self.emulator.admin("POST", "/deployments", {"id": crashed, "status": "CRASHED"})

    def _fault(self, _: Pool) -> None:
        self.done["faults of Railway"] += 1
        self.emulator.fault(self.rng.choice(FAULTS))

    def _count_calls(self) -> None:
        with suppress(requests.RequestException, AssertionError):
            for call in self.emulator.calls():
                if call["client"] == "convos-pool":
                    self.calls["429" if call["error"] == "429" and not call["fault"] else call["type"]] += 1
                    self.operations[call["operation"]] += 1
            self.emulator.forget_calls()

    def violated(self, what: str) -> None:
        self.violations.append(f"seed {self.seed}, hour {self.hour}: {what}")

    def report(self) -> Iterator[str]:
        """Yield what was done and seen, line by line."""
        yield f"seed {self.seed}: {self.calendar.hours} hours of {self.hour_seconds:.1f} s"
        yield from (f"  {name}: {number}" for name, number in sorted(self.done.items()))
        yield f"  agents handed out: {len(self.told)}, of which {len(self.ended)} were ended and {len(self.used)} live"
        yield f"  calls to Railway: {dict(self.calls)}, agents made: {self.operations['serviceCreate']}"
        yield f"  violations: {len(self.violations)}"
        yield from (f"    {line}" for line in self.violations)


@contextmanager
def pool_of(around: Surroundings) -> Iterator[Pool]:
    """Run the week's pool manager."""
    policy = {
        "POOL_ROLLOUT_POLICY": "drain-and-replace",
        "POOL_ROLLOUT_BATCH": "3",
        "POOL_ROLLOUT_MAX_UNAVAILABLE": "3",
        "POOL_ROLLOUT_BAKE_MS": "100",
        "POOL_MIN_IDLE": str(MIN_IDLE),
        "TICK_INTERVAL_MS": str(round(ROUND_SECONDS * 1000)),
        "BANKR_API_KEY": OLD_KEY,
        "RAILWAY_API_TOKEN": POOL_TOKEN,
    }
    with around.pool(**around.with_providers(**policy)) as pool:
        yield pool
