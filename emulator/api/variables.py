"""The resolvers of variables, and of patches that are committed or staged."""

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
    """Return variables as they are stored, or rendered together with those that Railway adds."""
    request = request_of(info)
    environment = request.environment(environmentId)
    stored = _config_of(environment, serviceId)
    # Sealed variables are included, with null as their value (fact: sealed-stays).
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
    """Return the variables that a deployment would get, without sealed values."""
    found: dict[str, str | None] = variables(_, info, projectId, environmentId, serviceId)
    return found


@mutation.field("variableUpsert")
def variable_upsert(_: object, info: Info, input: Document) -> bool:
    """Set a variable and deploy, unless `skipDeploys` is set (fact: upsert-skips)."""
    return _upsert(request_of(info), input, {input["name"]: input["value"]}, replace=False)


@mutation.field("variableCollectionUpsert")
def variable_collection_upsert(_: object, info: Info, input: Document) -> bool:
    """Set variables; `replace` removes all others, including sealed ones (fact: collection-replace)."""
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
    """Remove a variable; the deployment cannot be skipped (fact: variable-delete-deploys)."""
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
    """Commit a patch; staged changes stay staged (fact: staged-apart)."""
    request = request_of(info)
    environment = request.environment(environmentId)
    apply_patch(request, environment, patch or {}, commitMessage or "patch committed", skip_deploys=bool(skipDeploys))
    row = _record(request, environmentId, patch or {}, commitMessage)
    # Clients take the patch's id from the end of the workflow's id (fact: workflow-names-patch).
    return new_workflow(request, "commitEnvironmentPatch", row["id"])


def _record(request: Request, environment_id: str, patch: Document, message: str | None) -> Document:
    row: Document = {
        "id": new_id(),
        "environmentId": environment_id,
        "status": "COMMITTED",
        "message": message,
        # The history shows no values of variables.
        "patch": masked(patch, decrypt=False),
        "createdAt": now(),
        "updatedAt": now(),
        "appliedAt": now(),
        "lastAppliedError": None,
    }
    return request.store.put("patch", row["id"], row)


@query.field("environmentPatch")
def environment_patch(_: object, info: Info, id: str) -> View:
    """Return a committed or a staged patch."""
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
    """Return the staged patch; its id is `<empty>` if nothing is staged (fact: staged-never-null)."""
    request = request_of(info)
    request.environment(environmentId)
    staged = request.store.get("staged", environmentId)
    return patch_view(request, staged or staged_patch(environmentId, {}, id_=NOTHING_STAGED))


@mutation.field("environmentStageChanges")
def environment_stage_changes(
    _: object, info: Info, environmentId: str, input: Document, merge: bool | None = None
) -> View:
    """Stage changes: with `merge`, in addition to the staged ones, otherwise in their place."""
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
    """Commit all staged changes, whoever staged them."""
    request = request_of(info)
    environment = request.environment(environmentId)
    staged = request.store.get("staged", environmentId)
    if staged is None:
        # Railway's message (fact: no-patch).
        raise Refusal("No patch to apply")
    apply_patch(
        request, environment, staged["patch"], commitMessage or "staged changes", skip_deploys=bool(skipDeploys)
    )
    request.store.delete("staged", environmentId)
    row = _record(request, environmentId, staged["patch"], commitMessage)
    return new_workflow(request, "commitStagedEnvironmentPatch", row["id"])
