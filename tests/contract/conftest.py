"""The pool manager under contract: the one of this repository, or whichever CONTRACT_POOL_URL names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.emulator.fix_emulator import running_emulator, until
from tests.pool.agent_farm import running_farm
from tests.pool.pool_process import API_KEY, running_pool
from tests.pool.surroundings import surroundings
from tests.schema.postgres_server import embedded_binaries, new_database, running

if TYPE_CHECKING:
    from pathlib import Path

URL, KEY = "CONTRACT_POOL_URL", "CONTRACT_POOL_KEY"
WARM = 3
SECONDS = 300.0
"""How long a pool elsewhere may take to make an agent."""


@dataclass
class Manager:
    """A pool manager: where it answers, and its key. It keeps some agents warm, and has a database of its own."""

    url: str
    key: str
    session: requests.Session = field(default_factory=requests.Session)

    def call(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> requests.Response:
        """Send a request with the key, with another one, or without one where `key` is empty."""
        given = self.key if key is None else key
        headers = {"Authorization": f"Bearer {given}"} if given else {}
        return self.session.request(
            method, self.url + path, json=body, headers=headers, timeout=120, allow_redirects=False
        )

    def counts(self) -> dict[str, int]:
        answer = self.call("GET", "/api/pool/counts", key="")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def wait_idle(self, wanted: int = 1) -> None:
        """Wait until some agents can be claimed."""
        until(lambda: self._is_idle(wanted), SECONDS, lambda: self.call("GET", "/api/pool/counts", key="").text)

    def _is_idle(self, wanted: int) -> bool:
        answer = self.call("GET", "/api/pool/counts", key="")
        # Before its first look at its agents a pool manager knows nothing of them.
        return answer.status_code == 200 and answer.json()["idle"] >= wanted

    def claim(self, **more: Any) -> dict[str, Any]:
        self.wait_idle()
        body = {"agentName": "Ada Lovelace", "instructions": "Be brief.", **more}
        answer = self.call("POST", "/api/pool/claim", body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    if os.environ.get(URL):
        found = Manager(os.environ[URL].rstrip("/"), os.environ.get(KEY, ""))
        found.session.trust_env = False
        found.wait_idle()
        yield found
        return
    folder: Path = tmp_path_factory.mktemp("contract")
    with (
        running(folder / "postgres", embedded_binaries()) as server,
        new_database(server) as database,
        running_emulator(folder / "emulator", deploy_step_seconds=0) as emulator,
        running_farm() as farm,
        surroundings(folder, database, emulator, farm) as around,
        running_pool(folder / "pool", around.variables(POOL_MIN_IDLE=str(WARM))) as pool,
    ):
        around.wants_keys()
        found = Manager(pool.url, API_KEY)
        found.session.trust_env = False
        found.wait_idle(WARM)
        yield found
