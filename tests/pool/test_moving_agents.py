"""What `make agents` and `make rotate` do to agents, against a pool manager that runs."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from convos_infra.errors import InfraError
from convos_infra.rollout.pool_api import PoolApi
from ops.agents.command import act, parser
from ops.agents.moving import Mover, ReadyWait
from ops.rotate.command import lacks
from ops.scale.command import settled
from tests.pool.pool_process import API_KEY, IMAGE, Pool
from tests.pool.surroundings import BROKEN_IMAGE, Surroundings, until_idle

WISH = {"agentName": "Ada", "instructions": "Be brief."}
KEYS = {"POOL_AGENT_KEYS": "EXA_API_KEY", "EXA_API_KEY": "exa-of-the-leak"}
NEW = "exa-of-today"


def api_of(pool: Pool) -> PoolApi:
    return PoolApi(pool.url, API_KEY, (3.0, 30.0))


def chosen(**given: Any) -> argparse.Namespace:
    return parser().parse_args(["--wait=30", *(f"--{name}={value}" for name, value in given.items())])


def test_a_rotation_moves_every_idle_agent_leaves_the_claimed_one_and_keeps_some_ready(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="2", **KEYS) as pool:
        until_idle(pool, 2)
        mine = pool.json("POST", "/api/pool/claim", WISH)["instanceId"]
        until_idle(pool, 2)
        pool.restart(EXA_API_KEY=NEW)
        lines: list[str] = []
        mover = Mover(api_of(pool), lines.append, ReadyWait(ready_seconds=30, pause_seconds=0.1))
        moved = mover.move_free(lacks("EXA_API_KEY"))
        assert len(moved) == 2
        assert mine not in moved
        assert [one.id for one in mover.agents() if lacks("EXA_API_KEY")(one)] == [mine]
        assert {around.variables_of(id_)["EXA_API_KEY"] for id_ in moved} == {NEW}
        assert mover.move_free(lacks("EXA_API_KEY")) == [], "again: nothing to do"

        with pytest.raises(InfraError, match=rf"{mine} \(claimed, Ada\) belongs to somebody; say CLAIMED=yes"):
            act(mover.api, chosen(move=mine))
        with pytest.raises(InfraError, match="belongs to somebody"):
            act(mover.api, chosen(end=mine, claimed="y"))
        with pytest.raises(InfraError, match="there is no agent 'ada'"):
            act(mover.api, chosen(end="ada", claimed="yes"))
        assert act(mover.api, chosen(move=mine, claimed="yes")) == {"moved": [mine]}
        assert around.variables_of(mine)["EXA_API_KEY"] == NEW
        assert act(mover.api, chosen(end=mine, claimed="yes")) == {"ended": [mine]}
        assert around.sql("SELECT count(*) FROM agent_metadata") == [(0,)]
        assert not any("exa-" in line for line in lines)


def test_the_first_agent_that_ends_stops_the_moves(around: Surroundings) -> None:
    around.emulator.settings(outcomes={BROKEN_IMAGE: "crash"})
    with around.pool(POOL_MIN_IDLE="2") as pool:
        until_idle(pool, 2)
        pool.restart(RAILWAY_RUNTIME_IMAGE=BROKEN_IMAGE, POOL_ROLLOUT_POLICY="hold")
        mover = Mover(api_of(pool), lambda _: None, ReadyWait(ready_seconds=30, pause_seconds=0.1))
        with pytest.raises(InfraError, match="ended after they were redeployed: "):
            mover.move_free(lambda one: one.is_behind)
        assert around.images()[IMAGE] == 1, "the other one is as it was"


def test_what_is_too_much_is_drained_and_a_claimed_agent_stays(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        mine = pool.json("POST", "/api/pool/claim", WISH)["instanceId"]
        until_idle(pool, 1)
        api = api_of(pool)
        api.replenish(1)
        until_idle(pool, 2)
        assert settled(api, 1, 30) == 1
        assert [one["state"] for one in pool.json("GET", "/api/pool/status")["instances"] if one["id"] == mine] == [
            "claimed"
        ]
        assert settled(api, 5, 0.5) == 1, "the wait is over: it says how many there are"
