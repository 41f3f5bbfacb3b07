"""The resolvers of deployments, their logs and their snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ariadne import MutationType, QueryType

from emulator.api.request import Info, Request, connection, request_of
from emulator.api.views import View, deployment_view
from emulator.config import has_source
from emulator.deployments import UNDER_WAY
from emulator.errors import Refusal, not_found
from emulator.log_query import LINES, MOST_LINES, LogWindow, log_filter, moment

if TYPE_CHECKING:
    from emulator.store import Document

query = QueryType()
mutation = MutationType()


def deployment_of(request: Request, id_: str) -> Document:
    """Return a deployment of an environment that is not deleted, or refuse."""
    return request.of_environment("deployment", id_)[0]


@query.field("deployment")
def deployment(_: object, info: Info, id: str) -> View:
    """Return a deployment."""
    request = request_of(info)
    return deployment_view(request, deployment_of(request, id))


@query.field("deployments")
def deployments(_: object, info: Info, input: Document, **page: Any) -> View:
    """List deployments, newest first."""
    request = request_of(info)
    if input.get("environmentId"):
        request.environment(input["environmentId"])
    else:
        request.project(input.get("projectId"))
    wanted = {key: input[key] for key in ("projectId", "environmentId", "serviceId") if input.get(key) is not None}
    status = input.get("status") or {}
    rows = request.store.all("deployment", lambda row: wanted.items() <= row.items())
    rows = [
        row
        for row in rows
        if (not status.get("in") or row["status"] in status["in"])
        and (not status.get("notIn") or row["status"] not in status["notIn"])
    ]
    return connection(rows[::-1], page, lambda row: deployment_view(request, row))


@query.field("deploymentEvents")
def deployment_events(_: object, info: Info, id: str, **page: Any) -> View:
    """Return the events of a deployment, of which the emulator has none."""
    deployment_of(request_of(info), id)
    return connection([], page)


@query.field("deploymentSnapshot")
def deployment_snapshot(_: object, info: Info, deploymentId: str) -> View:
    """Return the variables that a deployment runs with, without RAILWAY_* (fact: snapshot-variables).

    Sealed variables have no value here either (fact: sealed-stays).
    """
    found = deployment_of(request_of(info), deploymentId)
    own = found["snapshot"].get("variables", {})
    return {
        "id": found["snapshotId"],
        "createdAt": found["createdAt"],
        "updatedAt": found["createdAt"],
        "variables": {
            name: None if own[name].get("isSealed") else value
            for name, value in found["variables"].items()
            if name in own
        },
    }


def deployments_here(request: Request, environment_id: str) -> list[Document]:
    """Return the deployments of an environment that is not deleted, or refuse."""
    request.environment(environment_id)
    return request.store.all("deployment", lambda row: row["environmentId"] == environment_id)


@query.field("environmentLogs")
def environment_logs(
    _: object,
    info: Info,
    environmentId: str,
    filter: str | None = None,
    beforeLimit: int | None = None,
    beforeDate: str | None = None,
    anchorDate: str | None = None,
    afterDate: str | None = None,
    afterLimit: int | None = None,
) -> list[View]:
    """Return lines of all deployments of an environment around the anchor, oldest first."""
    rows = deployments_here(request_of(info), environmentId)
    window = LogWindow(
        moment(beforeDate) if beforeDate else None,
        moment(anchorDate) if anchorDate else datetime.now(UTC),
        moment(afterDate) if afterDate else None,
        bounded(beforeLimit),
        bounded(afterLimit),
    )
    lines = [line for row in rows for _, line in lines_of(request_of(info), row, filter)]
    return window.of(sorted(((moment(str(line["timestamp"])), line) for line in lines), key=lambda one: one[0]))


@query.field("buildLogs")
@query.field("deploymentLogs")
def logs(
    _: object,
    info: Info,
    deploymentId: str,
    limit: int | None = None,
    filter: str | None = None,
    startDate: str | None = None,
    endDate: str | None = None,
) -> list[View]:
    """Return the last lines, one more than requested (fact: log-limit-plus-one)."""
    request = request_of(info)
    found = deployment_of(request, deploymentId)
    oldest, newest = (moment(date) if date else None for date in (startDate, endDate))
    window = LogWindow(oldest, newest or datetime.now(UTC), newest, bounded(limit) + 1, 0)
    return window.of((moment(str(line["timestamp"])), line) for _, line in lines_of(request, found, filter))


def bounded(limit: int | None) -> int:
    """Return how many lines are requested, within the limits."""
    return LINES if limit is None else max(0, min(limit, MOST_LINES))


def lines_of(request: Request, deployment: Document, filter_: str | None, since: int = 0) -> Iterator[tuple[int, View]]:
    """Yield the lines of a deployment that match a filter, each with its number.

    Args:
        request: the caller's request.
        deployment: the deployment.
        filter_: the filter; None or empty for all lines.
        since: the number of the first line.
    """
    request.world.deployments.container_logs.collect(deployment)
    since = min(since, len(deployment["logs"]))
    fits = log_filter(filter_)
    tags = {name: deployment[name] for name in ("serviceId", "environmentId")} | {"deploymentId": deployment["id"]}
    of = {
        "service": deployment["serviceId"],
        "deployment": deployment["id"],
        "snapshot": deployment["snapshotId"],
        "replica": f"{deployment['id']}:0",
    }
    for number, line in enumerate(deployment["logs"][since:], since):
        if fits(str(line["message"]), {**of, "level": str(line["severity"])}):
            yield number, {**line, "attributes": [], "tags": tags}


@mutation.field("serviceInstanceDeployV2")
def service_instance_deploy_v2(
    _: object, info: Info, serviceId: str, environmentId: str, commitSha: str | None = None
) -> str:
    """Deploy the stored config; each call creates a deployment (fact: deploy-v2-stored)."""
    request = request_of(info)
    request.instance(environmentId, serviceId)
    return request.world.deployments.start(environmentId, serviceId, "deploy")


@mutation.field("serviceInstanceDeploy")
def service_instance_deploy(
    _: object,
    info: Info,
    serviceId: str,
    environmentId: str,
    commitSha: str | None = None,
    latestCommit: bool | None = None,
) -> bool:
    """Deploy the stored config."""
    return bool(service_instance_deploy_v2(_, info, serviceId, environmentId, commitSha))


@mutation.field("serviceInstanceRedeploy")
def service_instance_redeploy(_: object, info: Info, serviceId: str, environmentId: str) -> bool:
    """Repeat the newest deployment with its image and variables, not with the stored ones (fact: redeploy-replays)."""
    request = request_of(info)
    environment = request.environment(environmentId)
    known = request.world.deployments.of(environmentId, serviceId)
    # Railway's message (fact: redeploy-needs-snapshot).
    if not known or not has_source(environment["config"].get("services", {}).get(serviceId) or {}):
        raise Refusal("Cannot redeploy without a snapshot")
    _check_settled(known)
    request.world.deployments.start(environmentId, serviceId, "redeploy", replay=known[-1])
    return True


def _check_settled(deployments: list[Document]) -> None:
    """Refuse to repeat a deployment while one is under way (fact: redeploy-in-flight)."""
    if any(row["status"] in UNDER_WAY for row in deployments):
        raise Refusal("Cannot redeploy yet, please wait for the original deployment to finish building")


@mutation.field("deploymentRedeploy")
def deployment_redeploy(_: object, info: Info, id: str, usePreviousImageTag: bool | None = None) -> View:
    """Repeat a deployment with its image and variables."""
    request = request_of(info)
    found = deployment_of(request, id)
    _check_settled(request.world.deployments.of(found["environmentId"], found["serviceId"]))
    made = request.world.deployments.start(found["environmentId"], found["serviceId"], "redeploy", replay=found)
    return deployment_view(request, deployment_of(request, made))


@mutation.field("deploymentRollback")
def deployment_rollback(_: object, info: Info, id: str) -> bool:
    """Deploy the image and variables of an earlier deployment."""
    return bool(deployment_redeploy(_, info, id))


@mutation.field("deploymentRestart")
def deployment_restart(_: object, info: Info, id: str) -> bool:
    """Accept a restart, which does nothing here."""
    return bool(deployment_of(request_of(info), id))


@mutation.field("deploymentStop")
@mutation.field("deploymentCancel")
@mutation.field("deploymentRemove")
def deployment_remove(_: object, info: Info, id: str) -> bool:
    """End a deployment."""
    request = request_of(info)
    found = deployment_of(request, id)
    if found["status"] == "REMOVED":
        raise not_found("Deployment")
    request.world.deployments.stop(found)
    return True


@mutation.field("deploymentApprove")
def deployment_approve(_: object, info: Info, id: str) -> bool:
    """Approve a deployment; on Railway, only commits of strangers wait for that, and here nothing does."""
    if deployment_of(request_of(info), id)["status"] != "NEEDS_APPROVAL":
        raise Refusal("Deployment does not need approval")
    return True


@query.field("regions")
def regions(_: object, info: Info, projectId: str | None = None) -> list[View]:
    """Return Railway's regions."""
    names = {
        "us-west2": "US West",
        "us-east4-eqdc4a": "US East",
        "europe-west4-drams3a": "EU West",
        "asia-southeast1-eqsg3a": "Southeast Asia",
    }
    return [{"name": name, "location": place, "country": place[:2], "region": name} for name, place in names.items()]
