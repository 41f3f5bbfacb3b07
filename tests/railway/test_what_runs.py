"""What runs, as the pure functions say it: over the table of states, and over rows that nobody makes by hand."""

from __future__ import annotations

from typing import Any

import pytest

from convos_infra.railway.deployment import DeploymentState
from convos_infra.railway.idle import is_running
from convos_infra.railway.inventory import inventory
from convos_infra.railway.live_change import running_of
from convos_infra.railway.running import Condition, assess, condition_of
from convos_infra.railway.session import Session
from convos_infra.railway.snapshots import Snapshots
from railway_api.client import Client
from tests.railway.fix_resources import IMAGE, OTHER_IMAGE, QUICK
from tests.railway.small_stack import SmallStack, scene_of
from tests.railway.states import STATES, Says, State

CONDITIONS = {
    "skipped, nothing runs": Condition.SKIPPED,
    "crashed": Condition.CRASHED,
    "crashed, and stored only": Condition.CRASHED,
    "failed, the one before runs": Condition.FAILED,
    "failed, nothing runs": Condition.FAILED,
    "removed": Condition.REMOVED,
    "never deployed": Condition.NEVER_DEPLOYED,
    "still under way": Condition.UNDER_WAY,
    "sleeping": Condition.SLEEPS,
    "exited with 0": Condition.STOPPED,
    "failed, the one before exited with 0": Condition.FAILED,
    "skipped, the one before exited with 0": Condition.SKIPPED,
}
RENAMED = ("renamed", "the service it refers to renamed", "deployed with an empty reference")
GONE = ("service gone", "service instance gone", "environment gone")


@pytest.mark.parametrize("state", [state for state in STATES if state.name not in GONE], ids=lambda state: state.name)
def test_what_runs_and_what_is_beside_it_is_told_as_the_emulator_has_it(stack: SmallStack, state: State) -> None:
    runs, scene = stack.runs, scene_of(stack)
    service_id = scene.service_id
    state.make(scene)
    client = Client(runs.emulator.endpoint, runs.emulator.token, timing=QUICK)
    session = Session(client, Snapshots(client))
    runs.emulator.forget_calls()
    snapshot = session.snapshots.read(scene.project_id, scene.environment_id, subject="test")
    recorded = stack.state["web-instance"].outputs
    found = running_of(session, recorded, snapshot)
    assert len(runs.emulator.calls()) <= 2
    assert found.condition is CONDITIONS.get(state.name, Condition.SERVES)
    active = [
        row["id"]
        for row in scene.truth()["deployment"]
        if row["serviceId"] == service_id and row["status"] in ("SUCCESS", "SLEEPING") and not row.get("stopped")
    ]
    assert [found.serving.id] == active if found.serving is not None else active == []
    stored_only = state.name in ("theirs stored only", "ours and theirs stored only")
    assert found.others == (("THEIRS",) if stored_only else ())
    ours = {stack.state[name].id: name for name in ("web", "db")}
    beside = inventory(snapshot, ours, [stack.state["volume"].id])
    assert [row.live for row in beside.renamed] == (["renamed-by-them"] if state.name in RENAMED else [])
    strangers = [(row.name, row.condition) for row in beside.strangers]
    crashed = Condition.CRASHED if "crashed" in state.name else Condition.SERVES
    assert strangers == ([("my-tool", crashed)] if state.name.startswith("a stranger's service") else [])
    assert bool(beside.volumes) is (state.name == "a stranger's volume")
    assert bool(beside.pending) is (state.name == "volume pending deletion")
    assert beside.missing == ()
    if state.says is Says.DEAD and not beside.pending:
        assert found.condition.needs_deployment


def deployment(status: str, **meta: Any) -> DeploymentState:
    manifest = {"deploy": {}, "build": {}}
    return DeploymentState("d", status, meta={"image": IMAGE, "serviceManifest": manifest, **meta})


SERVES, SOURCE = deployment("SUCCESS"), {"source": {"image": IMAGE}}


