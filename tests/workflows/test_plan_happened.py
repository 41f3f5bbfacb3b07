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


def test_a_wait_that_failed_says_nothing_of_the_new_deployment() -> None:
    after = state(canary=("2", "SUCCESS"))
    after["deployment"]["resources"][-1]["outputs"]["deployed"]["canary"]["id"] = "1"
    assert services_of(after) == {"canary": RecordedService("2", "")}
    found = outcomes(PLAN, services_of(BEFORE), services_of(after), {"canary", "pool"})
    told = [(row.text, row.mark) for row in happened_rows(found)]
    assert ("canary: deployed as announced, failed", Mark.LOST) in told
    assert "pool: announced and not deployed" in [text for text, _ in told]


def test_an_update_without_a_change_has_no_rows() -> None:
    assert outcomes(UpdatePlan("dev"), services_of(BEFORE), services_of(BEFORE)) == []
    assert services_of({"version": 3, "deployment": None}) == services_of({}) == {}
    assert services_of(AFTER)["canary"] == RecordedService("2", "CRASHED")
