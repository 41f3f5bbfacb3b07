"""`make status` over the table of states: what it says of each is the truth, and agrees with the emulator's store."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from ops.status import compare, railway_now, recorded, source
from ops.status.finding import Finding, Kind, Severity
from ops.status.railway_now import RailwayNow
from railway_api.client import Client
from tests.emulator.fix_emulator import EmulatorError
from tests.railway.fix_resources import QUICK, Runs
from tests.railway.small_stack import SmallStack, scene_of, two_services
from tests.railway.states import STATES, Says, Scene, State

NOT_YET = frozenset({"deployed with an empty reference, name given back"})
"""States of which status cannot tell the truth before what runs is compared with what its references give now."""
SAYS = {
    None: Says.FINE,
    Severity.INFORMATION: Says.INFORMATION,
    Severity.DRIFT: Says.DRIFT,
    Severity.DEAD: Says.DEAD,
}
ALIVE = ("SUCCESS", "SLEEPING")


@pytest.fixture
def stack(runs: Runs) -> Iterator[SmallStack]:
    made = SmallStack(runs, two_services(f"s-{uuid.uuid4().hex[:12]}"))
    made.up()
    project = made.state["project"].id
    yield made
    with contextlib.suppress(EmulatorError):
        runs.emulator.run("mutation d($id: String!) { projectDelete(id: $id) }", id=project)


def state_of(stack: SmallStack) -> dict[str, Any]:
    """Return the state as `pulumi stack export --show-secrets` has it."""
    rows = []
    for name, made in stack.state.items():
        kind = made.provider.__name__.removesuffix("Provider")
        type_ = f"pulumi-python:dynamic/railway:{kind}"
        rows.append({"type": type_, "urn": f"urn:pulumi:s::p::{type_}::{name}", "id": made.id, "outputs": made.outputs})
    return {"deployment": {"manifest": {"time": "2026-01-01T00:00:00Z"}, "resources": rows}}


def look(stack: SmallStack) -> tuple[RailwayNow, list[Finding]]:
    """Read and compare, as `make status` does."""
    emulator = stack.runs.emulator
    left = recorded.parsed(state_of(stack))
    now = railway_now.read(Client(emulator.endpoint, emulator.token, timing=QUICK), left)
    return now, compare.compare(left, now, source.now())


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(state, id=state.name, marks=[pytest.mark.xfail(strict=True)] if state.name in NOT_YET else [])
        for state in STATES
    ],
)
def test_status_says_the_truth_of_every_state(stack: SmallStack, state: State) -> None:
    state.make(scene_of(stack))
    stack.runs.emulator.forget_calls()
    _, findings = look(stack)
    calls = stack.runs.emulator.calls()
    worst = max((one.severity for one in findings), default=None)
    assert SAYS[worst] is state.says, findings
    assert {call["type"] for call in calls} == {"query"}
    assert len(calls) <= (4 if state.says is Says.DEAD else 2)
