"""What a pool manager lives in, and the questions that its tests ask of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from convos_pool.schema import HISTORY, files

from emulator.standins.accounts import AgentMailAccount, OpenRouterAccount
from emulator.standins.server import AGENTMAIL, OPENROUTER, Standins, server
from tests.emulator.fix_emulator import until
from tests.emulator.world import World, nodes
from tests.pool.pool_process import IMAGE, Pool, running_pool, variables
from tests.pool.restarted_server import CuttingServer, RestartedServer

if TYPE_CHECKING:
    from tests.emulator.fix_emulator import Emulator
    from tests.pool.agent_farm import Farm
    from tests.schema.postgres_server import Database

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = sorted((ROOT / "convos_infra" / "schema" / "migrations").glob("0*.sql"))
NEXT_IMAGE = "ghcr.io/example/convos-runtime:scaling@sha256:" + "2" * 64
BROKEN_IMAGE = "ghcr.io/example/convos-runtime:scaling@sha256:" + "3" * 64
TICK_MS = "100"

PROJECT_TOKEN = "mutation token($input: ProjectTokenCreateInput!) { projectTokenCreate(input: $input) }"
SERVICES = """
query services($id: String!) { environment(id: $id) {
  serviceInstances(first: 1000) { edges { node { serviceId serviceName source { image } latestDeployment { id status }
    domains { serviceDomains { domain } } } } }
  volumeInstances(first: 1000) { edges { node { volumeId serviceId deletedAt } } } } }"""


@dataclass(frozen=True)
class Surroundings:
    """One forked environment, a token for it, a database, and a folder for logs."""

    folder: Path
    world: World
    environment_id: str
    token: str
    database: Database
    farm: Farm
    standins: Standins
    accounts: RestartedServer

    @property
    def emulator(self) -> Emulator:
        return self.world.emulator

    def variables(self, **more: str) -> dict[str, str]:
        """Return what a pool manager of this environment gets."""
        usual = {
            "DATABASE_URL": self.database.url,
            "RAILWAY_API_URL": self.emulator.endpoint,
            "RAILWAY_API_TOKEN": self.token,
            "RAILWAY_PROJECT_ID": self.world.project_id,
            "RAILWAY_ENVIRONMENT_ID": self.environment_id,
            "POOL_AGENT_URL": self.farm.url,
            # Without a key nothing is made there; with one nothing must be made elsewhere.
            "OPENROUTER_API_URL": self.standins.url + OPENROUTER,
            "AGENTMAIL_API_URL": self.standins.url + AGENTMAIL,
            "TICK_INTERVAL_MS": TICK_MS,
        }
        return variables(**{**usual, **more})

    def with_providers(self, **more: str) -> dict[str, str]:
        """Return the keys of the stand-ins, with which each agent gets a key and an inbox."""
        accounts = self.standins
        return {
            "OPENROUTER_MANAGEMENT_KEY": accounts.openrouter.management_key,
            "AGENTMAIL_API_KEY": accounts.agentmail.api_key,
            **more,
        }

    @contextmanager
    def pool(self, **more: str) -> Iterator[Pool]:
        """Run a pool manager here."""
        with running_pool(self.folder, self.variables(**more)) as found:
            yield found

    def project_token(self) -> str:
        """Make a token that reaches this environment alone."""
        given = {"projectId": self.world.project_id, "environmentId": self.environment_id, "name": "pool"}
        return str(self.world.run(PROJECT_TOKEN, input=given)["projectTokenCreate"])

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database.url, autocommit=True) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def variables_of(self, agent_id: str) -> dict[str, str]:
        """Return an agent's variables as Railway stores them."""
        config = self.world.config(environment_id=self.environment_id)
        names = {row["serviceId"]: row["serviceName"] for row in self.services()}
        (service_id,) = [id_ for id_, name in names.items() if name.endswith(agent_id)]
        stored = config["services"][service_id]["variables"]
        return {name: entry["value"] for name, entry in stored.items()}

    def wants_keys(self) -> None:
        """Have agents answer 401 to anything but the key that their own variables say, as runtimes do."""
        known: dict[str, str] = {}

        def key_of(agent_id: str) -> str | None:
            if agent_id not in known:
                known[agent_id] = self.variables_of(agent_id).get("POOL_API_KEY", "")
            return known[agent_id]

        self.farm.key_of = key_of

    def keep_schema(self, version: str) -> None:
        """Have the history say that the program keeps the schema, and how far it is: then nobody else changes it."""
        self.sql(HISTORY)
        for file in files():
            if file.version <= version:
                self.sql(
                    "INSERT INTO schema_history (version, name, checksum, seconds, program) VALUES (%s, %s, %s, 0, %s)",
                    file.version,
                    file.name,
                    file.checksum,
                    "0.1.0",
                )

    def services(self) -> list[dict[str, Any]]:
        """Return the agents' service instances, as Railway has them."""
        found = self.world.run(SERVICES, id=self.environment_id)["environment"]
        rows = nodes(found["serviceInstances"])
        volumes = Counter(row["serviceId"] for row in nodes(found["volumeInstances"]) if not row["deletedAt"])
        return [{**row, "volumes": volumes[row["serviceId"]]} for row in rows]

    def orphans(self) -> list[str]:
        """Return volumes that belong to no service of the environment."""
        found = self.world.run(SERVICES, id=self.environment_id)["environment"]
        known = {row["serviceId"] for row in nodes(found["serviceInstances"])}
        living = [row for row in nodes(found["volumeInstances"]) if not row["deletedAt"]]
        return [row["volumeId"] for row in living if row["serviceId"] not in known]

    def images(self) -> Counter[str]:
        return Counter((row["source"] or {}).get("image", "") for row in self.services())


def counts(pool: Pool) -> dict[str, int]:
    answer = pool.call("GET", "/api/pool/counts", headers={})
    return dict(answer.json()) if answer.ok else {}


def until_idle(pool: Pool, wanted: int, seconds: float = 40.0) -> dict[str, int]:
    """Wait until so many agents are idle and none is on its way."""

    def done() -> dict[str, int]:
        found = counts(pool)
        still = found.get("idle") == wanted and not found["starting"] and not found["unfinished"]
        return found if still else {}

    found: dict[str, int] = until(done, seconds, lambda: f"{counts(pool)}\n{pool.printed()[-3000:]}")
    return found


def agents(pool: Pool) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pool.json("GET", "/api/pool/status")["agents"]
    return found


@contextmanager
def surroundings(folder: Path, database: Database, emulator: Emulator, farm: Farm) -> Iterator[Surroundings]:
    accounts = Standins(OpenRouterAccount("or-management-key"), AgentMailAccount("am_secret"))
    world = World.new(emulator)
    environment_id = world.fork("pool")
    with psycopg.connect(database.url, autocommit=True) as connection:
        for file in SCHEMA:
            connection.execute(file.read_text())
    answering = RestartedServer(lambda port: server(accounts, port=port, kind=CuttingServer))
    try:
        yield Surroundings(folder, world, environment_id, emulator.token, database, farm, accounts, answering)
    finally:
        answering.stop()


__all__ = ["BROKEN_IMAGE", "IMAGE", "NEXT_IMAGE", "Surroundings", "agents", "counts", "surroundings", "until_idle"]
