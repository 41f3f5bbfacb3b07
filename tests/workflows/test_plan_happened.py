"""What an update did, told from two states: as announced, not announced, or announced and not done."""

from __future__ import annotations

from typing import Any

from ops.plan.happened import RecordedService, happened_rows, happened_title, outcomes, services_of
from ops.plan.plan_rows import Mark
from ops.plan.update_plan import Fate, ServicePlan, UpdatePlan


def state(**services: tuple[str, str]) -> dict[str, Any]:
    """Return a state with services as name=(deployment, status)."""
    rows: list[dict[str, Any]] = [{"type": "pulumi:pulumi:Stack"}, {"type": "convos:index:Canary", "outputs": None}]
    for name, (id_, status) in services.items():
        instance = {"service": name, "deploymentId": id_, "variables": {"KEY": "a-secret"}}
        rows.append({"type": "pulumi-python:dynamic/railway:ServiceInstance", "outputs": instance})
        if status:
            wait = {"deployed": {name: {"id": id_, "status": status, "url": "a-secret"}}}
            rows.append({"type": "pulumi-python:dynamic/railway:Deployment", "outputs": wait})
    return {"version": 3, "deployment": {"resources": rows}}


BEFORE = state(canary=("1", "SUCCESS"), pool=("1", "SUCCESS"), db=("1", "SUCCESS"), gone=("1", "SUCCESS"))
AFTER = state(canary=("2", "CRASHED"), pool=("1", "SUCCESS"), db=("2", ""), new=("1", "SUCCESS"))
PLAN = UpdatePlan(
    "dev",
    services=(
        ServicePlan("new", Fate.NEW, 1, 1),
        ServicePlan("canary", Fate.CHANGED, 1, 1),
        ServicePlan("pool", Fate.CHANGED, 1, 1),
        ServicePlan("stored", Fate.CHANGED, 0, 0),
        ServicePlan("gone", Fate.DELETED),
    ),
)


def test_each_service_is_told_in_the_order_of_the_plan() -> None:
    found = outcomes(PLAN, services_of(BEFORE), services_of(AFTER))
    assert [(row.label, row.text, row.mark) for row in happened_rows(found)] == [
        ("services", "new: deployed as announced, SUCCESS", Mark.NEW),
        ("", "canary: deployed as announced, CRASHED", Mark.LOST),
        ("", "pool: announced and not deployed; its deployment before is SUCCESS", Mark.LOST),
        ("", "db: deployed, which was not announced", Mark.LOST),
    ]
    assert happened_title(PLAN, found, 41.2) == "2 of 3 announced deployments, 41 s"


def waited(found: dict[str, Any], id_: str) -> dict[str, Any]:
    """Return a state whose last wait was for another deployment than the one that the last change made."""
    next(iter(found["deployment"]["resources"][-1]["outputs"]["deployed"].values()))["id"] = id_
    return found


def told(before: dict[str, Any], after: dict[str, Any], *failed: str) -> list[tuple[str, Mark]]:
    plan = UpdatePlan("dev", services=(ServicePlan("canary", Fate.CHANGED, 1, 1),))
    return [
        (row.text, row.mark) for row in happened_rows(outcomes(plan, services_of(before), services_of(after), failed))
    ]


def test_a_wait_that_failed_says_nothing_of_the_new_deployment() -> None:
    before, after = state(canary=("1", "SUCCESS")), waited(state(canary=("2", "SUCCESS")), "1")
    assert told(before, after, "canary") == [("canary: deployed as announced, failed", Mark.LOST)]
    assert told(before, after) == [("canary: deployed as announced", Mark.NEW)]
    assert told(before, before, "canary") == [
        ("canary: announced and not deployed; its deployment before is SUCCESS", Mark.LOST)
    ]


def test_a_deployment_that_is_repeated_is_one() -> None:
    before, after = waited(state(canary=("2", "SUCCESS")), "1"), waited(state(canary=("2", "SUCCESS")), "3")
    assert told(before, after) == [("canary: deployed as announced, SUCCESS", Mark.NEW)]
    # The next change makes one by itself again.
    assert told(after, state(canary=("4", "SUCCESS"))) == [("canary: deployed as announced, SUCCESS", Mark.NEW)]


def test_an_update_without_a_change_has_no_rows() -> None:
    assert outcomes(UpdatePlan("dev"), services_of(BEFORE), services_of(BEFORE)) == []
    assert services_of({"version": 3, "deployment": None}) == services_of({}) == {}
    assert services_of(AFTER)["canary"] == RecordedService("2", "CRASHED", "2")
