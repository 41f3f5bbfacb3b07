"""Deployments: made, repeated, logged."""

from __future__ import annotations

from typing import Any

from ops.conformance import documents
from ops.conformance.sandbox import IMAGE, Sandbox
from ops.conformance.scenario import Scenario
from railway_api import documents as sent

_TRIES = 5


def _here(sandbox: Sandbox, service_id: str) -> dict[str, str]:
    return {"environmentId": sandbox.environment_id, "serviceId": service_id}


def _each_deploys(sandbox: Sandbox) -> int:
    id_ = sandbox.running("deployed-twice")
    first = sandbox.ask(sent.DEPLOY, **_here(sandbox, id_))["serviceInstanceDeployV2"]
    sandbox.settled(id_)
    second = sandbox.ask(sent.DEPLOY, **_here(sandbox, id_))["serviceInstanceDeployV2"]
    sandbox.settled(id_)
    return len({first, second})


def _never_deployed(sandbox: Sandbox) -> str:
    return sandbox.refused(documents.REDEPLOY, **_here(sandbox, sandbox.service("never-ran")))


def _replays(sandbox: Sandbox) -> list[str]:
    id_ = sandbox.running("replayed")
    sandbox.configure(id_, {"source": {"image": IMAGE.replace("v1.10", "v1.11")}}, skip=True)
    sandbox.ask(documents.REDEPLOY, **_here(sandbox, id_))
    sandbox.settled(id_)
    return [str(row["meta"].get("image")) for row in sandbox.deployments(id_)]


def _in_flight(sandbox: Sandbox) -> str:
    id_ = sandbox.running("in-flight")
    # The first deployment may end before it is asked for another one.
    for _ in range(_TRIES):
        sandbox.ask(sent.DEPLOY, **_here(sandbox, id_))
        said = sandbox.refused(documents.REDEPLOY, **_here(sandbox, id_))
        sandbox.settled(id_)
        if said != "accepted":
            return said.partition(",")[0]
    return "accepted"


def _snapshot(sandbox: Sandbox) -> list[Any]:
    id_ = sandbox.running("snapshot", variables={"A": {"value": "1"}})
    deployment = sandbox.deployments(id_)[0]["id"]
    found = sandbox.ask(documents.SNAPSHOT_VARIABLES, id=deployment)["deploymentSnapshot"]["variables"]
    return [found.get("A"), any(name.startswith("RAILWAY_") for name in found)]


def _meta(sandbox: Sandbox) -> list[Any]:
    id_ = sandbox.running("meta", deploy={"startCommand": "/whoami"})
    meta = sandbox.deployments(id_)[0]["meta"]
    deploy = (meta.get("serviceManifest") or {}).get("deploy") or {}
    return [meta.get("image"), deploy.get("startCommand"), bool(deploy.get("multiRegionConfig"))]


def _status(sandbox: Sandbox) -> list[Any]:
    id_ = sandbox.running("status")
    row = sandbox.deployments(id_)[0]
    same = sandbox.ask(sent.deployments(1), d0=row["id"])["d0"]["status"]
    return [row["status"], same]


def _logs(sandbox: Sandbox) -> bool:
    id_ = sandbox.running("logs")
    deployment = sandbox.deployments(id_)[0]["id"]
    sandbox.ask(sent.BUILD_LOGS, id=deployment, limit=1)
    return len(sandbox.ask(sent.DEPLOYMENT_LOGS, id=deployment, limit=1)["deploymentLogs"]) <= 2


def _whole(sandbox: Sandbox) -> bool:
    id_ = sandbox.running("whole")
    deployment = sandbox.deployments(id_)[0]["id"]
    snapshot = sandbox.ask(sent.SNAPSHOT, environmentId=sandbox.environment_id, projectId=sandbox.project_id)
    given = {
        "d0": deployment,
        "s0": id_,
        "v0": id_,
        "environmentId": sandbox.environment_id,
        "projectId": sandbox.project_id,
    }
    details = sandbox.ask(sent.details(1, 1, 1), **given)
    rows = [edge["node"] for edge in snapshot["environment"]["serviceInstances"]["edges"]]
    return id_ in {row["serviceId"] for row in rows} and sorted(details) == ["d0", "s0", "v0"]


def _told_first(sandbox: Sandbox) -> str:
    id_ = sandbox.running("subscribed")
    event = sandbox.ask(documents.DEPLOYMENT_UPDATES, id=sandbox.deployments(id_)[0]["id"])
    return str(event["deployment"]["status"])


def _lines(sandbox: Sandbox) -> list[bool]:
    id_ = sandbox.running("lines-of-a-log")
    lines = sandbox.ask(documents.LOG_LINES, id=sandbox.deployments(id_)[0]["id"], limit=1)["deploymentLogs"]
    # One more than asked for may come, as from the query (fact: log-limit-plus-one).
    return [1 <= len(lines) <= 2, bool(lines[0]["message"])]


def _subscribed_by(sandbox: Sandbox) -> list[str]:
    id_ = sandbox.running("subscribed-by")
    deployment = sandbox.deployments(id_)[0]["id"]
    callers = (sandbox.callers.account, sandbox.callers.project, sandbox.callers.nobody)
    return [sandbox.refused(documents.DEPLOYMENT_UPDATES, caller, id=deployment) for caller in callers]


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
