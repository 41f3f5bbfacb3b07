"""The pool manager ends at every step of making and deleting an agent with a key and an inbox: nothing leaks.

`pytest -s` shows the tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from convos_pool import creation

from pool_contract.requests import ClaimRequest
from tests.pool.emulated_ground import Connections, Ground
from tests.pool.fix_ground import running_ground
from tests.pool.killed_fleet import KilledFleet, killed_fleet

if TYPE_CHECKING:
    from tests.schema.postgres_server import Server

pytestmark = pytest.mark.postgres

IMAGE = "ghcr.io/example/convos-runtime:t@sha256:" + "1" * 64
MOST_STEPS = 400
Scenario = Callable[[KilledFleet], None]


@pytest.fixture(scope="module", params=[True, False], ids=["fork", "shared services"])
def ground(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, pool_server: Server
) -> Iterator[Ground]:
    with running_ground(tmp_path_factory.mktemp("kills"), pool_server, IMAGE, (), is_fork=request.param) as found:
        yield found


@pytest.fixture
def kept() -> Iterator[Connections]:
    found = Connections()
    yield found
    found.close()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where services are shared, an unfinished one is deleted at the next tick, not after minutes."""
    monkeypatch.setattr(creation, "ABANDONED_SECONDS", -1.0)


def make(fleet: KilledFleet) -> None:
    """Nothing is there yet: the tick makes an agent."""
    fleet.tick(30.0)


def drain(fleet: KilledFleet) -> None:
    fleet.attempt(lambda: fleet.manager.pool.drain(1))


def kill_claimed(fleet: KilledFleet) -> None:
    (id_,) = [row[0] for row in fleet.ground.admin.execute("SELECT id FROM agent_metadata").fetchall()]
    if fleet.attempt(lambda: fleet.manager.pool.kill(id_)):
        # Its caller has no answer and asks again, as an idempotent request may be.
        fleet.count(0)
        fleet.manager.pool.kill(id_)


def replace_crashed(fleet: KilledFleet) -> None:
    """An idle agent crashes: the tick deletes it and makes another one."""
    fleet.crash()
    fleet.tick(30.0)


def nothing_before(fleet: KilledFleet) -> None:
    """An empty environment."""


def an_idle_agent(fleet: KilledFleet) -> None:
    fleet.min_idle = 1
    fleet.restart(IMAGE)
    fleet.settle(3)
    assert (len(fleet.idle()), fleet.leaks()) == (1, [])


def a_claimed_agent(fleet: KilledFleet) -> None:
    an_idle_agent(fleet)
    fleet.min_idle = 0
    fleet.restart(IMAGE)
    fleet.manager.pool.claim(ClaimRequest(agentName="Ada", instructions="Be brief."))


SCENARIOS: dict[str, tuple[Scenario, Scenario, int, int]] = {
    # before, the act, how many are kept warm, how many agents there are at the end
    "make": (nothing_before, make, 1, 1),
    "drain": (an_idle_agent, drain, 0, 0),
    "kill a claimed one": (a_claimed_agent, kill_claimed, 0, 0),
    "replace a crashed one": (an_idle_agent, replace_crashed, 1, 1),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_killed_at_any_step_nothing_is_leaked_and_nothing_is_there_twice(
    ground: Ground, kept: Connections, name: str
) -> None:
    before, act, min_idle, agents = SCENARIOS[name]
    table: list[tuple[int, str, str]] = []
    for step in range(1, MOST_STEPS):
        with killed_fleet(ground, IMAGE, min_idle, kept) as fleet:
            before(fleet)
            fleet.min_idle = min_idle
            fleet.restart(IMAGE)
            fleet.count(step)
            act(fleet)
            if fleet.kills == 0:
                break
            at = fleet.steps[step - 1] if len(fleet.steps) >= step else "?"
            fleet.settle()
            if name == "drain" and fleet.services():
                # Ended before it was written down that the agent goes: it is whole, and drained by the next request.
                assert fleet.leaks() == [], f"step {step}, {at}"
                fleet.manager.pool.drain(1)
                # Its service is looked for in the project by the next tick.
                fleet.settle(1)
            found = fleet.leaks()
            found += [] if len(fleet.services()) == agents else [f"{len(fleet.services())} agents"]
            table.append((step, at, "; ".join(found) or "whole"))
    else:
        pytest.fail(f"{name}: more than {MOST_STEPS} steps")
    assert len(table) > 15, "the act has steps"
    _print(name, table)
    assert {row[2] for row in table} == {"whole"}, [row for row in table if row[2] != "whole"]


def _print(name: str, table: list[tuple[int, str, str]]) -> None:
    outcomes = Counter(row[2] for row in table)
    print(f"\n{name}: killed at each of {len(table)} steps: {dict(outcomes)}")
    for step, at, outcome in table:
        print(f"  {step:3}  {at:45} {outcome}")
