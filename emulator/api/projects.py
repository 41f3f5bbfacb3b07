"""Identity, projects, project tokens and environments."""

from __future__ import annotations

import copy
import secrets
import time
from typing import Any

from ariadne import MutationType, QueryType

from emulator.api.request import USER, WORKSPACE, Info, Request, connection, request_of
from emulator.api.views import View, environment_view, project_view
from emulator.errors import Refusal, not_authorized
from emulator.store import Document, new_id, now

_LONGEST_NAME = 32
query = QueryType()
mutation = MutationType()


@query.field("me")
def me(_: object, info: Info) -> View:
    """Only an account token has a user (docs: integrations/api)."""
    request_of(info).account()
    return {**USER, "workspaces": [WORKSPACE]}


@query.field("apiToken")
def api_token(_: object, info: Info) -> View:
    """Which workspaces an account or workspace token reaches."""
    request_of(info).account()
    return {"workspaces": [WORKSPACE]}


@query.field("workspace")
def workspace(_: object, info: Info, workspaceId: str) -> View:
    """There is one workspace."""
    request_of(info).account()
    if workspaceId != WORKSPACE["id"]:
        raise not_authorized()
    return WORKSPACE


@query.field("projectToken")
def project_token(_: object, info: Info) -> View:
    """What a project token reaches."""
    request = request_of(info)
    if not request.token:
        raise Refusal("Project Token not found")
    return _token_view(request, request.token)


@query.field("projectTokens")
def project_tokens(_: object, info: Info, projectId: str, **page: Any) -> View:
    """List tokens; their values are never shown again."""
    request = request_of(info)
    request.project(projectId)
    rows = request.store.all("project_token", lambda row: row["projectId"] == projectId)
    return connection([_token_view(request, row) for row in rows], page)


def _token_view(request: Request, token: Document) -> View:
    return {
        **token,
        "displayToken": f"{token['value'][:4]}-****",
        "value": None,
        "project": lambda _info: project_view(request, request.project(token["projectId"])),
        "environment": lambda _info: environment_view(request, request.environment(token["environmentId"])),
    }


@mutation.field("projectTokenCreate")
def project_token_create(_: object, info: Info, input: Document) -> str:
    """Make a token for one environment; the answer is the only time its value is seen."""
    request = request_of(info)
    request.environment(input["environmentId"])
    token = {**input, "id": new_id(), "value": secrets.token_urlsafe(32), "createdAt": now()}
    request.store.put("project_token", token["id"], token)
    return str(token["value"])


@mutation.field("projectTokenDelete")
def project_token_delete(_: object, info: Info, id: str) -> bool:
    """Revoke a token."""
    request = request_of(info)
    token = request.store.get("project_token", id)
    if token is None:
        raise not_authorized()
    request.project(token["projectId"])
    request.store.delete("project_token", id)
    return True


@query.field("projects")
def projects(_: object, info: Info, includeDeleted: bool | None = None, **page: Any) -> View:
    """List projects."""
    request = request_of(info)
    request.account()
    rows = request.store.all("project", lambda row: bool(includeDeleted) or not row.get("deletedAt"))
    return connection([project_view(request, row) for row in rows], page)


@query.field("project")
def project(_: object, info: Info, id: str) -> View:
    """Return a project."""
    request = request_of(info)
    return project_view(request, request.project(id))


@mutation.field("projectCreate")
def project_create(_: object, info: Info, input: Document) -> View:
    """Make a project with one environment."""
    request = request_of(info)
    request.account()
    _throttle(request, "project", "projects")
    name = input.get("name") or f"project-{secrets.token_hex(3)}"
    if len(name) > _LONGEST_NAME or name != name.lower():
        raise Refusal("Invalid project name")
    made: Document = {
        "id": new_id(),
        "name": name,
        "description": input.get("description"),
        "isPublic": bool(input.get("isPublic")),
        "prDeploys": bool(input.get("prDeploys")),
        "baseEnvironmentId": None,
        "createdAt": now(),
        "updatedAt": now(),
        "deletedAt": None,
    }
    request.store.put("project", made["id"], made)
    _new_environment(
        request, made["id"], input.get("defaultEnvironmentName") or "production", {}, None, ephemeral=False
    )
    return project_view(request, made)


@mutation.field("projectUpdate")
def project_update(_: object, info: Info, id: str, input: Document) -> View:
    """Change a project."""
    request = request_of(info)
    found = request.project(id)
    found.update({key: value for key, value in input.items() if key in found}, updatedAt=now())
    request.store.put("project", id, found)
    return project_view(request, found)


