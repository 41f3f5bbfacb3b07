"""Deployments: made, repeated, logged."""

from __future__ import annotations

from typing import Any

from ops.conformance import documents
from ops.conformance.sandbox import IMAGE, Sandbox
from ops.conformance.scenario import Scenario
from railway_api import documents as sent

_TRIES = 5


def _here(stage: Sandbox, service_id: str) -> dict[str, str]:
    return {"environmentId": stage.environment_id, "serviceId": service_id}


def _each_deploys(stage: Sandbox) -> int:
    id_ = stage.running("deployed-twice")
    first = stage.ask(sent.DEPLOY, **_here(stage, id_))["serviceInstanceDeployV2"]
    stage.settled(id_)
    second = stage.ask(sent.DEPLOY, **_here(stage, id_))["serviceInstanceDeployV2"]
    stage.settled(id_)
    return len({first, second})


def _never_deployed(stage: Sandbox) -> str:
    return stage.refused(documents.REDEPLOY, **_here(stage, stage.service("never-ran")))


def _replays(stage: Sandbox) -> list[str]:
    id_ = stage.running("replayed")
    stage.configure(id_, {"source": {"image": IMAGE.replace("v1.10", "v1.11")}}, skip=True)
    stage.ask(documents.REDEPLOY, **_here(stage, id_))
    stage.settled(id_)
    return [str(row["meta"].get("image")) for row in stage.deployments(id_)]


def _in_flight(stage: Sandbox) -> str:
    id_ = stage.running("in-flight")
    # The first deployment may end before it is asked for another one.
    for _ in range(_TRIES):
        stage.ask(sent.DEPLOY, **_here(stage, id_))
        said = stage.refused(documents.REDEPLOY, **_here(stage, id_))
        stage.settled(id_)
        if said != "accepted":
            return said.partition(",")[0]
    return "accepted"


def _snapshot(stage: Sandbox) -> list[Any]:
    id_ = stage.running("snapshot", variables={"A": {"value": "1"}})
    deployment = stage.deployments(id_)[0]["id"]
    found = stage.ask(documents.SNAPSHOT_VARIABLES, id=deployment)["deploymentSnapshot"]["variables"]
    return [found.get("A"), any(name.startswith("RAILWAY_") for name in found)]


def _meta(stage: Sandbox) -> list[Any]:
    id_ = stage.running("meta", deploy={"startCommand": "/whoami"})
    meta = stage.deployments(id_)[0]["meta"]
    deploy = (meta.get("serviceManifest") or {}).get("deploy") or {}
    return [meta.get("image"), deploy.get("startCommand"), bool(deploy.get("multiRegionConfig"))]


def _status(stage: Sandbox) -> list[Any]:
    id_ = stage.running("status")
    row = stage.deployments(id_)[0]
    same = stage.ask(sent.deployments(1), d0=row["id"])["d0"]["status"]
    return [row["status"], same]


def _logs(stage: Sandbox) -> bool:
    id_ = stage.running("logs")
    deployment = stage.deployments(id_)[0]["id"]
    stage.ask(sent.BUILD_LOGS, id=deployment, limit=1)
    return len(stage.ask(sent.DEPLOYMENT_LOGS, id=deployment, limit=1)["deploymentLogs"]) <= 2


def _whole(stage: Sandbox) -> bool:
    id_ = stage.running("whole")
    deployment = stage.deployments(id_)[0]["id"]
    snapshot = stage.ask(sent.SNAPSHOT, environmentId=stage.environment_id, projectId=stage.project_id)
    given = {
        "d0": deployment,
        "s0": id_,
        "v0": id_,
        "environmentId": stage.environment_id,
        "projectId": stage.project_id,
    }
    details = stage.ask(sent.details(1, 1, 1), **given)
    rows = [edge["node"] for edge in snapshot["environment"]["serviceInstances"]["edges"]]
    return id_ in {row["serviceId"] for row in rows} and sorted(details) == ["d0", "s0", "v0"]


def _told_first(stage: Sandbox) -> str:
    id_ = stage.running("subscribed")
    event = stage.ask(documents.DEPLOYMENT_UPDATES, id=stage.deployments(id_)[0]["id"])
    return str(event["deployment"]["status"])


def _lines(stage: Sandbox) -> list[bool]:
    id_ = stage.running("lines-of-a-log")
    lines = stage.ask(documents.LOG_LINES, id=stage.deployments(id_)[0]["id"], limit=1)["deploymentLogs"]
    # One more than asked for may come, as from the query (fact: log-limit-plus-one).
    return [1 <= len(lines) <= 2, bool(lines[0]["message"])]


def _subscribed_by(stage: Sandbox) -> list[str]:
    id_ = stage.running("subscribed-by")
    deployment = stage.deployments(id_)[0]["id"]
    callers = (stage.callers.account, stage.callers.project, stage.callers.nobody)
    return [stage.refused(documents.DEPLOYMENT_UPDATES, caller, id=deployment) for caller in callers]


SCENARIOS = (
    Scenario("each-deploy-is-one-more", ("deploy-v2-stored",), _each_deploys, 2, deployments=3),
    Scenario(
        "redeploy-what-never-ran",
        ("redeploy-needs-snapshot",),
        _never_deployed,
        "Cannot redeploy without a snapshot",
    ),
    Scenario("redeploy-repeats-the-old", ("redeploy-replays",), _replays, [IMAGE, IMAGE], deployments=2),
    Scenario(
        "redeploy-under-way", ("redeploy-in-flight",), _in_flight, "Cannot redeploy yet", deployments=1 + 2 * _TRIES
    ),
    Scenario("snapshot-of-a-deployment", ("snapshot-variables",), _snapshot, ["1", False], deployments=1),
    Scenario("meta-of-a-deployment", ("deployment-meta",), _meta, [IMAGE, "/whoami", True], deployments=1),
    Scenario("status-of-a-deployment", ("deployment-status",), _status, ["SUCCESS", "SUCCESS"], deployments=1),
    Scenario("limit-of-logs", ("log-limit-plus-one",), _logs, expected=True, deployments=1),
    Scenario("subscription-to-a-deployment", ("subscription-begins",), _told_first, "SUCCESS", deployments=1),
    Scenario("subscription-to-a-log", ("logs-in-arrays",), _lines, [True, True], deployments=1),
    Scenario(
        "subscription-by-each-credential",
        ("subscription-credential",),
        _subscribed_by,
        ["accepted", "accepted", "Not Authorized"],
        deployments=1,
    ),
    Scenario("environment-as-a-whole", ("read-lag",), _whole, expected=True, deployments=1),
)
