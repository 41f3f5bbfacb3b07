"""SIGTERM ends the pool manager within ten seconds, whatever it does and whoever is silent.

All states are entered one after another and end at the same time, so that the slowest one is waited for once.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import requests

from tests.emulator.fix_emulator import until
from tests.pool.agent_farm import Farm, running_farm
from tests.pool.holding_railway import Door, door
from tests.pool.pool_process import Pool, running_pool
from tests.pool.surroundings import NEXT_IMAGE, surroundings, until_idle
from tests.pool.swallowing_wire import Wire, wire
from tests.schema.postgres_server import Server, new_database

if TYPE_CHECKING:
    from pathlib import Path

    from tests.emulator.fix_emulator import Emulator

MOST_SECONDS = 10.0
STARTS_AT_ONCE = 3
WISH = {"agentName": "Ada", "instructions": "Be brief."}
LOGIN = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Scene:
    """One pool manager and what is around it."""

    pool: Pool
    farm: Farm
    door: Door
    line: Wire

    def behind(self, path: str, body: object) -> None:
        """Send a request whose answer nobody waits for."""

        def send() -> None:
            try:
                requests.post(
                    self.pool.url + path,
                    json=body,
                    headers={"Authorization": f"Bearer {self.pool.environ['POOL_API_KEY']}"},
                    timeout=60,
                )
            except requests.RequestException:
                return

        threading.Thread(target=send, daemon=True).start()


def _idle(scene: Scene) -> None:
    until_idle(scene.pool, 1)


def _in_a_look(scene: Scene) -> None:
    until_idle(scene.pool, 1)
    _holds(scene, "agents")


def _in_a_creation(scene: Scene) -> None:
    until_idle(scene.pool, 1)
    scene.door.holds.add("agentVolumeCreate")
    scene.behind("/api/pool/replenish", {"count": 1})
    assert scene.door.reached.wait(20)


def _in_a_claim(scene: Scene) -> None:
    until_idle(scene.pool, 1)
    scene.farm.hold = threading.Event()
    scene.behind("/api/pool/claim", WISH)
    until(lambda: scene.farm.tokens, 20)


def _in_a_rollout(scene: Scene) -> None:
    until_idle(scene.pool, 1)
    scene.door.holds.add("agentCommit")
    policy = {"POOL_ROLLOUT_POLICY": "redeploy-idle", "POOL_ROLLOUT_BAKE_MS": "0", "POOL_MIN_IDLE": "2"}
    scene.pool.restart(signal.SIGKILL, RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE, **policy)
    assert scene.door.reached.wait(20)


def _with_a_stream(scene: Scene) -> None:
    until_idle(scene.pool, 1)
    pool, session = scene.pool, requests.Session()
    origin = {**LOGIN, "Origin": pool.url, "Sec-Fetch-Site": "same-origin"}
    key = pool.environ["POOL_API_KEY"]
    session.post(f"{pool.url}/login", data={"key": key}, headers=origin, timeout=10, allow_redirects=False)
    stream = session.get(f"{pool.url}/dashboard/stream", stream=True, timeout=30)
    assert stream.status_code == 200
    assert next(stream.iter_lines()), "it has begun"


def _with_a_silent_database(scene: Scene) -> None:
    until_idle(scene.pool, 1)
    scene.line.swallows.set()
    scene.behind("/api/pool/claim", WISH)
    until(lambda: scene.line.lost > 0, 20)


def _with_a_silent_railway(scene: Scene) -> None:
    until_idle(scene.pool, 1)
    _holds(scene, "*")
    scene.behind("/api/pool/claim", WISH)


def _before_the_first_look(scene: Scene) -> None:
    _holds(scene, "*")


def _holds(scene: Scene, operation: str) -> None:
    scene.door.holds.add(operation)
    assert scene.door.reached.wait(20)


STATES: Mapping[str, Callable[[Scene], None]] = {
    "idle": _idle,
    "in a look": _in_a_look,
    "in a creation": _in_a_creation,
    "in a claim that waits for an agent": _in_a_claim,
    "in a rollout": _in_a_rollout,
    "with an open event stream": _with_a_stream,
    "with a silent database": _with_a_silent_database,
    "with a silent Railway": _with_a_silent_railway,
    "before the first look": _before_the_first_look,
}


@contextmanager
def _scene(folder: Path, server: Server, emulator: Emulator) -> Iterator[Scene]:
    with (
        new_database(server) as database,
        running_farm() as farm,
        surroundings(folder, database, emulator, farm) as around,
        door(emulator.endpoint) as railway,
        wire(database.url) as line,
    ):
        given = around.variables(POOL_MIN_IDLE="1", RAILWAY_API_URL=railway.url, DATABASE_URL=line.url)
        with running_pool(folder, given) as pool:
            yield Scene(pool, farm, railway, line)


@pytest.fixture(scope="module")
def ended(
    tmp_path_factory: pytest.TempPathFactory, pool_server: Server, shared_emulator: Emulator
) -> dict[str, tuple[float, int]]:
    """Bring a pool manager into each state, end them all, and return how long each took and its exit code."""
    with (
        ExitStack() as stack,
        ThreadPoolExecutor(STARTS_AT_ONCE) as starts,
        ThreadPoolExecutor(len(STATES)) as threads,
    ):

        def enter(name: str) -> Scene:
            folder = tmp_path_factory.mktemp(name.replace(" ", "-"))
            scene = stack.enter_context(_scene(folder, pool_server, shared_emulator))
            STATES[name](scene)
            return scene

        def end(scene: Scene) -> tuple[float, int]:
            began = time.monotonic()
            code = scene.pool.stop()
            return time.monotonic() - began, code

        scenes = dict(zip(STATES, starts.map(enter, STATES), strict=True))
        return dict(zip(scenes, threads.map(end, scenes.values()), strict=True))


@pytest.mark.parametrize("state", STATES)
def test_sigterm_ends_it_in_time(ended: dict[str, tuple[float, int]], state: str) -> None:
    seconds, code = ended[state]
    assert seconds < MOST_SECONDS, state
    assert code in {0, -signal.SIGTERM}, state
