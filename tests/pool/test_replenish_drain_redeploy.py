"""What a person asks of the pool by hand: more agents, fewer, or a new deployment of one."""

from __future__ import annotations

from tests.pool.surroundings import NEXT_IMAGE, Surroundings, agents, until_idle


def test_replenish_makes_more_than_the_warm_ones(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        made = pool.json("POST", "/api/pool/replenish", {"count": 2})
        assert (made["ok"], made["created"], made["creating"], made["counts"]["total"]) == (True, 2, 0, 3)
        until_idle(pool, 3)


def test_drain_takes_the_oldest_image_first_and_reports_whom(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="2") as pool:
        until_idle(pool, 2)
        old = {agent["id"] for agent in agents(pool)}
        pool.restart(RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE, POOL_MIN_IDLE="3")
        until_idle(pool, 3)
        done = pool.json("POST", "/api/pool/drain", {"count": 2})
        assert (done["ok"], done["drained"], set(done["ids"]), done["counts"]["idle"]) == (True, 2, old, 1)
        until_idle(pool, 3)
        assert around.images() == {NEXT_IMAGE: 3}
        assert around.orphans() == []


def test_an_idle_agent_is_redeployed_by_hand_with_the_newest_image(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        pool.restart(RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE)
        until_idle(pool, 1)
        (agent,) = agents(pool)
        answer = pool.json("POST", f"/api/pool/redeploy/{agent['id']}")
        assert answer == {"instanceId": agent["id"], "image": NEXT_IMAGE}
        until_idle(pool, 1)
        (service,) = around.services()
        assert service["serviceId"] == agent["serviceId"]
        assert service["source"]["image"] == NEXT_IMAGE
        again = len(around.world.deployments(agent["serviceId"], around.environment_id))
        pool.json("POST", f"/api/pool/redeploy/{agent['id']}")
        assert len(around.world.deployments(agent["serviceId"], around.environment_id)) == again + 1
