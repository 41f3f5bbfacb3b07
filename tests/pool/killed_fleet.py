"""A fleet whose agents have keys and inboxes, and whose pool manager ends at a step that a test chooses.

A step is a moment at which the process may end: before and after each call to Railway, OpenRouter and AgentMail, and
before and after each transaction of the database.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import requests
from convos_pool import agents
from convos_pool.errors import PoolError
from convos_pool.kept_connections import KeptConnections
from convos_pool.settings import ProviderSettings

from emulator.standins.accounts import AgentMailAccount, OpenRouterAccount
from emulator.standins.server import AGENTMAIL, OPENROUTER, Standins
from pool_contract.policy import Policy
from tests.pool.emulated_fleet import Fleet
from tests.pool.emulated_ground import Connections, Ground
from tests.pool.emulated_manager import URL
from tests.pool.fix_ground import connect
from tests.pool.simulated_world import Killed

STANDINS = "https://standins.test"
MANAGEMENT, AGENTMAIL_KEY = "or-management-key", "am_secret"
PROVIDERS = ProviderSettings(
    openrouter_url=STANDINS + OPENROUTER,
    openrouter_key=MANAGEMENT,
    agentmail_url=STANDINS + AGENTMAIL,
    agentmail_key=AGENTMAIL_KEY,
)


@dataclass
class KilledFleet(Fleet):
    """Counts steps, and ends the process at one of them.

    Attributes:
        standins: the accounts.
        steps: what each step was, since the count began.
        kill_at: the step at which the process ends, from 1; 0 for never.
    """

    standins: Standins = field(
        default_factory=lambda: Standins(OpenRouterAccount(MANAGEMENT), AgentMailAccount(AGENTMAIL_KEY))
    )
    steps: list[str] = field(default_factory=list)
    kill_at: int = 0

    def step(self, name: str) -> None:
        self.steps.append(name)
        if self.kill_at and len(self.steps) == self.kill_at:
            raise Killed

    def count(self, kill_at: int) -> None:
        """Begin to count anew."""
        self.steps, self.kill_at = [], kill_at

    def may_end(self) -> None:
        """Steps have names here."""

    def send(self, request: requests.PreparedRequest) -> requests.Response:
        is_railway = str(request.url).startswith(URL)
        operation = json.loads(request.body or b"{}").get("operationName", "") if is_railway else ""
        path = urlsplit(str(request.url)).path
        is_key = path.startswith(OPENROUTER)
        name = operation or f"{'OpenRouter' if is_key else 'AgentMail'} {request.method}"
        self.step(f"before {name}")
        answer = super().send(request) if is_railway else self._asked(request)
        self.step(f"after {name}")
        return answer

    def _asked(self, request: requests.PreparedRequest) -> requests.Response:
        parts = urlsplit(str(request.url))
        bearer = str(request.headers.get("Authorization", "")).removeprefix("Bearer ")
        body = json.loads(request.body) if request.body else {}
        reply = self.standins.answer(str(request.method), f"{parts.path}?{parts.query}", bearer, body)
        assert reply is not None
        response = requests.Response()
        response.status_code, response.url = reply.status, str(request.url)
        raw: Any = io.BytesIO(json.dumps(reply.body).encode())
        read = raw.read
        raw.read = None  # urllib3's own takes `decode_content`
        response.raw = _Raw(read)
        return response

    def leaks(self) -> list[str]:
        """Return what is wrong between agents, keys, inboxes and records: nothing, once everything has settled."""
        living = {agents.service_name(agents.agent_id(one["name"]) or ""): one for one in self.services()}
        keys = [row["name"] for row in self.standins.openrouter.keys.values()]
        inboxes = [row["client_id"] for row in self.standins.agentmail.inboxes.values()]
        found = [f"leaked key of {name}" for name in keys if name not in living]
        found += [f"leaked inbox of {name}" for name in inboxes if name not in living]
        for name in living:
            found += [f"{name} has {keys.count(name)} keys"] if keys.count(name) != 1 else []
            found += [f"{name} has {inboxes.count(name)} inboxes"] if inboxes.count(name) != 1 else []
        found += [f"{name} runs with a key that is gone" for name in living if not self._has_living_key(living[name])]
        found += self._lost_volumes({one["id"] for one in living.values()})
        found += [f"{name} has no instance, and is still in the project" for name in self._left_services()]
        rows = self.ground.admin.execute("SELECT agent_id, removing FROM agent_credential").fetchall()
        found += [f"record of {id_}, whose agent is gone" for id_, _ in rows if f"convos-agent-{id_}" not in living]
        return found + [f"{id_} is on record as going" for id_, removing in rows if removing]

    def _left_services(self) -> list[str]:
        store = self.ground.emulated.store
        places = store.all("environment", lambda row: not row.get("deletedAt"))
        used = {id_ for place in places for id_ in place["config"].get("services") or {}}
        left = store.all("service", lambda row: not row.get("deletedAt") and row["id"] not in used)
        return [row["name"] for row in left]

    def _lost_volumes(self, services: set[str]) -> list[str]:
        rows = self.ground.emulated.store.all("volume_instance")
        there = [one for one in rows if not one.get("deletedAt") and one.get("serviceId")]
        lost = [f"lost volume {one['id']}" for one in there if one["serviceId"] not in services]
        return lost + [
            f"{id_} has two volumes" for id_ in services if [one["serviceId"] for one in there].count(id_) > 1
        ]

    def _has_living_key(self, service: dict[str, Any]) -> bool:
        config = self.ground.emulated.store.get("environment", self.ground.environment_id) or {}
        variables = config["config"]["services"][service["id"]].get("variables", {})
        used = variables.get("OPENROUTER_API_KEY", {}).get("value")
        account = self.standins.openrouter
        inbox = variables.get("AGENTMAIL_INBOX_ID", {}).get("value")
        return used in {account.secrets[one] for one in account.keys} and inbox in self.standins.agentmail.inboxes

    def settle(self, ticks: int = 6) -> None:
        """Tick without being killed."""
        self.count(0)
        for _ in range(ticks):
            self.tick(700.0)

    def attempt(self, act: Callable[[], object]) -> bool:
        """Do something that may be the process's last act; return whether it was."""
        try:
            act()
        except Killed:
            self.kills += 1
            self.restart(self.image)
            return True
        except PoolError:
            return False
        return False


class _Raw:
    def __init__(self, read: Callable[..., bytes]) -> None:
        self._read = read

    def read(self, amount: int = -1, *, decode_content: bool = False) -> bytes:
        return self._read(amount)

    def close(self) -> None:
        """There is nothing to close."""

    def release_conn(self) -> None:
        """There is nothing to release."""


@contextmanager
def killed_fleet(ground: Ground, image: str, min_idle: int, kept: Connections) -> Iterator[KilledFleet]:
    """Begin a fleet in an empty environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KeptConnections, "block", lambda self: kept.connect(self.url))
        fleet = KilledFleet(ground, 1, Policy(), 0, image, providers=PROVIDERS, min_idle=min_idle)
        connect(fleet, patch)

        @contextmanager
        def stepped(self: KeptConnections) -> Iterator[psycopg.Connection[Any]]:
            fleet.step("before a transaction")
            with kept.connect(self.url) as connection:
                yield connection
            fleet.step("after a transaction")

        patch.setattr(KeptConnections, "block", stepped)
        yield fleet