@mutation.field("projectDelete")
@mutation.field("projectScheduleDelete")
def project_delete(_: object, info: Info, id: str) -> bool:
    """Delete a project, softly, and everything in it."""
    request = request_of(info)
    found = request.project(id)
    for environment in request.store.all(
        "environment", lambda row: row["projectId"] == id and not row.get("deletedAt")
    ):
        _delete_environment(request, environment)
    found["deletedAt"] = now()
    request.store.put("project", id, found)
    return True


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
    rows = request.store.all(
        "environment",
        lambda row: (
            row["projectId"] == projectId and not row.get("deletedAt") and isEphemeral in (None, row["isEphemeral"])
        ),
    )
    return connection([environment_view(request, row) for row in rows], page)


@query.field("environment")
def environment(_: object, info: Info, id: str, projectId: str | None = None) -> View:
    """Return an environment."""
    request = request_of(info)
    return environment_view(request, request.environment(id))


@mutation.field("environmentCreate")
def environment_create(_: object, info: Info, input: Document) -> View:
    """Make an environment, empty or as a fork: with a source its services and variables come along, sealed ones not."""
    request = request_of(info)
    request.account()
    request.project(input["projectId"])
    _throttle(request, "environment", "environments")
    taken = request.store.all(
        "environment",
        lambda row: (
            row["projectId"] == input["projectId"] and not row.get("deletedAt") and row["name"] == input["name"]
        ),
    )
    if taken:
        raise Refusal(f'An environment named "{input["name"]}" already exists in this project')
    source = request.environment(input["sourceEnvironmentId"]) if input.get("sourceEnvironmentId") else None
    config = _forked(source["config"]) if source else {}
    made = _new_environment(
        request,
        input["projectId"],
        input["name"],
        config,
        source["id"] if source else None,
        ephemeral=bool(input.get("ephemeral")),
    )
    if source and not input.get("skipInitialDeploys"):
        for service_id, service in config.get("services", {}).items():
            if service.get("source"):
                request.world.deployments.start(made["id"], service_id, "environment created")
    return environment_view(request, made)


def _forked(config: Document) -> Document:
    copied: Document = copy.deepcopy(config)
    for service in copied.get("services", {}).values():
        service["variables"] = {
            name: entry for name, entry in service.get("variables", {}).items() if not entry.get("isSealed")
        }
        service.pop("volumeMounts", None)
        service.pop("networking", None)
    copied.pop("volumes", None)
    return copied


@mutation.field("environmentRename")
def environment_rename(_: object, info: Info, id: str, input: Document) -> View:
    """Rename an environment."""
    request = request_of(info)
    found = request.environment(id)
    found.update(name=input["name"], updatedAt=now())
    request.store.put("environment", id, found)
    return environment_view(request, found)


@mutation.field("environmentDelete")
def environment_delete(_: object, info: Info, id: str) -> bool:
    """Delete an environment; its services stay in the project where another environment has them."""
    request = request_of(info)
    request.account()
    _delete_environment(request, request.environment(id))
    return True


def _delete_environment(request: Request, found: Document) -> None:
    for service_id in list(found["config"].get("services", {})):
        request.world.deployments.stop_instance(found["id"], service_id)
    for volume in request.store.all("volume_instance", lambda row: row["environmentId"] == found["id"]):
        request.world.postgres.forget(volume["volumeId"])
        request.store.delete("volume_instance", volume["id"])
        request.store.delete("volume", volume["volumeId"])
    for kind in ("domain", "custom_domain", "tcp_proxy"):
        for row in request.store.all(kind, lambda row: row["environmentId"] == found["id"]):
            request.store.delete(kind, row["id"])
    gone = list(found["config"].get("services", {}))
    found.update(deletedAt=now(), config={})
    request.store.put("environment", found["id"], found)
    for service_id in gone:
        drop_service_without_instances(request, service_id)


def drop_service_without_instances(request: Request, service_id: str) -> None:
    """Delete a service that no environment has any more."""
    held = request.store.all(
        "environment", lambda row: not row.get("deletedAt") and service_id in row["config"].get("services", {})
    )
    service = request.store.get("service", service_id)
    if not held and service is not None:
        service["deletedAt"] = now()
        request.store.put("service", service_id, service)


def _new_environment(
    request: Request, project_id: str, name: str, config: Document, source: str | None, *, ephemeral: bool
) -> Document:
    made: Document = {
        "id": new_id(),
        "projectId": project_id,
        "name": name,
        "config": config,
        "sourceEnvironmentId": source,
        "isEphemeral": ephemeral,
        "createdAt": now(),
        "updatedAt": now(),
        "deletedAt": None,
    }
    return request.store.put("environment", made["id"], made)


def _throttle(request: Request, kind: str, many: str) -> None:
    seconds = request.world.settings.current.creation_throttle_seconds
    if not seconds:
        return
    last = request.store.get("setting", f"last {kind}")
    if last and time.time() - last["at"] < seconds:
        raise Refusal(f"You are creating {many} too quickly. Please try again later.")
    request.store.put("setting", f"last {kind}", {"at": time.time()})
