"""Variables and patches: what is stored in an environment's config, and what is staged beside it."""

from __future__ import annotations

from typing import Any

from ariadne import MutationType, QueryType

from emulator.api.apply import apply_patch, check_patch
from emulator.api.environments import staged_patch
from emulator.api.request import Info, Request, connection, request_of
from emulator.api.views import NOTHING_STAGED, View, patch_view
from emulator.api.workflows import new_workflow
from emulator.config import masked, merged
from emulator.environment_variables import environment_variables, shared_variables
from emulator.errors import Refusal, not_found
from emulator.patch_rules import is_variable_name
from emulator.references import rendered
from emulator.store import Document, new_id, now

query = QueryType()
mutation = MutationType()


def _config_of(environment: Document, service_id: str | None) -> Document:
    if service_id is None:
        shared: Document = environment["config"].setdefault("sharedVariables", {})
        return shared
    services = environment["config"].get("services", {})
    if service_id not in services:
        raise not_found("ServiceInstance")
    variables: Document = services[service_id].setdefault("variables", {})
    return variables


@query.field("variables")
def variables(
    _: object,
    info: Info,
    projectId: str,
    environmentId: str,
    serviceId: str | None = None,
    unrendered: bool | None = None,
) -> dict[str, str | None]:
    """Return variables: as stored, or rendered with what Railway injects."""
    request = request_of(info)
    environment = request.environment(environmentId)
    stored = _config_of(environment, serviceId)
    # Sealed ones are there, with null for a value (fact: sealed-stays).
    sealed = {name: None for name, entry in stored.items() if entry.get("isSealed")}
    if unrendered or serviceId is None:
        return {**{name: str(entry.get("value") or "") for name, entry in stored.items()}, **sealed}
    service = request.service(serviceId)
    services = environment_variables(request.store, environment, opened=False)
    return {**rendered(service["name"], services, shared_variables(environment, opened=False)), **sealed}


@query.field("variablesForServiceDeployment")
def variables_for_service_deployment(
    _: object, info: Info, projectId: str, environmentId: str, serviceId: str
) -> dict[str, str | None]:
    """Return what a deployment would get, but for sealed values."""
    found: dict[str, str | None] = variables(_, info, projectId, environmentId, serviceId)
    return found


@mutation.field("variableUpsert")
def variable_upsert(_: object, info: Info, input: Document) -> bool:
    """Set one variable, and deploy unless told otherwise (fact: upsert-skips)."""
    return _upsert(request_of(info), input, {input["name"]: input["value"]}, replace=False)


@mutation.field("variableCollectionUpsert")
def variable_collection_upsert(_: object, info: Info, input: Document) -> bool:
    """Set several variables; with `replace` every unlisted one goes, sealed ones too (fact: collection-replace)."""
    return _upsert(request_of(info), input, input["variables"], replace=bool(input.get("replace")))


def _upsert(request: Request, input_: Document, values: Document, *, replace: bool) -> bool:
    environment = request.environment(input_["environmentId"])
    stored = _config_of(environment, input_.get("serviceId"))
    for name, value in values.items():
        if not is_variable_name(name) or not isinstance(value, str):
            raise Refusal("Invalid variable name or value")
    patch: Document = {name: {"value": value} for name, value in values.items()}
    if replace:
        patch.update({name: None for name in stored if name not in values})
    _write(request, environment, input_.get("serviceId"), patch, skip=bool(input_.get("skipDeploys")))
    return True


@mutation.field("variableDelete")
def variable_delete(_: object, info: Info, input: Document) -> bool:
    """Remove one variable; there is no way to skip the deployment (fact: variable-delete-deploys)."""
    request = request_of(info)
    environment = request.environment(input["environmentId"])
    _config_of(environment, input.get("serviceId"))
    _write(request, environment, input.get("serviceId"), {input["name"]: None}, skip=False)
    return True


