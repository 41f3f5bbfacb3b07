"""The resolvers of the user, workspaces, projects and project tokens."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from ariadne import MutationType, QueryType

from emulator.api.apply import KEPT_HOURS
from emulator.api.environments import delete_environment, new_environment
from emulator.api.request import USER, Info, Request, connection, request_of
from emulator.api.throttle import throttle
from emulator.api.views import View, environment_view, project_view, workspace_view
from emulator.errors import Refusal, not_authorized
from emulator.store import Document, born, new_id, now

_LONGEST_NAME = 32
query = QueryType()
mutation = MutationType()


@query.field("me")
def me(_: object, info: Info) -> View:
    """Return the user of an account token (fact: account-only-me)."""
    request = request_of(info)
    # `User.projects` is deprecated in favour of the workspace's, and always empty.
    return {**USER, "workspaces": [workspace_view(request)], "projects": lambda _info, **page: connection([], page)}


@query.field("apiToken")
def api_token(_: object, info: Info) -> View:
    """Return the workspaces that an account or workspace token reaches."""
    request = request_of(info)
    return {"workspaces": [request.workspace]}


@query.field("workspace")
def workspace(_: object, info: Info, **_id: Any) -> View:
    """Return the caller's workspace."""
    return workspace_view(request_of(info))


@query.field("projectToken")
def project_token(_: object, info: Info) -> View:
    """Return the project and the environment of the caller's project token."""
    request = request_of(info)
    if not request.token:
        raise Refusal("Project Token not found")
    return _token_view(request, request.token)


@query.field("projectTokens")
def project_tokens(_: object, info: Info, projectId: str, **page: Any) -> View:
    """List a project's tokens, without their values."""
    request = request_of(info)
    request.project(projectId)
    rows = request.store.all("project_token", lambda row: row["projectId"] == projectId)
    return connection([_token_view(request, row) for row in rows], page)


def _token_view(request: Request, token: Document) -> View:
    return {
        **token,
        "displayToken": f"{token['token'][:4]}-****",
        "token": None,
        "project": lambda _info: project_view(request, request.project(token["projectId"])),
        "environment": lambda _info: environment_view(request, request.environment(token["environmentId"])),
    }


@mutation.field("projectTokenCreate")
def project_token_create(_: object, info: Info, input: Document) -> str:
    """Create a token for one environment; only this answer has its value (fact: project-token-shown-once)."""
    request = request_of(info)
    request.environment(input["environmentId"])
    if not str(input["name"]).strip():
        raise Refusal("Invalid token name")
    token = {**input, "id": new_id(), "token": secrets.token_urlsafe(32), "createdAt": now()}
    request.store.put("project_token", token["id"], token)
    return str(token["token"])


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
    rows = request.store.all("project", lambda row: bool(includeDeleted) or not row.get("deletedAt"))
    rows = [] if request.is_foreign else rows
    return connection(rows, page, lambda row: project_view(request, row))


@query.field("project")
def project(_: object, info: Info, id: str) -> View:
    """Return a project."""
    request = request_of(info)
    return project_view(request, request.project(id))


@mutation.field("projectCreate")
def project_create(_: object, info: Info, input: Document) -> View:
    """Create a project with one environment."""
    request = request_of(info)
    throttle(request, "project", "projects")
    name = input["name"] if input.get("name") is not None else f"project-{secrets.token_hex(3)}"
    _check_name(name)
    made: Document = {
        **born(),
        "name": name,
        "description": input.get("description"),
        "isPublic": bool(input.get("isPublic")),
        "prDeploys": bool(input.get("prDeploys")),
        "botPrEnvironments": False,
        "baseEnvironmentId": None,
    }
    request.store.put("project", made["id"], made)
    new_environment(request, made["id"], input.get("defaultEnvironmentName") or "production", {}, None, ephemeral=False)
    return project_view(request, made)


def _check_name(name: str) -> None:
    if not name.strip() or len(name) > _LONGEST_NAME or name != name.lower():
        raise Refusal("Invalid project name")


@mutation.field("projectUpdate")
def project_update(_: object, info: Info, id: str, input: Document) -> View:
    """Change a project."""
    request = request_of(info)
    found = request.project(id)
    if input.get("name") is not None:
        _check_name(input["name"])
    found.update({key: value for key, value in input.items() if key in (*found, "botPrEnvironments")}, updatedAt=now())
    request.store.put("project", id, found)
    return project_view(request, found)


@mutation.field("projectScheduleDelete")
def project_schedule_delete(_: object, info: Info, id: str) -> bool:
    """Remove a project from the list; unlike Railway, the emulator does not delete it after 48 hours."""
    request = request_of(info)
    found = request.project(id)
    found.update(deletedAt=(datetime.now(UTC) + timedelta(hours=KEPT_HOURS)).isoformat(), deletionScheduled=True)
    request.store.put("project", id, found)
    return True


@mutation.field("projectScheduleDeleteCancel")
def project_schedule_delete_cancel(_: object, info: Info, id: str) -> bool:
    """Cancel the scheduled deletion of a project."""
    request = request_of(info)
    found = request.store.get("project", id)
    if found is None or not found.get("deletionScheduled"):
        raise not_authorized()
    found.update(deletedAt=None, deletionScheduled=False)
    request.store.put("project", id, found)
    return True


@mutation.field("projectDelete")
def project_delete(_: object, info: Info, id: str) -> bool:
    """Delete a project and everything in it; a second call is refused (fact: project-delete-twice)."""
    request = request_of(info)
    found = request.project(id)
    for environment in request.environments(id):
        delete_environment(request, environment)
    found["deletedAt"] = now()
    request.store.put("project", id, found)
    return True
