"""Compares what Railway has and runs with what a stack's last update left: names, never values. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from convos_infra.railway.dead_end_text import problem
from convos_infra.railway.environment_config import (
    SEALED,
    VARIABLES,
    changed_fields,
    foreign_fields,
    live_variables,
)
from convos_infra.railway.inventory import inventory
from convos_infra.railway.patch_plan import UNMANAGED_FIELDS
from convos_infra.railway.pending import told
from convos_infra.railway.running import Condition, Running
from convos_infra.railway.sealing import SEALED_LEFT
from ops.status.finding import Finding, FindingKind
from ops.status.report import SUCCEEDED

if TYPE_CHECKING:
    from datetime import datetime

    from convos_infra.railway.snapshot import Snapshot
    from ops.status.railway_now import RailwayNow
    from ops.status.recorded import Recorded, Resource

SHARED = "shared variables"
Values = Mapping[str, Any]


def compare(recorded: Recorded, railway: RailwayNow, moment: datetime) -> list[Finding]:
    """Return everything that differs, the worst first.

    Args:
        recorded: what the last update left.
        railway: what is there.
        moment: the current time, to tell how long a deleted volume can still be restored.
    """
    environment = next(recorded.of("Environment"), None)
    name = str(environment.values.get("name") or "") if environment is not None else railway.environment_id
    if railway.snapshot is None:
        return [Finding(f"environment {name}", FindingKind.ENVIRONMENT_GONE)]
    found = [
        *_names(recorded, railway.snapshot),
        *_services(recorded, railway),
        *_shared(recorded, railway.snapshot),
        *_volumes(recorded, railway.snapshot, moment),
        *_networking(recorded, railway),
        *_others(recorded, railway.snapshot, environment),
    ]
    return sorted(found, key=lambda one: (-one.severity, one.subject, one.kind))


def missing_tokens(recorded: Recorded, listed: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Return the project tokens of a stack that Railway does not list any more."""
    ids = {row["id"] for row in listed}
    return [
        Finding(str(row.values["name"]), FindingKind.TOKEN_GONE)
        for row in recorded.of("ProjectToken")
        if row.id not in ids
    ]


