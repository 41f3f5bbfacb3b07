"""What a stack costs, as an estimate: the sum is that of its rows, whatever the config says, and says what it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convos_infra.errors import InfraError
from ops.cost.command import lines, main
from ops.cost.estimate import estimate, in_short
from ops.cost.prices import RAILWAY
from ops.plan.plan_rows import plan_rows
from tests.workflows.test_plan_text import NOW, PLAN

AGENT = 0.05 * RAILWAY.vcpu + 0.5 * RAILWAY.memory + RAILWAY.volume


def test_a_plain_stack_has_its_idle_agents_a_canary_a_pool_manager_and_a_database() -> None:
    found = estimate({})
    assert [(row.subject, row.count) for row in found.rows] == [
        *(("idle agents", 3), ("canary", 1), ("pool manager", 1), ("databases", 1)),
    ]
    assert found.agent == pytest.approx(AGENT)
    assert found.agent_at_most == pytest.approx(4 * RAILWAY.vcpu + 8 * RAILWAY.memory + RAILWAY.volume)


@pytest.mark.parametrize(
    ("config", "kinds"),
    [
        ({"manageCanary": False}, ["idle agents", "pool manager", "databases"]),
        ({"manageDatabase": "false"}, ["idle agents", "canary", "pool manager"]),
        ({"databaseUrl": {"secure": "x"}}, ["idle agents", "canary", "pool manager"]),
        ({"databaseUrl": "x", "databases": {"redis": {}}}, ["idle agents", "canary", "pool manager", "databases"]),
    ],
)
def test_what_the_stack_does_not_have_is_not_counted(config: dict[str, Any], kinds: list[str]) -> None:
    assert [row.subject for row in estimate(config).rows] == kinds


@given(
    idle=st.integers(0, 1000),
    agents=st.none() | st.integers(0, 100_000),
    databases=st.integers(0, 50),
    limits=st.fixed_dictionaries({}, optional={"POOL_AGENT_VCPUS": st.integers(1, 32).map(str)}),
)
def test_the_total_is_the_sum_and_grows_by_each_agent(
    idle: int, agents: int | None, databases: int, limits: dict[str, str]
) -> None:
    config = {"poolMinIdle": str(idle), "keys": limits, "databases": {f"d{n}": {} for n in range(databases)}}
    found = estimate(config, agents)
    assert found.total == pytest.approx(sum(row.count * row.each for row in found.rows))
    counted = idle if agents is None else agents
    assert estimate(config, counted + 1).total == pytest.approx(found.total + found.agent)
    assert found.agent_at_most > found.agent
    text = "\n".join(lines("dev", found))
    for said in ("estimate", RAILWAY.read, RAILWAY.source, f"{found.total:.2f}"):
        assert said in text
    assert RAILWAY.source in in_short(found)
    assert "estimate" in in_short(found)


@pytest.mark.parametrize("value", ["many", "-1", "nan", "inf", "1e999"])
def test_a_number_that_is_none_is_named(value: str) -> None:
    with pytest.raises(InfraError, match="poolMinIdle: .* is not a number of at least 0"):
        estimate({"poolMinIdle": value})


def test_the_plan_ends_with_it_and_an_empty_plan_does_not() -> None:
    from dataclasses import replace

    from ops.plan.update_plan import UpdatePlan

    found = estimate({})
    rows = [row for row in plan_rows(replace(PLAN, cost=found), NOW) if row.label == "cost"]
    assert [row.text for row in rows] == [in_short(found)]
    assert plan_rows(UpdatePlan("dev", cost=found), NOW) == []
    assert replace(PLAN, cost=found).document()["cost"]["pricesRead"] == RAILWAY.read


def test_the_command_prints_it_for_people_and_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--stack", "scaling", "--agents", "1000"]) == 0
    assert "1000 x" in capsys.readouterr().out
    assert main(["--stack", "scaling", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["count"] == 3
