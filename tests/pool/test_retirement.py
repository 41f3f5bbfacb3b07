"""The end of a pool: what nobody has goes, what somebody has stops it, and nothing is made any more."""

from __future__ import annotations

import pytest

from convos_infra.errors import InfraError
from convos_infra.rollout.pool_api import PoolApi
from convos_infra.rollout.retire_on_destroy import DELETE, REFUSE, STUCK_SECONDS, Time, refuse_if_in_use, retire
from tests.emulator.fix_emulator import until
from tests.pool.pool_process import API_KEY, Pool
from tests.pool.surroundings import Surroundings, counts, until_idle

PREFIX = "convos-agent-"
WISH = {"agentName": "Ada", "instructions": "Be brief."}


def api(pool: Pool) -> PoolApi:
    return PoolApi(pool.url, API_KEY, (2.0, 60.0))


def told_of(pool: Pool, on_destroy: str) -> list[str]:
    lines: list[str] = []
    retire(api(pool), on_destroy, lines.append, Time(sleep=lambda _: None))
    return lines


def test_idle_agents_go_with_their_volumes_and_none_is_made_or_handed_out(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="3") as pool:
        until_idle(pool, 3)
        told_of(pool, REFUSE)
        assert around.services() == []
        assert around.orphans() == []
        assert pool.call("POST", "/api/pool/claim", WISH).status_code == 503
        # A tick of its own may be under way at that moment: then the answer is 409.
        until(lambda: pool.call("POST", "/api/pool/reconcile").ok, 20)
        assert around.services() == []
        told_of(pool, REFUSE)


def test_a_pool_that_is_opened_again_fills_again(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="2") as pool:
        until_idle(pool, 2)
        assert not api(pool).reopen()
        told_of(pool, REFUSE)
        assert api(pool).reopen()
        until_idle(pool, 2)


def test_an_agent_that_somebody_has_stops_it_and_the_pool_goes_on(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="2") as pool:
        until_idle(pool, 2)
        id_ = pool.json("POST", "/api/pool/claim", WISH)["instanceId"]
        until_idle(pool, 2)
        before = {row["serviceId"] for row in around.services()}
        with pytest.raises(InfraError) as caught:
            told_of(pool, REFUSE)
        assert str(caught.value) == (
            f"agents: in use: convos-agent-ada-{id_} (claimed); let them end first; or, to delete them too:"
            " AGENTS_ON_DESTROY=delete pulumi destroy"
        )
        assert {row["serviceId"] for row in around.services()} == before
        assert pool.json("POST", "/api/pool/claim", WISH)["instanceId"] != id_
        until_idle(pool, 2)


def test_the_question_alone_names_the_same_agents_and_changes_nothing(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="2") as pool:
        until_idle(pool, 2)
        refuse_if_in_use(api(pool), REFUSE, PREFIX)
        id_ = pool.json("POST", "/api/pool/claim", WISH)["instanceId"]
        until_idle(pool, 2)
        before = {row["serviceId"] for row in around.services()}
        with pytest.raises(InfraError) as caught:
            refuse_if_in_use(api(pool), REFUSE, PREFIX)
        with pytest.raises(InfraError) as deleting:
            told_of(pool, REFUSE)
        assert str(caught.value) == str(deleting.value)
        assert f"convos-agent-ada-{id_} (claimed)" in str(caught.value)
        refuse_if_in_use(api(pool), DELETE, PREFIX)
        around.sql("DELETE FROM agent_metadata")
        until(lambda: counts(pool).get("released") == 1, 20)
        with pytest.raises(InfraError, match=r"convos-agent-ada-\w{12} \(released\)"):
            refuse_if_in_use(api(pool), REFUSE, PREFIX)
        assert {row["serviceId"] for row in around.services()} == before


class Stuck(PoolApi):
    """A pool manager that answers, and of whose agents some are left each time."""

    def retire(self, *, claimed: bool) -> int:
        return 3


@pytest.mark.parametrize("claimed", [REFUSE, DELETE])
def test_agents_that_cannot_be_deleted_end_the_wait(claimed: str) -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds + 10

    lines: list[str] = []
    time = Time(sleep, lambda: now[0])
    if claimed == DELETE:
        retire(Stuck("http://127.0.0.1:9", API_KEY), claimed, lines.append, time)
        assert lines[-1] == "agents: 3 could not be deleted within 120 s, kept"
    else:
        with pytest.raises(
            InfraError, match=r"^agents: 3 could not be deleted within 120 s; see the pool manager's log"
        ):
            retire(Stuck("http://127.0.0.1:9", API_KEY), claimed, lines.append, time)
    assert STUCK_SECONDS < now[0] < STUCK_SECONDS + 30


def test_an_agent_whose_row_is_gone_but_not_its_name_stops_it_too(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        pool.json("POST", "/api/pool/claim", WISH)
        # The tick after a claim names its agent's service.
        until(lambda: [row for row in around.services() if row["serviceName"].startswith("convos-agent-ada-")], 20)
        around.sql("DELETE FROM agent_metadata")
        until(lambda: counts(pool).get("released") == 1, 20)
        with pytest.raises(InfraError, match=r"^agents: in use: convos-agent-ada-\w{12} \(released\)"):
            told_of(pool, REFUSE)


def test_where_it_is_asked_for_claimed_agents_go_as_well(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        pool.json("POST", "/api/pool/claim", WISH)
        until_idle(pool, 1)
        told_of(pool, DELETE)
        assert around.services() == []
        assert around.orphans() == []


def test_a_pool_manager_that_does_not_answer_stops_it_unless_all_may_go() -> None:
    nobody = PoolApi("http://127.0.0.1:9", API_KEY)
    with pytest.raises(InfraError, match=r"^agents: unknown whether any is claimed: .* does not answer"):
        retire(nobody, REFUSE, lambda _: None)
    lines: list[str] = []
    retire(nobody, DELETE, lines.append)
    assert lines == ["agents: kept, http://127.0.0.1:9 does not answer (ConnectionError)"]


def test_a_word_that_is_neither_is_refused() -> None:
    with pytest.raises(InfraError, match=r"^AGENTS_ON_DESTROY: must be refuse or delete, not 'yes'$"):
        retire(PoolApi("http://127.0.0.1:9", API_KEY), "yes", lambda _: None)


@pytest.mark.parametrize("given", [{"claimed": "yes"}, {"claimed": 1}, {"claimed": None}])
def test_a_bad_question_is_refused_and_the_pool_stays_open(around: Surroundings, given: dict[str, object]) -> None:
    with around.pool(POOL_MIN_IDLE="0") as pool:
        assert pool.call("POST", "/api/pool/retire", given).status_code == 400
        assert pool.call("POST", "/api/pool/retire", given, headers={}).status_code == 401
        assert not api(pool).reopen()