def of_history(updates: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Return the changes that the newest refresh since the last update has recorded.

    A refresh writes changes by others into the state, so that the state no longer differs from Railway; yet the last
    update did not make them.

    Args:
        updates: the newest first.
    """
    for row in updates:
        if row["kind"] == "update" and row["result"] == SUCCEEDED:
            break
        if row["kind"] == "refresh" and row["changes"]:
            changes = tuple(f"{count} {name}" for name, count in sorted(row["changes"].items()))
            return [Finding(f"refresh of {row['at']}", FindingKind.REFRESHED, changes)]
    return []


def of_running(subject: str, running: Running) -> Iterator[Finding]:
    """Yield what is wrong with the deployments of a service."""
    status = running.newest.status if running.newest is not None else ""
    if running.condition is Condition.UNDER_WAY:
        yield Finding(subject, FindingKind.UNDER_WAY, (status,))
    elif running.condition is Condition.UNKNOWN:
        yield Finding(subject, FindingKind.UNKNOWN_STATUS, (status,))
    elif running.condition is Condition.FAILED and running.serving is not None:
        yield Finding(subject, FindingKind.NEWEST_FAILED)
    elif running.condition.needs_deployment:
        said = status if running.condition is not Condition.STOPPED else ""
        yield Finding(subject, FindingKind.NOT_SERVING, (said or str(running.condition),))
    if running.idle:
        yield Finding(subject, FindingKind.NOT_RUNNING, running.idle)
    if running.others:
        yield Finding(subject, FindingKind.OTHERS_STORED, running.others)


def _names(recorded: Recorded, snapshot: Snapshot) -> Iterator[Finding]:
    for row in recorded.of("Project"):
        if not row.values.get("projectIdToAdopt"):
            yield from _renamed(f"project {row.values['name']}", row.values, snapshot.project_name)
    for row in recorded.of("Environment"):
        if not row.values.get("environmentIdToAdopt"):
            yield from _renamed(f"environment {row.values['name']}", row.values, snapshot.name)
    for row in recorded.of("Service"):
        if row.id not in snapshot.instances:
            yield Finding(str(row.values["name"]), FindingKind.SERVICE_GONE)
        else:
            yield from _renamed(str(row.values["name"]), row.values, snapshot.project_services.get(row.id, ""))


def _renamed(subject: str, values: Values, now: str) -> Iterator[Finding]:
    if now and now != values["name"]:
        yield Finding(subject, FindingKind.RENAMED, (now,))


def _services(recorded: Recorded, railway: RailwayNow) -> Iterator[Finding]:
    said = {row.id for row in recorded.of("Service")}
    for row in recorded.of("ServiceInstance"):
        service_id, subject = str(row.values["serviceId"]), str(row.values["service"])
        running = railway.running(row)
        if running is None or railway.snapshot is None:
            if service_id not in said:
                yield Finding(subject, FindingKind.SERVICE_GONE)
            continue
        stored = railway.snapshot.service(service_id) or {}
        yield from _configuration(subject, row.values, stored)
        yield from of_running(subject, running)
        for name, given in sorted(railway.gives(service_id).items()):
            # A broken reference in a variable that the stack does not manage is not its drift.
            if given.dead_ends and name in (row.values.get(VARIABLES) or {}):
                yield Finding(subject, FindingKind.DEAD_REFERENCE, (problem(given.dead_ends[0]),))
        managed = tuple(sorted(row.values.get(VARIABLES) or {}))
        if running.serving is not None and managed and railway.given(service_id) is None:
            yield Finding(subject, FindingKind.NOT_COMPARED, managed)


def _configuration(subject: str, values: Values, stored: Values) -> Iterator[Finding]:
    changed = [*changed_fields(values, stored), *changed_variables(values, live_variables(stored))]
    if changed:
        yield Finding(subject, FindingKind.CHANGED, tuple(changed))
    fields = foreign_fields(values, stored, values.get(UNMANAGED_FIELDS) or ())
    unmanaged = [*fields, *sorted(set(live_variables(stored)) - set(values.get(VARIABLES) or {}))]
    if unmanaged:
        yield Finding(subject, FindingKind.UNMANAGED, tuple(unmanaged))


def changed_variables(values: Values, live: Mapping[str, str | None]) -> list[str]:
    """Name the variables whose stored value is not the recorded one; sealed ones cannot be read or compared."""
    sealed = {*(values.get(SEALED) or ()), *(values.get(SEALED_LEFT) or ())}
    found = []
    for name, value in (values.get(VARIABLES) or {}).items():
        if name not in live or (live[name] is None and name not in sealed) or live[name] not in (None, value):
            found.append(name)
    return sorted(found)


def _shared(recorded: Recorded, snapshot: Snapshot) -> Iterator[Finding]:
    live = live_variables({VARIABLES: snapshot.config.get("sharedVariables") or {}})
    for row in recorded.of("SharedVariables"):
        if changed := changed_variables(row.values, live):
            yield Finding(SHARED, FindingKind.CHANGED, tuple(changed))


def _volumes(recorded: Recorded, snapshot: Snapshot, moment: datetime) -> Iterator[Finding]:
    living = {row["volumeId"]: row for row in snapshot.volume_instances}
    pending = {row["volumeId"]: row for row in snapshot.pending_volumes}
    for row in recorded.of("Volume"):
        subject, live = str(row.values["service"]), living.get(row.id)
        if live is None and row.id in pending:
            yield Finding(
                subject, FindingKind.VOLUME_PENDING, (told(str(pending[row.id].get("deletedAt") or ""), moment),)
            )
        elif live is None:
            yield Finding(subject, FindingKind.VOLUME_GONE)
        elif not live.get("serviceId"):
            yield Finding(subject, FindingKind.VOLUME_MOVED, ("mounted nowhere",))
        elif (live["serviceId"], live["mountPath"]) != (row.values["serviceId"], row.values["mountPath"]):
            place = snapshot.project_services.get(live["serviceId"], live["serviceId"])
            yield Finding(subject, FindingKind.VOLUME_MOVED, (f"{live['mountPath']} of {place}",))


def _networking(recorded: Recorded, railway: RailwayNow) -> Iterator[Finding]:
    if railway.snapshot is None:
        return
    here = railway.snapshot.instances
    for row in recorded.of("TcpProxy"):
        port, subject = int(row.values["applicationPort"]), str(row.values["service"])
        now = railway.proxy(str(row.values["serviceId"]), port)
        if railway.proxies_unread:
            yield Finding(subject, FindingKind.NOT_COMPARED, (f"its TCP proxy for port {port}",))
        elif row.values["serviceId"] in here and now is None:
            yield Finding(subject, FindingKind.PROXY_GONE, (str(port),))
        elif now is not None and now != (row.values.get("host"), int(row.values.get("proxyPort") or 0)):
            yield Finding(subject, FindingKind.CHANGED, (f"address of its TCP proxy for port {port}",))
    for resource, kind in (("ServiceDomain", "serviceDomains"), ("CustomDomain", "customDomains")):
        for row in recorded.of(resource):
            if row.values["serviceId"] in here:
                yield from _domain(row, railway.snapshot.domains(row.values["serviceId"], kind))


def _domain(row: Resource, living: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    subject, domain = str(row.values["service"]), str(row.values.get("domain") or "")
    live = next((one for one in living if one["id"] == row.id), None)
    if live is None:
        yield Finding(subject, FindingKind.DOMAIN_GONE, (domain,))
        return
    if domain and live["domain"] != domain:
        yield Finding(subject, FindingKind.CHANGED, (f"domain {domain}",))
    port = row.values.get("targetPort")
    if port is not None and live.get("targetPort") != int(port):
        yield Finding(subject, FindingKind.CHANGED, (f"target port of {domain}",))


def _others(recorded: Recorded, snapshot: Snapshot, environment: Resource | None) -> Iterator[Finding]:
    """Yield what the stack does not manage: services, volumes, buckets, deleted volumes that are not in its state."""
    prefix = str(environment.values.get("disposablePrefix") or "") if environment is not None else ""
    rows = [*recorded.of("Service"), *recorded.of("ServiceInstance")]
    ours = {str(row.values["serviceId"]): str(row.values.get("name") or row.values.get("service")) for row in rows}
    volumes = {row.id for row in recorded.of("Volume")}
    beside = inventory(snapshot, ours, volumes, prefix=prefix)
    for stranger in beside.strangers:
        yield Finding(stranger.name, FindingKind.STRANGER_SERVICE, (str(stranger.condition),))
    for name in beside.volumes:
        yield Finding(name, FindingKind.STRANGER_VOLUME)
    for name in sorted(snapshot.buckets.values()):
        yield Finding(name, FindingKind.STRANGER_BUCKET)
    for row in snapshot.pending_volumes:
        if row["volumeId"] not in volumes:
            name = str((snapshot.volumes.get(row["volumeId"]) or {}).get("name") or row["volumeId"])
            yield Finding(name, FindingKind.STRANGER_PENDING, (f"until {row.get('deletedAt') or 'Railway purges it'}",))