def _write(request: Request, environment: Document, service_id: str | None, patch: Document, *, skip: bool) -> None:
    if service_id is None:
        apply_patch(request, environment, {"sharedVariables": patch}, "variables changed", skip_deploys=True)
        return
    whole = {"services": {service_id: {"variables": patch}}}
    # Only a service that was deployed before is deployed again (fact: upsert-deploys-deployed).
    deployed = request.world.deployments.of(environment["id"], service_id)
    apply_patch(request, environment, whole, "variables changed", skip_deploys=skip or not deployed)


@mutation.field("environmentPatchCommit")
def environment_patch_commit(
    _: object,
    info: Info,
    environmentId: str,
    patch: Document | None = None,
    commitMessage: str | None = None,
    skipDeploys: bool | None = None,
) -> str:
    """Commit a patch and leave what is staged alone (fact: staged-apart)."""
    request = request_of(info)
    environment = request.environment(environmentId)
    apply_patch(request, environment, patch or {}, commitMessage or "patch committed", skip_deploys=bool(skipDeploys))
    row = _record(request, environmentId, patch or {}, commitMessage)
    # Clients read the patch by the end of the workflow's id (fact: workflow-names-patch).
    return new_workflow(request, "commitEnvironmentPatch", row["id"])


def _record(request: Request, environment_id: str, patch: Document, message: str | None) -> Document:
    row: Document = {
        "id": new_id(),
        "environmentId": environment_id,
        "status": "COMMITTED",
        "message": message,
        # Without its values: the history is read by people.
        "patch": masked(patch, decrypt=False),
        "createdAt": now(),
        "updatedAt": now(),
        "appliedAt": now(),
        "lastAppliedError": None,
    }
    return request.store.put("patch", row["id"], row)


@query.field("environmentPatch")
def environment_patch(_: object, info: Info, id: str) -> View:
    """Return a patch that was committed, or that is staged."""
    request = request_of(info)
    staged = request.store.all("staged", lambda row: row["id"] == id)
    found = request.store.get("patch", id) or next(iter(staged), None)
    if found is None:
        raise not_found("Environment patch")
    request.environment(found["environmentId"])
    return patch_view(request, found)


@query.field("environmentPatches")
def environment_patches(_: object, info: Info, environmentId: str, **page: Any) -> View:
    """Return the history of commits, newest first."""
    request = request_of(info)
    request.environment(environmentId)
    rows = request.store.all("patch", lambda row: row["environmentId"] == environmentId)
    return connection(rows[::-1], page, lambda row: patch_view(request, row))


@query.field("environmentStagedChanges")
def environment_staged_changes(_: object, info: Info, environmentId: str) -> View:
    """Return the staged patch, never null: `<empty>` where nothing is staged (fact: staged-never-null)."""
    request = request_of(info)
    request.environment(environmentId)
    staged = request.store.get("staged", environmentId)
    return patch_view(request, staged or staged_patch(environmentId, {}, id_=NOTHING_STAGED))


@mutation.field("environmentStageChanges")
def environment_stage_changes(
    _: object, info: Info, environmentId: str, input: Document, merge: bool | None = None
) -> View:
    """Stage changes: beside those that are staged with `merge`, in place of them without."""
    request = request_of(info)
    request.environment(environmentId)
    check_patch(input)
    known = request.store.get("staged", environmentId)
    patch = merged(known["patch"], input) if known and merge else input
    row = staged_patch(environmentId, patch, id_=known["id"] if known else "")
    request.store.put("staged", environmentId, row)
    return patch_view(request, row)


@mutation.field("environmentPatchCommitStaged")
def environment_patch_commit_staged(
    _: object, info: Info, environmentId: str, commitMessage: str | None = None, skipDeploys: bool | None = None
) -> str:
    """Commit all that is staged, whoever staged it."""
    request = request_of(info)
    environment = request.environment(environmentId)
    staged = request.store.get("staged", environmentId)
    if staged is None:
        # Railway's words (fact: no-patch).
        raise Refusal("No patch to apply")
    apply_patch(
        request, environment, staged["patch"], commitMessage or "staged changes", skip_deploys=bool(skipDeploys)
    )
    request.store.delete("staged", environmentId)
    row = _record(request, environmentId, staged["patch"], commitMessage)
    return new_workflow(request, "commitStagedEnvironmentPatch", row["id"])
