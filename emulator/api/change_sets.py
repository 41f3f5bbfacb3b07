"""The resolvers of change sets, which are previewed without an effect, or applied as one patch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ariadne import MutationType, QueryType

from emulator.api.apply import apply_patch
from emulator.api.environments import drop_service_without_instances
from emulator.api.request import Info, Request, request_of
from emulator.api.services import new_service
from emulator.api.sync import free_volume_name, new_volume, rows
from emulator.api.templates import with_secrets
from emulator.api.views import View
from emulator.change_sets import addresses, changes_of, created, plan
from emulator.config import etag, merged
from emulator.database_changes import template_service, with_databases
from emulator.errors import Refusal, not_found
from emulator.store import Document, new_id, now

query = QueryType()
mutation = MutationType()


@query.field("environmentChangeSetApply")
def change_set_apply(_: object, info: Info, environmentId: str, id: str) -> View:
    """Return the result of an earlier apply."""
    request = request_of(info)
    request.environment(environmentId)
    found = request.store.get("change_set", id)
    if found is None or found["environmentId"] != environmentId:
        raise not_found("ChangeSet apply")
    return found


@mutation.field("environmentPreviewChangeSet")
def preview_change_set(_: object, info: Info, environmentId: str, input: Any) -> View:
    """Return what an apply would do; nothing is changed."""
    request = request_of(info)
    environment = request.environment(environmentId)
    changes = changes_of(input)
    whole = with_databases(changes, _free_name(request, environment))
    ids, names = _known(request, environment)
    for at, name in created(whole).items():
        ids[at], names[at] = new_id(), name
    # Changes without an effect are left out: clients plan by the answer (fact: preview-drops-no-ops).
    kept = [change for change in changes if _changes_something(environment, change, ids, names)]
    effects = [
        {"path": change.get("path"), "effect": "deploy"} for change in kept if change.get("deployEffect") == "deploy"
    ]
    diagnostics = plan(whole, ids, names).diagnostics
    return {"changeSet": {**input, "changes": kept}, "diagnostics": diagnostics, "effects": effects}


def _changes_something(environment: Document, change: Any, ids: dict[str, str], names: dict[str, str]) -> bool:
    """Tell whether a change would alter the config, a name or a group."""
    config, groups = environment["config"], environment.get("canvasGroupRefs") or {}
    planned = plan([change], ids, names)
    if any(groups.get(id_) != group for id_, group in planned.grouped.items()):
        return True
    if planned.diagnostics or planned.deleted or planned.renamed:
        return not planned.renamed or planned.renamed.items() != {
            (id_, _name_of(names, ids, id_)) for id_ in planned.renamed
        }
    return bool(merged(config, _without_empty(planned.patch)) != config)


def _name_of(names: dict[str, str], ids: dict[str, str], id_: str) -> str:
    return next((names[at] for at, known in ids.items() if known == id_ and at in names), "")


def _without_empty(patch: Document) -> Document:
    return {part: entries for part, entries in patch.items() if entries}


@mutation.field("environmentApplyChangeSet")
def apply_change_set(
    _: object,
    info: Info,
    environmentId: str,
    input: Any,
    commitMessage: str | None = None,
    baseConfigEtag: str | None = None,
    waitForCompletion: bool | None = None,
) -> View:
    """Apply all of a change set or nothing; with `waitForCompletion: false`, the answer is `applying`."""
    request = request_of(info)
    environment = request.environment(environmentId)
    changes = changes_of(input)
    if baseConfigEtag is not None and baseConfigEtag != etag(environment["config"]):
        # Railway's code is known, its message is not (fact: stale-etag).
        raise Refusal("The environment has changed since this plan was made", "STALE_ENVIRONMENT_BASE")
    result = _applied(request, environment, changes, commitMessage or "change set applied")
    request.store.put("change_set", result["id"], result)
    return {**result, "status": "applying", "changes": []} if waitForCompletion is False else result


def _known(request: Request, environment: Document) -> tuple[dict[str, str], dict[str, str]]:
    """Return ids and names of an environment's resources, by address."""
    ids, names = dict[str, str](), dict[str, str]()
    found = [("service", request.store.get("service", id_)) for id_ in environment["config"].get("services", {})]
    found += [
        ("volume", request.store.get("volume", row["volumeId"]))
        for row in rows(request, "volume_instance", environment["id"])
    ]
    found += [("group", {**row, "id": id_}) for id_, row in environment["config"].get("groups", {}).items()]
    called = [(kind, str(row.get("name") or row["id"]), row["id"]) for kind, row in found if row is not None]
    # An exact name takes precedence over another name with the same slug.
    for form in (0, 1):
        for kind, name, id_ in called:
            at = addresses(kind, name)[form]
            ids[at], names[at] = id_, name
    for at in [at for at in names if at.startswith("service.")]:
        names[f"database.{at.partition('.')[2]}"] = names[at]
    return ids, names


def _applied(request: Request, environment: Document, changes: Any, message: str) -> Document:
    ids, names = _known(request, environment)
    whole = with_databases(changes, _free_name(request, environment))
    templates = {str(change.get("address")): found[0] for change in changes if (found := template_service(change))}
    fresh = created(whole)
    for at, name in fresh.items():
        ids[at], names[at] = new_id(), name
    planned = plan(whole, ids, names)
    done = not planned.diagnostics
    started: list[str] = []
    if done:
        for at, name in fresh.items():
            _make(request, environment["projectId"], at, name, ids, templates.get(at))
        planned = plan(whole, ids, names)
        for at in templates:
            for entry in planned.patch["services"][ids[at]]["variables"].values():
                entry["value"] = with_secrets(str(entry["value"]))
        for id_ in planned.deleted:
            planned.patch["services"][id_] = {"isDeleted": True}
        refs = {**(environment.get("canvasGroupRefs") or {}), **planned.grouped}
        environment["canvasGroupRefs"] = {id_: group for id_, group in refs.items() if group}
        started = apply_patch(request, environment, planned.patch, message)
        for id_ in planned.deleted:
            drop_service_without_instances(request, id_)
        for id_, name in planned.renamed.items():
            service = request.service(id_)
            service.update(name=name, updatedAt=now())
            request.store.put("service", id_, service)
    return {
        "id": new_id(),
        "environmentId": environment["id"],
        "status": "applied" if done else "failed",
        "deploymentId": started[0] if started else None,
        "stagedPatchId": None,
        "diagnostics": planned.diagnostics,
        "changes": [
            {
                "kind": str(change.get("kind")),
                "path": change.get("path"),
                "summary": change.get("summary"),
                "status": "applied" if done else "skipped",
                "outputs": {"id": ids[at]} if (at := str(change.get("address"))) in fresh and done else None,
            }
            for change in changes
        ],
    }


def _free_name(request: Request, environment: Document) -> Callable[[str], str]:
    return functools.partial(free_volume_name, request, environment["projectId"])


def _make(
    request: Request, project_id: str, at: str, name: str, ids: dict[str, str], template_service_id: str | None
) -> None:
    """Create a service or a volume, whose instance the patch then creates; replace its planned id in `ids`."""
    kind = at.partition(".")[0]
    if kind in ("service", "database"):
        taken = request.store.all(
            "service", lambda row: row["projectId"] == project_id and not row["deletedAt"] and row["name"] == name
        )
        ids[at] = taken[0]["id"] if taken else new_service(request, project_id, name, of=template_service_id)["id"]
    elif kind == "volume":
        new_volume(request, project_id, name, id_=ids[at])
