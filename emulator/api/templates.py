"""The resolvers of templates: there are four databases, but a client can deploy them with a config of its own."""

from __future__ import annotations

import copy
import re
import secrets
import string
from typing import Any

from ariadne import MutationType, QueryType

from emulator.api.apply import apply_patch
from emulator.api.environments import staged_patch
from emulator.api.request import Info, Request, request_of
from emulator.api.services import new_service
from emulator.api.sync import free_volume_name, new_volume
from emulator.api.views import View
from emulator.api.workflows import new_workflow
from emulator.config import merged
from emulator.database_templates import find
from emulator.errors import Refusal, not_found
from emulator.store import Document

query = QueryType()
mutation = MutationType()

_SECRET = re.compile(r"\$\{\{\s*secret\((\d*)[^)]*\)\s*\}\}")
_LONGEST_SECRET = 256


@query.field("template")
def template(
    _: object,
    info: Info,
    code: str | None = None,
    id: str | None = None,
    owner: str | None = None,
    repo: str | None = None,
) -> View:
    """Return a template by its code or id."""
    found = find(code=code, id_=id)
    if found is None:
        raise not_found("Template")
    return found


@mutation.field("templateDeployV2")
def template_deploy(_: object, info: Info, input: Document) -> View:
    """Create a template's services in an environment; a service whose name is taken gets another name."""
    request = request_of(info)
    if find(id_=input["templateId"]) is None:
        raise not_found("Template")
    project = request.project(input.get("projectId"))
    environment = request.environment(input.get("environmentId") or _first_environment(request, project["id"]))
    services = input["serializedConfig"].get("services") if isinstance(input["serializedConfig"], dict) else None
    if not isinstance(services, dict) or not all(
        isinstance(one, dict) and one.get("name") for one in services.values()
    ):
        raise Refusal("Invalid template config")
    patch: Document = {"services": {}, "volumes": {}}
    for id_, service in services.items():
        _add(request, environment, patch, service, id_)
    if input.get("stageOnly"):
        known = request.store.get("staged", environment["id"])
        staged = staged_patch(environment["id"], merged(known["patch"], patch) if known else patch)
        request.store.put("staged", environment["id"], staged)
    else:
        apply_patch(request, environment, patch, "template deployed")
    return {"projectId": project["id"], "workflowId": new_workflow(request, "deployTemplate")}


def _first_environment(request: Request, project_id: str) -> str:
    rows = request.store.all("environment", lambda row: row["projectId"] == project_id and not row.get("deletedAt"))
    return str(rows[0]["id"]) if rows else ""


def _add(request: Request, environment: Document, patch: Document, service: Document, id_: str) -> None:
    """Add a template's service, and the volume that it mounts, to a patch."""
    name = _free_name(request, environment["projectId"], service["name"])
    made = new_service(request, environment["projectId"], name, of=id_)
    config: Document = {
        key: copy.deepcopy(service[key]) for key in ("source", "build", "deploy", "networking") if key in service
    }
    variables = {name: {"value": _filled(entry)} for name, entry in (service.get("variables") or {}).items()}
    mounts: Document = {}
    for mount in (service.get("volumeMounts") or {}).values():
        name = free_volume_name(request, environment["projectId"], f"{made['name'].lower()}-volume")
        volume = new_volume(request, environment["projectId"], name)
        mounts[volume["id"]] = mount
        patch["volumes"][volume["id"]] = {"isCreated": True}
    patch["services"][made["id"]] = {**config, "variables": variables, "volumeMounts": mounts, "isCreated": True}


def _free_name(request: Request, project_id: str, name: str) -> str:
    taken = request.store.all(
        "service", lambda row: row["projectId"] == project_id and not row.get("deletedAt") and row["name"] == name
    )
    return f"{name}-{secrets.token_hex(2)}" if taken else name


def _filled(entry: Any) -> str:
    """Return a variable's value, or its default, with generated secrets."""
    entry = entry if isinstance(entry, dict) else {"value": entry}
    given = entry.get("value") if entry.get("value") is not None else entry.get("defaultValue")
    return with_secrets(str(given or ""))


def with_secrets(text: str) -> str:
    """Return a text in which each `${{secret(n)}}` is replaced by a new random secret of n characters."""
    return _SECRET.sub(lambda match: _secret(int(match[1] or 32)), text)


def _secret(length: int) -> str:
    letters = string.ascii_letters + string.digits
    return "".join(secrets.choice(letters) for _ in range(min(length, _LONGEST_SECRET)))
