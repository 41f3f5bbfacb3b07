"""Environments by chance: whatever somebody has set, taking it over changes nothing. ADOPT_SEEDS=700 tries more."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest

from pool_contract.keys import DECLARATIONS
from tests.adopt.build import built, inside
from tests.adopt.fixtures import POOL, USUAL, WEB
from tests.adopt.in_process import Stack
from tests.adopt.servers import DATA, POSTGRES, Fixture, Sealed, Server, canary, pool, postgres
from tests.adopt.test_live_environments import Counted, adopted, changed
from tests.colleague.inside import Inside, emulator_inside

SEEDS = int(os.environ.get("ADOPT_SEEDS", "25"))
NAMES = [
    *(one.name for one in DECLARATIONS),
    *("NODE_ENV", "lower_case", "RAILWAY_FOO", "INSTANCE_X", "POOL_ROLLOUT_NEW", "SETUP_PASSWORD", "PORT"),
]
VALUES = [
    *("", "  ", "0", "-1", "3", "99999", "1.5", "true", "dev", "production", "none", "hold", "redeploy-idle", "/data"),
    *("${{shared.X}}", "${{postgres.PGPORT}}", "${{self.Y}}", "a\nb", "ü€", "x" * 300, "name1,name2"),
    *("http://x.example/", "https://x.example/{id}", "postgresql://u:p@h/d", "postgres://%zz"),
    *("ghcr.io/a/b:c", "ghcr.io/a/b@sha256:" + "2" * 64),
]
SOURCES: list[dict[str, Any]] = [
    *({}, {"image": "pool"}, {"image": "ghcr.io/A/B:1"}, {"image": "localhost:5000/x"}),
    {"image": "ghcr.io/a/b:c@sha256:" + "3" * 64},
    {"repo": "a/b", "branch": "main", "source": {"rootDirectory": "/x"}},
    {"repo": "a/b", "branch": "taken"},
]
DEPLOY: dict[str, list[Any]] = {
    "healthcheckPath": ["/", "/x"],
    "healthcheckTimeout": [1, 300, 5000],
    "restartPolicyType": ["NEVER", "ALWAYS"],
    "startCommand": ["x"],
    "sleepApplication": [True],
    "overlapSeconds": [0, 5],
    "preDeployCommand": [["m"]],
}
OF_DATABASES = ("PGDATA", "PGPORT", "POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB", "DATABASE_URL")


def some(rng: random.Random, names: Any, often: float) -> Iterator[str]:
    yield from (name for name in names if rng.random() < often)


def value(rng: random.Random) -> Any:
    chosen = rng.choice(VALUES)
    return Sealed(chosen or "x") if rng.random() < 0.2 else chosen


def by_chance(rng: random.Random) -> Fixture:
    """Return an environment."""
    variables = {name: value(rng) for name in some(rng, NAMES, 0.25)}
    variables |= dict.fromkeys(some(rng, USUAL[POOL].variables, 0.3))
    name = rng.choice([POOL, "Pool X", "p", "convos-agent-boss"])
    services: dict[str, Server] = {
        name: pool(
            variables=variables,
            deploy={key: rng.choice(DEPLOY[key]) for key in some(rng, DEPLOY, 0.3)},
            domains=rng.choice([0, 1]),
            volumes=rng.choice([(), ("/v",)]),
            proxies=rng.choice([(), (9000,)]),
            runs=rng.random() < 0.8,
            **rng.choice(SOURCES),
        )
    }
    if rng.random() < 0.8:
        services[rng.choice(["postgres", "Postgres", "data base"])] = postgres(
            variables={name: rng.choice([None, value(rng)]) for name in some(rng, OF_DATABASES, 0.4)},
            volumes=rng.choice([(), (DATA,), ("/d",)]),
            proxies=rng.choice([(), (5432,), (1,), (5432, 6000)]),
            deploy=rng.choice([{}, {"requiredMountPath": DATA}]),
            image=rng.choice([POSTGRES, "postgres", "x/postgres:1"]),
        )
    if rng.random() < 0.3:
        services["convos-runtime-canary"] = canary(variables={name: value(rng) for name in some(rng, NAMES, 0.1)})
    for other in some(rng, ("analytics", "Redis (old)", "convos-agent-cache"), 0.25):
        services[other] = postgres(
            variables={name: rng.choice([None, value(rng)]) for name in some(rng, OF_DATABASES, 0.4)},
            volumes=rng.choice([(), ("/d",)]),
            proxies=rng.choice([(), (5432,), (1,), (5432, 6000)]),
            image=rng.choice(["redis:7", "Redis", "x/mysql:1@sha256:" + "4" * 64, POSTGRES]),
            runs=rng.random() < 0.8,
        )
    if rng.random() < 0.2:
        services["convos-agent-xyz"] = WEB
    return Fixture(
        services,
        shared={"X": "1"} if rng.random() < 0.5 else {},
        how=rng.choice(["patch", "patch", "fork", "duplicate"]),
        environment=rng.choice(["production", "Über", "x" * 30]),
        roles={"POOL_MANAGER": name},
    )


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    with emulator_inside(tmp_path_factory.mktemp("chance")) as emulator:
        emulator.world.deployments._postgres.takes = lambda _: False  # type: ignore[method-assign]
        yield emulator


@pytest.mark.parametrize("seed", range(SEEDS))
def test_an_environment_by_chance_is_taken_over_and_given_back_for_nothing(seed: int, emulator: Inside) -> None:
    fixture = by_chance(random.Random(seed))
    emulator.restore({})
    emulator.after = lambda *_: None
    made = built(inside(emulator), fixture)
    counted = Counted(emulator)
    before = emulator.documents()
    _, settings, told = adopted(emulator, made, fixture)
    assert (told.changes, told.deployments) == (0, 0), "\n".join(told.lines())
    stack = Stack(emulator)
    stack.up(settings)
    assert stack.refresh() == []
    stack.up(settings)
    stack.destroy()
    assert counted.taken() == ([], 0)
    assert changed(before, emulator.documents()) == []