@pytest.mark.parametrize(
    ("stored", "newest", "serving", "expected"),
    [
        ({}, None, None, Condition.EMPTY),
        (SOURCE, None, None, Condition.NEVER_DEPLOYED),
        (SOURCE, SERVES, SERVES, Condition.SERVES),
        (SOURCE, deployment("SKIPPED"), SERVES, Condition.SERVES),
        (SOURCE, deployment("SKIPPED"), deployment("SLEEPING"), Condition.SLEEPS),
        (SOURCE, deployment("SKIPPED"), None, Condition.SKIPPED),
        (SOURCE, deployment("FAILED"), SERVES, Condition.FAILED),
        (SOURCE, deployment("NEEDS_APPROVAL"), SERVES, Condition.UNDER_WAY),
        (SOURCE, deployment("REMOVING"), None, Condition.UNDER_WAY),
        (SOURCE, deployment("REMOVED"), None, Condition.REMOVED),
        ({**SOURCE, "deploy": {"cronSchedule": "0 * * * *"}}, deployment("REMOVED"), None, Condition.ENDED),
        ({**SOURCE, "deploy": {"cronSchedule": "0 * * * *"}}, deployment("CRASHED"), None, Condition.CRASHED),
        (SOURCE, deployment("HIBERNATING"), None, Condition.UNKNOWN),
    ],
)
def test_the_condition_follows_from_the_newest_deployment_and_the_one_that_serves(
    stored: Any, newest: DeploymentState | None, serving: DeploymentState | None, expected: Condition
) -> None:
    assert condition_of(stored, newest, serving) is expected


def test_a_status_that_is_not_known_is_never_a_reason_to_deploy() -> None:
    assert not Condition.UNKNOWN.needs_deployment
    assert not Condition.UNKNOWN.is_settled


@pytest.mark.parametrize(
    ("names", "target", "running", "certain"),
    [
        (["image"], SOURCE, {}, True),
        (["image"], {"source": {"image": OTHER_IMAGE}}, {}, False),
        (["A"], {**SOURCE, "variables": {"A": {"value": "1"}}}, {"A": "1"}, True),
        (["A"], {**SOURCE, "variables": {"A": {"value": "1"}}}, {"A": "2"}, False),
        (["A"], {**SOURCE, "variables": {"A": {"value": "1"}}}, {}, False),
        (["A"], {**SOURCE, "variables": {"A": {"value": "1"}}}, None, False),
        (["A"], SOURCE, {"A": "1"}, False),
        (["A"], SOURCE, {}, True),
        (["A"], {**SOURCE, "variables": {"A": {"isSealed": True, "value": None}}}, {"A": "1"}, False),
        (["A"], {**SOURCE, "variables": {"A": {"value": "${{x.Y}}"}}}, {"A": "y"}, False),
        (["registryCredentials"], SOURCE, {}, False),
        (["startCommand"], {**SOURCE, "deploy": {"startCommand": "x"}}, {}, False),
        (["startCommand"], SOURCE, {}, True),
        (["startCommand"], {"source": {"repo": "a/b"}}, {}, False),
        ([], SOURCE, None, True),
    ],
)
def test_it_runs_already_only_where_that_is_certain(
    names: list[str], target: Any, running: Any, *, certain: bool
) -> None:
    assert is_running(names, target, SERVES, running) is certain
    assert is_running(names, target, None, running) is (certain and not {"image", "startCommand"} & set(names))


def test_others_are_named_and_what_railway_gives_is_not_theirs() -> None:
    stored = {**SOURCE, "variables": {"A": {"value": "1"}, "NEW": {"value": "x"}}, "deploy": {"startCommand": "theirs"}}
    running = {"A": "1", "GONE": "y", "RAILWAY_PUBLIC_DOMAIN": "web.example.org"}
    found = assess({"image": IMAGE, "variables": {"A": "1"}}, stored, SERVES, SERVES, running)
    assert found.others == ("startCommand", "GONE", "NEW")
    assert found.idle == ()
    assert not found.needs_deployment


def test_what_is_under_way_is_waited_for_and_never_deployed_again() -> None:
    stored = {**SOURCE, "variables": {"A": {"value": "2"}}}
    found = assess({"image": IMAGE, "variables": {"A": "2"}}, stored, deployment("BUILDING"), SERVES, {"A": "1"})
    assert not found.needs_deployment
    assert not found.condition.is_settled
