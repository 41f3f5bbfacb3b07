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

if TYPE_CHECKING:
    from tests.emulator.fix_emulator import Emulator
    from tests.pool.pool_process import Pool
    from tests.pool.surroundings import Surroundings
    from tests.schema.postgres_server import Server

HOURS = 7 * 24
HOURS_OF_AN_IMAGE = 6
HOUR_OF_A_RESTART = 3
"""Of each half of a day: the pool manager, Railway and the database in turn."""
DAY = range(9, 19)
MIN_IDLE = 5
LONGEST_USE = 30
FAULTS = ("lost_answer", "gateway_timeout", "502", "opaque", "429", "drop_before")
OLD_KEY, NEW_KEY = "bankr-key-that-leaked", "bankr-key-of-today"
SERVICE = "mutation s($input: ServiceCreateInput!) { serviceCreate(input: $input) { id } }"
DELETE = "mutation d($id: String!, $e: String!) { serviceDelete(id: $id, environmentId: $e) }"
RENAME = "mutation r($id: String!, $name: String!) { serviceUpdate(id: $id, input: { name: $name }) { id } }"
SECRETS = ("token-of-railway", OLD_KEY, NEW_KEY, "or-management-key", "am_secret")


@dataclass
class Week:
    """One week.

    Attributes:
        around: where.
        server: its PostgreSQL.
        hour_seconds: how long a simulated hour lasts.
        used: who has an agent until which hour, by the agent's id.
        violations: what must never be seen.
    """

    around: Surroundings
    server: Server
    seed: int
    hour_seconds: float
    rng: random.Random = field(init=False)
    hour: int = 0
    used: dict[str, int] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    asked_to_end: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    done: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    theirs: str = ""

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    @property
    def emulator(self) -> Emulator:
        return self.around.emulator

    def live(self, pool: Pool) -> None:
        """Go through the hours."""
        given = {"projectId": self.around.world.project_id, "environmentId": self.around.environment_id}
        self.theirs = self.around.world.run(SERVICE, input={**given, "name": "grafana"})["serviceCreate"]["id"]
        for self.hour in range(HOURS):
            ends = time.monotonic() + self.hour_seconds
            for act, chance in (
                (self._crash, 1 / 8),
                (self._colleague, 1 / 12),
                (self._fault, 1 / 3),
            ):
                if self.rng.random() < chance:
                    act(pool)
            if self.hour % 12 == HOUR_OF_A_RESTART:
                self._restart(pool)
            if self.hour and self.hour % HOURS_OF_AN_IMAGE == 0:
                self._image(pool)
            if self.hour == HOURS // 2:
                self._leak(pool)
            for _ in range(self.rng.randint(0, 2) if self.hour % 24 in DAY else self.rng.random() < 0.2):
                self._claim(pool)
            for agent_id in [id_ for id_, until_hour in self.used.items() if until_hour <= self.hour]:
                self._end_of(agent_id, pool)
            self.look()
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
            return
        self.done[f"claims with {answer.status_code}"] += 1
        if not answer.ok:
            return
        agent_id = answer.json()["instanceId"]
        if agent_id in self.told:
            self.violated(f"{agent_id} was handed out twice")
        self.told.append(agent_id)
        self.used[agent_id] = self.hour + self.rng.randint(1, LONGEST_USE)

    def _end_of(self, agent_id: str, pool: Pool) -> None:
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
            old = [one for one in agents(pool) if one["state"] == "idle" and self._has_old_key(one["id"])]
            for one in old:
                pool.call("POST", f"/api/pool/redeploy/{one['id']}")
            return not old and counts(pool).get("idle", 0) > 0

        until(replaced, 60, pool.printed)

    def _has_old_key(self, agent_id: str) -> bool:
        with suppress(ValueError):
            return self.around.variables_of(agent_id).get("BANKR_API_KEY") == OLD_KEY
        return False

    def _colleague(self, _: Pool) -> None:
        """Somebody works in Railway's dashboard."""
        rows = [row for row in self.around.services() if row["serviceId"] != self.theirs]
        free = [row for row in rows if not any(row["serviceName"].endswith(id_) for id_ in self.told)]
        had = [row for row in rows if any(row["serviceName"].endswith(id_) for id_ in self.used)]
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
        which = ("pool", "railway", "database")[self.hour // 12 % 3]
        self.done[f"restarts of the {which}"] += 1
        if which == "pool":
            pool.restart(signal.SIGKILL)
        elif which == "railway":
            self.emulator.restart(signal.SIGKILL)
        else:
            self.server.stop()
            time.sleep(self.hour_seconds / 4)
            self.server.start()

    def _crash(self, _: Pool) -> None:
        running = [row for row in self.around.services() if (row["latestDeployment"] or {}).get("status") == "SUCCESS"]
        if running:
            self.done["crashes"] += 1
            crashed = self.rng.choice(running)["latestDeployment"]["id"]
            self.emulator.admin("POST", "/deployments", {"id": crashed, "status": "CRASHED"})

    def _fault(self, _: Pool) -> None:
        self.done["faults of Railway"] += 1
        self.emulator.fault(self.rng.choice(FAULTS))

    # What must hold.

    def look(self) -> None:
        """Compare what is there with what people were told."""
        try:
            config = self.around.world.config(environment_id=self.around.environment_id)["services"]
        except (requests.RequestException, AssertionError, KeyError):
            # A planted fault has met this question.
            return
        if self.theirs not in config:
            self.violated("a colleague's service is gone")
        keys = {
            (service.get("variables") or {}).get("POOL_API_KEY", {}).get("value")
            for service in config.values()
            if service.get("source")
        }
        if self.around.world.emulator.token in keys:
            self.violated("an agent has Railway's token")
        for agent_id in self.used.keys() - self.asked_to_end:
            if not self._is_there(agent_id, config):
                self.violated(f"{agent_id} is somebody's, and gone")

    def _is_there(self, agent_id: str, config: dict[str, Any]) -> bool:
        rows = self.around.sql("SELECT railway_service_id FROM agent_metadata WHERE id = %s", agent_id)
        return bool(rows) and rows[0][0] in config

    def settled(self, pool: Pool) -> None:
        """Let the pool come to rest, and compare everything."""
        self.emulator.admin("DELETE", "/faults")
        until(lambda: _is_at_rest(counts(pool)), 120, lambda: f"{counts(pool)}\n{pool.printed()[-3000:]}")
        # What a colleague deleted by hand has left its key and its inbox, and is old enough now to be swept.
        self.around.sql("UPDATE agent_credential SET created_at = now() - interval '1 hour'")
        swept = pool.json("POST", "/api/pool/credentials/sweep", {"recorded": True})
        self.done["keys and inboxes swept"] += len(swept["deleted"])
        until(lambda: not self._unowned(), 60, lambda: str(self._unowned()))
        self.look()
        for agent_id in self.used.keys() - self.asked_to_end:
            if agent_id not in {one["id"] for one in agents(pool)}:
                self.violated(f"{agent_id} is not listed")
        if orphans := set(self.around.orphans()) - self.left:
            self.violated(f"volumes of nobody: {sorted(orphans)}")
        lost = set(self.told) - self.ended - set(self.used)
        if lost:
            self.violated(f"lost: {sorted(lost)}")
        for secret in (*SECRETS, self.emulator.token):
            if secret in pool.printed():
                self.violated(f"the log has a secret: {secret[:6]}…")

    def _unowned(self) -> list[str]:
        """Return keys and inboxes of agents that are not there."""
        living = {row["serviceName"][-12:] for row in self.around.services()}
        claimed = {row[0] for row in self.around.sql("SELECT id FROM agent_metadata")}
        accounts = self.around.standins
        names = [row["name"] for row in accounts.openrouter.keys.values()]
        names += [str(row.get("client_id") or "") for row in accounts.agentmail.inboxes.values()]
        return [name for name in names if name[-12:] not in living | claimed]

    def _count_calls(self) -> None:
        with suppress(requests.RequestException, AssertionError):
            for call in self.emulator.calls():
                if call["client"] == "convos-pool":
                    self.calls["429" if call["error"] == "429" and not call["fault"] else call["type"]] += 1
            self.emulator.forget_calls()

    def violated(self, what: str) -> None:
        self.violations.append(f"seed {self.seed}, hour {self.hour}: {what}")

    def report(self) -> Iterator[str]:
        """Yield what was done and seen, line by line."""
        yield f"seed {self.seed}: {HOURS} hours of {self.hour_seconds:.1f} s"
        yield from (f"  {name}: {number}" for name, number in sorted(self.done.items()))
        yield f"  agents handed out: {len(self.told)}, of which {len(self.ended)} were ended and {len(self.used)} live"
        yield f"  calls to Railway: {dict(self.calls)}"
        yield f"  violations: {len(self.violations)}"
        yield from (f"    {line}" for line in self.violations)


def _is_at_rest(found: dict[str, int]) -> bool:
    still = ("starting", "unfinished", "dead", "unknown")
    return found.get("idle") == MIN_IDLE and not any(found[name] for name in still)


@contextmanager
def pool_of(around: Surroundings) -> Iterator[Pool]:
    """Run the week's pool manager."""
    policy = {
        "POOL_ROLLOUT_POLICY": "drain-and-replace",
        "POOL_ROLLOUT_BATCH": "3",
        "POOL_ROLLOUT_MAX_UNAVAILABLE": "3",
        "POOL_ROLLOUT_BAKE_MS": "100",
        "POOL_MIN_IDLE": str(MIN_IDLE),
        "TICK_INTERVAL_MS": "500",
        "BANKR_API_KEY": OLD_KEY,
    }
    with around.pool(**around.with_providers(**policy)) as pool:
        yield pool
