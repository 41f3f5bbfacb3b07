"""A key that leaked leaves every agent: each says which keys it has to change; a claimed one is moved by name alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pool_contract.agent_api_key import agent_api_key
from tests.emulator.fix_emulator import until
from tests.pool.pool_process import API_KEY, Pool
from tests.pool.surroundings import Surroundings, agents, counts, until_idle

WISH = {"agentName": "Ada", "instructions": "Be brief."}
OLD, NEW = "exa-of-the-leak", "exa-of-today"
OLD_POOL_KEY = "older-key-of-the-pool"


def behind(pool: Pool) -> dict[str, Any]:
    return {one["id"]: one.get("keysBehind") for one in pool.json("GET", "/api/pool/status")["instances"]}


def until_behind(pool: Pool, wanted: Callable[[dict[str, Any]], bool]) -> None:
    until(lambda: wanted(behind(pool)), 30, lambda: f"{behind(pool)}\n{pool.printed()[-2000:]}")


def test_leaked_keys_leave_idle_agents_and_a_claimed_one_by_name_alone(around: Surroundings) -> None:
    leaked = {"POOL_API_KEY": OLD_POOL_KEY, "EXA_API_KEY": OLD}
    with around.pool(POOL_MIN_IDLE="1", POOL_AGENT_KEYS="EXA_API_KEY", **leaked) as pool:
        until(lambda: counts(pool).get("idle") == 1, 30)
        with_old = {"Authorization": f"Bearer {OLD_POOL_KEY}"}
        mine = pool.call("POST", "/api/pool/claim", WISH, headers=with_old).json()["instanceId"]
        until(lambda: counts(pool).get("idle") == 1, 30)
        before = around.variables_of(mine)
        pool.restart(EXA_API_KEY=NEW, POOL_API_KEY=API_KEY)
        until_idle(pool, 1)
        until_behind(pool, lambda found: list(found.values()) == [["EXA_API_KEY", "POOL_API_KEY"]] * 2)
        shown = pool.call("GET", "/api/pool/agents", headers={}).text
        assert "keysBehind" not in shown, "callers without the key are told no names"

        (idle,) = (one["id"] for one in agents(pool) if one["state"] == "idle")
        path = f"/api/pool/redeploy/{mine}"
        refused = {"absent": {}, "no": {"claimed": False}, "text": {"claimed": "yes"}, "null": {"claimed": None}}
        codes = {name: pool.call("POST", path, body).status_code for name, body in refused.items()}
        assert codes == {"absent": 409, "no": 409, "text": 400, "null": 400}
        step = pool.call("POST", path, {}).json()["error"]
        assert step == f'redeploy: {mine} is claimed; allow it by "claimed": true'
        assert around.variables_of(mine) == before
        pool.json("POST", f"/api/pool/redeploy/{idle}", {"claimed": True})
        pool.json("POST", path, {"claimed": True})
        until_behind(pool, lambda found: list(found.values()) == [[], []])
        today = {"EXA_API_KEY": NEW, "POOL_API_KEY": agent_api_key(API_KEY, mine)}
        assert around.variables_of(mine) == {**before, **today}, "its own secrets stay"
        assert [one["volumes"] for one in around.services() if one["serviceName"].endswith(mine)] == [1]
        (row,) = around.sql("SELECT id, conversation_id IS NOT NULL FROM agent_metadata")
        assert row == (mine, True)
        until(lambda: {one["state"] for one in agents(pool)} == {"idle", "claimed"}, 30)
        assert OLD not in pool.printed()
        assert NEW not in pool.printed()
