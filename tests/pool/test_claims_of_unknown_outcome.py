"""Claims whose answer was lost: asked again a few times, then set aside, named, finished or dismissed by a person."""

from __future__ import annotations

import threading

import pytest

from tests.emulator.fix_emulator import until
from tests.pool.pool_process import Pool
from tests.pool.surroundings import Surroundings, counts, until_idle

WISH = {"agentName": "Ada", "instructions": "Be brief."}


def lose_one(around: Surroundings, pool: Pool) -> str:
    """Lose the answer of a claim whose agent answers no repetition, and wait until it was given up; return its id."""
    until_idle(pool, 1)
    around.farm.forgetful, around.farm.lose_answers = True, 1
    answer = pool.call("POST", "/api/pool/claim", WISH)
    assert answer.status_code == 500, answer.text
    around.sql("UPDATE agent_metadata SET created_at = now() - interval '10 minutes'")
    until(lambda: counts(pool).get("unknown") == 1, 30, pool.printed)
    return str(around.sql("SELECT id FROM agent_metadata")[0][0])


def test_a_lost_answer_is_asked_for_a_few_times_and_then_set_aside_by_name(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        id_ = lose_one(around, pool)
        until_idle(pool, 1)
        assert pool.printed().count(f"{id_}: a claim was interrupted, and its agent does not answer") == 2
        assert f"{id_}: claim outcome unknown, set aside: convos-agent-{id_}: HTTP 500" in pool.printed()
        (shown,) = pool.json("GET", "/api/pool/agents")["crashed"]
        assert (shown["id"], shown["state"]) == (id_, "unknown")
        assert shown["reason"].startswith("claim outcome unknown: ")
        before, asked = pool.json("GET", "/api/pool/status")["seenAt"], pool.printed()
        until(lambda: pool.json("GET", "/api/pool/status")["seenAt"] > before + 1, 20)
        assert pool.printed() == asked, "nobody asks any more"


def test_it_stays_set_aside_over_a_restart(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        id_ = lose_one(around, pool)
        log = pool.printed()
        pool.restart()
        until(lambda: counts(pool).get("unknown") == 1, 20)
        until_idle(pool, 1)
        assert id_ not in pool.printed().removeprefix(log)


def test_somebody_who_knows_what_came_of_it_finishes_it(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        id_ = lose_one(around, pool)
        known = {"conversationId": "c-1", "inviteUrl": "https://convos.org/v2?i=1"}
        done = pool.json("POST", f"/api/pool/instances/{id_}/finish", known)
        assert done == {"ok": True, "instanceId": id_, **known}
        until(lambda: counts(pool)["claimed"] == 1 and counts(pool)["unknown"] == 0, 20)
        assert around.sql("SELECT conversation_id, invite_url FROM agent_metadata") == [tuple(known.values())]
        assert around.sql("SELECT count(*) FROM agent_claim_unknown") == [(0,)]
        assert pool.call("POST", f"/api/pool/instances/{id_}/finish", known).status_code == 404, "it is complete"
        assert pool.call("DELETE", f"/api/pool/crashed/{id_}").status_code == 409, "it is somebody's"


def test_an_agent_that_answers_by_now_is_finished_by_asking_it(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        id_ = lose_one(around, pool)
        assert pool.call("POST", f"/api/pool/instances/{id_}/finish").status_code == 500
        around.farm.forgetful = False
        done = pool.json("POST", f"/api/pool/instances/{id_}/finish")
        assert done["conversationId"] == around.farm.conversations[id_][1]
        until(lambda: counts(pool)["claimed"] == 1, 20)


def test_it_is_dismissed_with_all_that_is_its_own(around: Surroundings) -> None:
    with around.pool(**around.with_providers(POOL_MIN_IDLE="1")) as pool:
        id_ = lose_one(around, pool)
        for _ in range(2):
            assert pool.json("DELETE", f"/api/pool/crashed/{id_}") == {"ok": True}
        until_idle(pool, 1)
        assert not [one for one in around.services() if one["serviceName"].endswith(id_)]
        assert around.sql("SELECT count(*) FROM agent_metadata") == [(0,)]
        assert around.sql("SELECT count(*) FROM agent_claim_unknown") == [(0,)]
        assert len(around.standins.openrouter.keys) == len(around.standins.agentmail.inboxes) == 1
        assert around.orphans() == []


def test_without_its_table_it_is_set_aside_all_the_same(around: Surroundings) -> None:
    around.keep_schema("9999")
    around.sql("DROP TABLE agent_credential, agent_claim_unknown")
    with around.pool(POOL_MIN_IDLE="1") as pool:
        id_ = lose_one(around, pool)
        assert pool.json("DELETE", f"/api/pool/crashed/{id_}") == {"ok": True}


def test_a_repetition_that_is_refused_as_in_use_is_no_reason_to_give_the_conversation_up(
    around: Surroundings,
) -> None:
    with around.pool(POOL_MIN_IDLE="2") as pool:
        until_idle(pool, 2)
        around.farm.lose_answers = 1
        # The conversation was made; asked again the agent only says that it is in one.
        around.farm.conflicts_after_loss = True
        answer = pool.call("POST", "/api/pool/claim", WISH)
        assert answer.status_code == 500
        assert len(around.farm.conversations) == 1, "no second agent was told the same"
        (row,) = around.sql("SELECT id, conversation_id FROM agent_metadata")
        assert row == (next(iter(around.farm.conversations)), None)


def test_a_tick_is_not_held_up_by_an_agent_that_takes_long_to_answer(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        around.farm.forgetful, around.farm.lose_answers = True, 1
        assert pool.call("POST", "/api/pool/claim", WISH).status_code == 500
        around.farm.hold = threading.Event()
        around.sql("UPDATE agent_metadata SET created_at = now() - interval '10 minutes'")
        before = pool.json("GET", "/api/pool/status")["seenAt"]
        until(lambda: pool.json("GET", "/api/pool/status")["seenAt"] > before + 2, 20)
        until_idle(pool, 1)
        around.farm.hold.set()


@pytest.mark.parametrize(
    ("path", "status", "problem"),
    [
        ("instances/abc/finish", 404, "finish: there is no agent 'abc'"),
        ("instances/%0a/finish", 400, "id: not an agent's id"),
    ],
)
def test_an_unknown_agent_cannot_be_finished(around: Surroundings, path: str, status: int, problem: str) -> None:
    with around.pool(POOL_MIN_IDLE="0") as pool:
        answer = pool.call("POST", f"/api/pool/{path}")
        assert answer.status_code == status
        assert answer.json()["error"].startswith(problem)
