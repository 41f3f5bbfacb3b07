"""The resolvers of environments."""

from __future__ import annotations

import copy
from typing import Any

from ariadne import MutationType, QueryType

from emulator.api.request import Info, Request, connection, request_of
from emulator.api.sync import new_volume_instance, rows
from emulator.api.throttle import throttle
from emulator.api.views import View, environment_view
from emulator.errors import Refusal
from emulator.store import Document, born, new_id, now

query = QueryType()
mutation = MutationType()


@query.field("environments")
def environments(
    _: object,
    info: Info,
    projectId: str,
    isEphemeral: bool | None = None,
    **page: Any,
) -> View:
    """List a project's environments."""
    request = request_of(info)
    request.project(projectId)
    rows = [row for row in request.environments(projectId) if isEphemeral in (None, row["isEphemeral"])]
    return connection([environment_view(request, row) for row in rows], page)


@query.field("environment")
def environment(_: object, info: Info, id: str, projectId: str | None = None) -> View:
    """Return an environment; a deleted one has its `deletedAt` (fact: deleted-environment-answers)."""
    request = request_of(info)
    found = request.store.get("environment", id)
    if found is not None and found.get("deletedAt"):
        request.project(found["projectId"])
        return environment_view(request, found)
    return environment_view(request, request.environment(id))


@mutation.field("environmentCreate")
def environment_create(_: object, info: Info, input: Document) -> View:
    """Create an environment: empty, or as a fork, a copy of its source (fact: fork-copies)."""
    request = request_of(info)
    request.project(input["projectId"])
    _check_name(request, input["projectId"], input["name"])
    throttle(request, "environment", "environments")
    source = request.environment(input["sourceEnvironmentId"]) if input.get("sourceEnvironmentId") else None
    config = _forked(source["config"]) if source else {}
    staged = bool(source and input.get("stageInitialChanges"))
    made = new_environment(
        request,
        input["projectId"],
        input["name"],
        {} if staged else config,
        source["id"] if source else None,
        ephemeral=bool(input.get("ephemeral")),
    )
    if source is None:
        return environment_view(request, made)
    if staged:
        for service in config.get("services", {}).values():
            service["isCreated"] = True
        request.store.put("staged", made["id"], staged_patch(made["id"], config))
        return environment_view(request, made)
    _copy_volumes(request, source, made)
    if not input.get("skipInitialDeploys"):
        for service_id, service in config.get("services", {}).items():
            if service.get("source"):
                request.world.deployments.start(made["id"], service_id, "environment created")
    return environment_view(request, made)


def _forked(config: Document) -> Document:
    copied: Document = copy.deepcopy(config)
    owners = [(copied, "sharedVariables"), *((service, "variables") for service in copied.get("services", {}).values())]
    for owner, key in owners:
        if key in owner:
            owner[key] = {name: entry for name, entry in owner[key].items() if not entry.get("isSealed")}
    for service in copied.get("services", {}).values():
        service.pop("networking", None)
    return copied


def _copy_volumes(request: Request, source: Document, made: Document) -> None:
    """Give the fork an empty instance of each volume of its source."""
    for row in rows(request, "volume_instance", source["id"]):
        volume = request.store.get("volume", row["volumeId"])
        if volume is not None:
            copied = new_volume_instance(
                made, volume, service_id=row["serviceId"], mount_path=row["mountPath"], region=row["region"]
            )
            request.store.put("volume_instance", copied["id"], copied)


def staged_patch(environment_id: str, patch: Document, *, id_: str = "") -> Document:
    """Return a new staged patch."""
    return {
        "id": id_ or new_id(),
        "environmentId": environment_id,
        "status": "STAGED",
        "message": None,
        "patch": patch,
        "createdAt": now(),
        "updatedAt": now(),
        "appliedAt": None,
        "lastAppliedError": None,
    }


def _check_name(request: Request, project_id: str, name: str) -> None:
    if not name.strip():
        raise Refusal("Invalid environment name")
    if any(row["name"] == name for row in request.environments(project_id)):
        # Railway's message is not known (fact: environment-name-unique).
        raise Refusal(f'An environment named "{name}" already exists in this project')


@mutation.field("environmentRename")
def environment_rename(_: object, info: Info, id: str, input: Document) -> View:
    """Rename an environment."""
    request = request_of(info)
    found = request.environment(id)
    _check_name(request, found["projectId"], input["name"])
    found.update(name=input["name"], updatedAt=now())
    request.store.put("environment", id, found)
    return environment_view(request, found)


@mutation.field("environmentDelete")
def environment_delete(_: object, info: Info, id: str) -> bool:
    """Delete an environment; a service stays in the project if another environment has an instance of it."""
    request = request_of(info)
    delete_environment(request, request.environment(id))
    return True


def delete_environment(request: Request, found: Document) -> None:
    """Delete an environment and everything that only it has."""
    services = list(found["config"].get("services", {}))
    for service_id in services:
        request.world.deployments.stop_instance(found["id"], service_id)
    for instance in request.store.all("volume_instance", lambda row: row["environmentId"] == found["id"]):
        request.world.postgres.forget(instance["id"])
        request.store.delete("volume_instance", instance["id"])
        volume_id = instance["volumeId"]
        if all(row["volumeId"] != volume_id for row in request.store.all("volume_instance")):
            request.store.delete("volume", volume_id)
    for kind in ("domain", "custom_domain", "tcp_proxy"):
        for row in request.store.all(kind, lambda row: row["environmentId"] == found["id"]):
            request.store.delete(kind, row["id"])
    found.update(deletedAt=now(), config={})
    request.store.put("environment", found["id"], found)
    for service_id in services:
        drop_service_without_instances(request, service_id)


def drop_service_without_instances(request: Request, service_id: str) -> None:
    """Delete a service if no environment has an instance of it."""
    service = request.store.get("service", service_id)
    if service is not None and not request.holding(service_id):
        service["deletedAt"] = now()
        request.store.put("service", service_id, service)


def new_environment(
    request: Request, project_id: str, name: str, config: Document, source: str | None, *, ephemeral: bool
) -> Document:
    """Create an environment with a config."""
    made: Document = {
        **born(),
        "projectId": project_id,
        "name": name,
        "config": config,
        "sourceEnvironmentId": source,
        "isEphemeral": ephemeral,
    }
    return request.store.put("environment", made["id"], made)
