"""The emulator in this process: the same endpoint and store, behind the client's own HTTP layer, without a socket.

A socket costs more than the work behind it, and two thousand programs make some hundred thousand calls. It also gives a
test what no other process can: the store itself, and a hook before and after every single request.
"""

from __future__ import annotations

import copy
import io
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from requests.adapters import BaseAdapter

from convos_infra.railway.session import Session
from convos_infra.railway.snapshots import Snapshots
from emulator.api.request import World
from emulator.app import Dropped, Endpoint
from emulator.deployments import Deployments
from emulator.faults import Faults
from emulator.postgres import Postgres
from emulator.settings import LiveSettings, Settings
from emulator.store import Store
from railway_api.client import Client, Timing
from railway_api.retry import Budget
from railway_api.transport import Transport

TOKEN = "colleague-account-token"
ADDRESS = "http://127.0.0.1:4190/graphql/v2"
OURS, THEIRS = "convos-infra", "dashboard"
REQUEST_SECONDS = 0.05
Documents = dict[str, dict[str, Any]]


class Clock:
    """A time that passes only with requests and waits, so that a wait costs nothing."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def now(self) -> float:
        """Return the time."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds


@dataclass
class Inside:
    """One emulator, and who listens at it.

    Attributes:
        world: what it is made of.
        endpoint: what answers.
        clock: everybody's time.
        before: called before a request of ours is carried out; True for one that writes.
        after: called after it, before the answer is on its way.
    """

    world: World
    endpoint: Endpoint
    clock: Clock = field(default_factory=Clock)
    before: Callable[[bool], None] = lambda _: None
    after: Callable[[bool, str], None] = lambda *_: None

    @property
    def store(self) -> Store:
        """Return the documents."""
        return self.world.store

    def send(self, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Send one document as the dashboard does; returns the whole answer."""
        headers = {"authorization": f"Bearer {TOKEN}", "user-agent": f"{THEIRS}/1"}
        # Faults are planted on our way to Railway, not on theirs.
        faults, self.endpoint._faults = self.endpoint._faults, Faults()
        try:
            answer = self.endpoint.answer(headers, {"query": document, "variables": dict(variables)})
        finally:
            self.endpoint._faults = faults
        found: dict[str, Any] = json.loads(bytes(answer.body))
        return found

    def plant(self, kind: str, *, after: int, times: int) -> None:
        """Plant a fault."""
        self.endpoint._faults.plant({"kind": kind, "after": after, "times": times, "seconds": 0.0})

    def heal(self) -> None:
        """Forget all faults."""
        self.endpoint._faults.clear()

    def documents(self) -> Documents:
        """Return a copy of everything."""
        return copy.deepcopy(self.store._documents)

    def restore(self, documents: Documents) -> None:
        """Go back to what `documents` has returned."""
        self.heal()
        self.endpoint._ledger.clear()
        self.store.clear()
        with self.store.transaction():
            for kind, rows in copy.deepcopy(documents).items():
                for id_, row in rows.items():
                    self.store.put(kind, id_, row)

    def session(self, said: Callable[[str], None]) -> Session:
        """Return the session of a new provider process."""
        timing = Timing(settle_seconds=2.0, just_created_seconds=0.0, budget=Budget(attempts=3, seconds=30.0))
        clock = self.clock
        client = Client(
            ADDRESS,
            TOKEN,
            timing=timing,
            sleep=clock.sleep,
            clock=clock.now,
            wall=time.time,
            rng=lambda: 0.5,
            progress=said,
        )
        sent: dict[str, str] = {"Authorization": f"Bearer {TOKEN}"}
        client._transport = _Wired(ADDRESS, sent, timing, time.time, wire=_Wire(self))
        return Session(client, Snapshots(client, clock=clock.now))


class _Wired(Transport):
    """The client's transport, whose HTTP session ends at the emulator instead of a socket."""

    def __init__(self, *args: Any, wire: BaseAdapter) -> None:
        super().__init__(*args)
        self._wire = wire

    def _session(self) -> requests.Session:
        # Each thread has a session of its own.
        session = super()._session()
        session.mount("http://", self._wire)
        return session


class _Wire(BaseAdapter):
    """Carries one request to the emulator."""

    def __init__(self, emulator: Inside) -> None:
        super().__init__()
        self._emulator = emulator

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Answer as a server would, or break the connection."""
        emulator = self._emulator
        emulator.clock.sleep(REQUEST_SECONDS)
        body = json.loads(request.body or b"{}")
        writes = str(body["query"]).lstrip().startswith("mutation")
        emulator.before(writes)
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            answer = emulator.endpoint.answer(headers, body)
        except Dropped:
            raise requests.ConnectionError("the connection broke") from None
        finally:
            emulator.clock.sleep(REQUEST_SECONDS)
            emulator.after(writes, str(body.get("operationName") or ""))
        response = requests.Response()
        response.status_code = answer.status_code
        response.headers.update(answer.headers)
        response.raw = io.BytesIO(bytes(answer.body))
        return response

    def close(self) -> None:
        """Nothing was opened."""


@contextmanager
def emulator_inside(folder: Path) -> Iterator[Inside]:
    """Run an emulator in this process, its state below `folder`; deployments end at once."""
    settings = Settings(
        deploy_step_seconds=0.0, image_check="off", outcomes={"crashing": "crash", "deaf": "never_ready"}
    )
    live, store = LiveSettings(settings), Store(folder / "state.sqlite")
    postgres = Postgres(folder / "postgres")
    deployments = Deployments(store, live, postgres, None)
    try:
        world = World(store, live, deployments, postgres)
        yield Inside(world, Endpoint(world, TOKEN))
    finally:
        deployments.close(remove=True)
        store.close()
