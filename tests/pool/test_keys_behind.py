"""A key that is new or rotated: which agents lack it is counted, and a redeploy or a rollout brings it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from convos_pool import agents as of_agents
from convos_pool import settings as pool_settings
from convos_pool.agents import Agent
from convos_pool.errors import RailwayCallError
from convos_pool.key_check import KeyCheck
from convos_pool.railway import Instance
from convos_pool.read_lag import LAG_SECONDS

from pool_contract.agent_api_key import agent_api_key
from tests.emulator.fix_emulator import until
from tests.pool.surroundings import NEXT_IMAGE, Surroundings, agents, counts, until_idle
from tests.unit.test_canary_environment import OF_THE_POOL

WISH = {"agentName": "Ada", "instructions": "Be brief."}
EXA = {"POOL_AGENT_KEYS": "EXA_API_KEY", "EXA_API_KEY": "exa-1"}


def behind(around: Surroundings, pool: Any, keys: int, both: int) -> None:
    """Wait until so many agents are behind by their keys alone, and so many in all."""

    def told() -> bool:
        found = counts(pool)
        return (found.get("behindKeys"), found.get("behind")) == (keys, both)

    until(told, 20, lambda: f"{counts(pool)}\n{pool.printed()[-2000:]}")


def test_an_undeclared_key_makes_agents_behind_until_a_redeploy_or_a_rollout_brings_it(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="3") as pool:
        until_idle(pool, 3)
        behind(around, pool, 0, 0)
        pool.restart(**EXA)
        until_idle(pool, 3)
        behind(around, pool, 3, 3)
        assert all("EXA_API_KEY" not in around.variables_of(one["id"]) for one in agents(pool))

        first = agents(pool)[0]
        pool.json("POST", f"/api/pool/redeploy/{first['id']}")
        behind(around, pool, 2, 2)
        assert around.variables_of(first["id"])["EXA_API_KEY"] == "exa-1"
        before = around.variables_of(first["id"])

        pool.restart(EXA_API_KEY="exa-2")
        behind(around, pool, 3, 3)
        pool.restart(RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE, POOL_ROLLOUT_POLICY="hold")
        behind(around, pool, 0, 3)
        assert pool.json("POST", "/api/pool/claim", WISH)["instanceId"]
        pool.restart(POOL_ROLLOUT_POLICY="redeploy-idle", POOL_ROLLOUT_BAKE_MS="0")
        until(lambda: counts(pool).get("behind") == 1, 40, lambda: f"{counts(pool)}\n{pool.printed()[-2000:]}")
        moved = [one for one in agents(pool) if one["state"] != "claimed"]
        assert {around.variables_of(one["id"])["EXA_API_KEY"] for one in moved} == {"exa-2"}
        after = around.variables_of(first["id"]) if first["id"] in {one["id"] for one in moved} else None
        assert after is None or after == {**before, "EXA_API_KEY": "exa-2"}, "its own secrets stay"
        assert "exa-" not in pool.printed() + pool.call("GET", "/", headers={}).text


def test_a_key_that_was_taken_out_counts_until_a_redeploy_or_a_rollout_takes_it_from_the_agent(
    around: Surroundings,
) -> None:
    with around.pool(POOL_MIN_IDLE="3", BANKR_API_KEY="bankr-1", **EXA) as pool:
        until_idle(pool, 3)
        behind(around, pool, 0, 0)
        first, *others = (one["id"] for one in agents(pool))
        pool.restart(BANKR_API_KEY="", POOL_AGENT_KEYS="", EXA_API_KEY="")
        behind(around, pool, 3, 3)
        before = around.variables_of(first)
        pool.json("POST", f"/api/pool/redeploy/{first}")
        behind(around, pool, 2, 2)
        gone = {"BANKR_API_KEY", "EXA_API_KEY", "POOL_AGENT_KEYS"}
        assert around.variables_of(first) == {name: value for name, value in before.items() if name not in gone}
        pool.restart(RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE, POOL_ROLLOUT_POLICY="redeploy-idle", POOL_ROLLOUT_BAKE_MS="0")
        behind(around, pool, 0, 0)
        assert all(not gone & around.variables_of(one).keys() for one in others)


NOW = datetime(2026, 1, 1, tzinfo=UTC)
SETTINGS = pool_settings.read({**OF_THE_POOL, "BANKR_API_KEY": "new"})
CURRENT = of_agents.variables(SETTINGS, "abcdefghijkm", {})


def one(deployment: str, age: float = 1000.0) -> Agent:
    at = NOW - timedelta(seconds=age)
    instance = Instance("s", "convos-agent-abcdefghijkm", "image", "d", at, deployment, "SUCCESS", at)
    return Agent("abcdefghijkm", instance, "idle", claimed=False, ready=True, seconds=0.0)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (CURRENT, False),
        ({**CURRENT, "BANKR_API_KEY": "old"}, True),
        ({name: value for name, value in CURRENT.items() if name != "BANKR_API_KEY"}, True),
        ({**CURRENT, "BANKR_API_KEY": ""}, False),  # sealed: nobody can tell
        ({**CURRENT, "A_KEY_OF_ITS_OWN": "x", "OPENROUTER_API_KEY": "made", "POOL_API_KEY": "other"}, False),
        ({**CURRENT, "TELNYX_MESSAGING_PROFILE_ID": "taken out"}, True),
        ({**CURRENT, "TELNYX_MESSAGING_PROFILE_ID": ""}, False),
        ({**CURRENT, "EXA_API_KEY": "taken out", "POOL_AGENT_KEYS": "EXA_API_KEY"}, True),
        ({**CURRENT, "POOL_AGENT_KEYS": "EXA_API_KEY"}, True),
        # No list may take from an agent what no key can be.
        ({**CURRENT, "POOL_AGENT_KEYS": "PORT,POOL_API_KEY,RAILWAY_X,PRIVATE_WALLET_KEY", "RAILWAY_X": "x"}, True),
        ({}, False),  # not to be seen yet
    ],
)
def test_what_is_behind(stored: dict[str, str], expected: bool) -> None:
    check = KeyCheck(SETTINGS, lambda: {"s": stored}, lambda: NOW)
    check.refresh([one("d")])
    assert check.behind([one("d")]) == ({"abcdefghijkm"} if expected else set())
    assert check.behind([one("another")]) == set()


def test_a_bearer_key_of_an_older_pool_key_is_named_and_makes_no_agent_behind() -> None:
    derived = agent_api_key(SETTINGS.api_key, "abcdefghijkm")
    for key, names in (("older", ["POOL_API_KEY"]), (derived, []), ("", [])):
        stored = {**CURRENT, "POOL_API_KEY": key}
        check = KeyCheck(SETTINGS, lambda stored=stored: {"s": stored}, lambda: NOW)  # type: ignore[misc]
        assert check.names(one("d")) is None, "not known yet"
        check.refresh([one("d")])
        assert (check.names(one("d")), check.behind([one("d")])) == (names, frozenset())


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ({"BANKR_API_KEY": "old", "XMTP_ENV": "dev", "OWN": "x"}, {"XMTP_ENV"}),
        ({"EXA_API_KEY": "x", "OTHER": "y", "POOL_AGENT_KEYS": "EXA_API_KEY,GONE"}, {"EXA_API_KEY", "POOL_AGENT_KEYS"}),
        (
            {"POOL_AGENT_KEYS": "PORT, POOL_API_KEY,RAILWAY_X,PRIVATE_WALLET_KEY,OPENROUTER_API_KEY"},
            {"POOL_AGENT_KEYS"},
        ),
    ],
)
def test_what_is_taken_from_an_agent_and_what_never(stored: dict[str, str], expected: set[str]) -> None:
    stored = {**CURRENT, "RAILWAY_X": "x", "OPENROUTER_API_KEY": "made", "AGENTMAIL_INBOX_ID": "made", **stored}
    check = KeyCheck(SETTINGS, lambda: {"s": stored}, lambda: NOW)
    assert check.removed(one("d")) == set(), "nothing is known yet"
    check.refresh([one("d")])
    assert check.removed(one("d")) == expected
    patch = of_agents.image_patch({"s": ("i", "k"), "t": ("i", "k")}, SETTINGS, {"s": check.removed(one("d"))})
    found = patch["services"]["s"]["variables"]
    assert {name for name, entry in found.items() if entry is None} == expected
    assert None not in patch["services"]["t"]["variables"].values()


def test_railway_is_asked_once_a_deployment_and_again_only_while_its_reads_may_lag() -> None:
    asked: list[dict[str, str]] = []
    answers: dict[str, dict[str, str] | None] = {"now": {**CURRENT, "BANKR_API_KEY": "old"}}

    def stored() -> dict[str, dict[str, str]]:
        found = answers["now"]
        if found is None:
            raise RailwayCallError("agentConfig", "no answer")
        asked.append(found)
        return {"s": found}

    check = KeyCheck(SETTINGS, stored, lambda: NOW)
    for _ in range(3):
        check.refresh([one("d")])
    assert len(asked) == 1, "an old deployment's difference is final"
    for _ in range(3):
        check.refresh([one("e", LAG_SECONDS - 1)])
    assert len(asked) == 4
    answers["now"] = None
    check.refresh([one("e", LAG_SECONDS - 1)])
    assert check.behind([one("e")]), "what was seen stays while Railway does not answer"
    answers["now"] = CURRENT
    for _ in range(3):
        check.refresh([one("e", LAG_SECONDS - 1)])
    assert len(asked) == 5
    assert check.behind([one("e")]) == set()
