"""The resolvers of services, service instances and their limits."""

from __future__ import annotations

import secrets
from typing import Any

from ariadne import MutationType, QueryType

from emulator.api.apply import apply_patch, check_patch, store_patch
from emulator.api.environments import drop_service_without_instances
from emulator.api.request import Info, Request, request_of
from emulator.api.views import View, instance_view, service_view
from emulator.config import merged
from emulator.errors import Refusal
from emulator.store import Document, born, now

_LONGEST_NAME = 32
_SOURCE = ("image", "repo", "branch")
_BUILD = ("buildCommand", "builder", "dockerfilePath", "watchPatterns", "nixpacksPlan")
PLAN_LIMITS: Document = {"containers": {"cpu": 32, "memoryBytes": 32_000_000_000, "diskBytes": 100_000_000_000}}
query = QueryType()
mutation = MutationType()


@query.field("service")
def service(_: object, info: Info, id: str) -> View:
    """Return a service."""
    request = request_of(info)
    return service_view(request, request.service(id))


@query.field("serviceInstance")
def service_instance(_: object, info: Info, environmentId: str, serviceId: str) -> View:
    """Return a service instance."""
    request = request_of(info)
    environment, _config = request.instance(environmentId, serviceId)
    return instance_view(request, environment, serviceId)


@mutation.field("serviceCreate")
def service_create(_: object, info: Info, input: Document) -> View:
    """Create a service, in the given fork only or in all environments but forks (fact: service-create-scope)."""
    request = request_of(info)
    project = request.project(input["projectId"])
    name = input["name"] if input.get("name") is not None else f"service-{secrets.token_hex(3)}"
    _check_name(name)
    store = request.store
    if store.all("service", lambda row: _has_name(row, project["id"], name)):
        # Railway's message (fact: service-name-unique).
        raise Refusal(f'A service named "{name}" already exists in this project')
    targets = _targets(request, project, input.get("environmentId"))
    made = new_service(request, project["id"], name, icon=input.get("icon"))
    config: Document = {"isCreated": True}
    source = {key: value for key, value in (input.get("source") or {}).items() if value}
    if input.get("branch"):
        source["branch"] = input["branch"]
    if source:
        config["source"] = source
    if input.get("registryCredentials"):
        config["deploy"] = {"registryCredentials": input["registryCredentials"]}
    if input.get("variables"):
        config["variables"] = {key: {"value": value} for key, value in input["variables"].items()}
    # Without a source there is nothing to deploy (fact: empty-service-waits).
    for environment in targets:
        apply_patch(request, environment, {"services": {made["id"]: config}}, "service created")
    return service_view(request, made)


def new_service(
    request: Request, project_id: str, name: str, *, icon: str | None = None, of: str | None = None
) -> Document:
    """Create a service that has no instance yet.

    Args:
        request: the caller's request.
        project_id: the project's id.
        name: the service's name.
        icon: the service's icon.
        of: the id of the service in a template that it is a copy of.

    Raises:
        Refusal: the project has as many services as it can have (fact: services-per-project).
    """
    limit = request.world.settings.current.services_per_project
    if limit and len(request.store.all("service", lambda row: _is_of(row, project_id))) >= limit:
        raise Refusal(f"This project has reached its limit of {limit} services")
    made: Document = {
        **born(),
        "projectId": project_id,
        "name": name,
        "icon": icon,
        "templateServiceId": of,
    }
    return request.store.put("service", made["id"], made)


def _check_name(name: str) -> None:
    if not name.strip() or len(name) > _LONGEST_NAME or "/" in name:
        raise Refusal("Invalid service name")


def _is_of(row: Document, project_id: str) -> bool:
    return bool(row["projectId"] == project_id and not row.get("deletedAt"))


def _has_name(row: Document, project_id: str, name: str) -> bool:
    return _is_of(row, project_id) and bool(row["name"] == name)


def _targets(request: Request, project: Document, environment_id: str | None) -> list[Document]:
    environment = request.environment(environment_id) if environment_id else None
    if environment is not None and environment.get("sourceEnvironmentId"):
        return [environment]
    return _persistent(request, project["id"])


def _persistent(request: Request, project_id: str) -> list[Document]:
    return [row for row in request.environments(project_id) if not row.get("sourceEnvironmentId")]


@mutation.field("serviceUpdate")
def service_update(_: object, info: Info, id: str, input: Document) -> View:
    """Rename a service or change its icon."""
    request = request_of(info)
    found = request.service(id)
    name = input.get("name")
    if name is not None and name != found["name"]:
        _check_name(name)
        if request.store.all("service", lambda row: _has_name(row, found["projectId"], name)):
            raise Refusal(f'A service named "{name}" already exists in this project')
    found.update({key: value for key, value in input.items() if key in ("name", "icon")}, updatedAt=now())
    request.store.put("service", id, found)
    return service_view(request, found)


@mutation.field("serviceDelete")
def service_delete(_: object, info: Info, id: str, environmentId: str | None = None) -> bool:
    """Delete a service: everywhere, only in the given fork, or in all environments that are not forks.

    Its volumes are kept (fact: service-keeps-volume).
    """
    request = request_of(info)
    found = request.service(id)
    environment = request.environment(environmentId) if environmentId else None
    if environment is None:
        targets = request.holding(id)
    elif environment.get("sourceEnvironmentId"):
        targets = [environment]
    else:
        targets = _persistent(request, found["projectId"])
    for target in targets:
        if id in target["config"].get("services", {}):
            apply_patch(request, target, {"services": {id: {"isDeleted": True}}}, "service deleted")
    # Whether a service is deleted with its last instance is disputed (fact: scoped-delete-keeps-service).
    if environment is None or request.world.settings.decides("scoped_delete") == "deletes_service":
        drop_service_without_instances(request, id)
    return True


@mutation.field("serviceConnect")
def service_connect(_: object, info: Info, id: str, input: Document) -> View:
    """Set a service's source in every environment that has an instance of it."""
    request = request_of(info)
    found = request.service(id)
    source = {key: input[key] for key in _SOURCE if input.get(key)}
    for environment in request.holding(id):
        apply_patch(request, environment, {"services": {id: {"source": source}}}, "service connected")
    return service_view(request, found)


@mutation.field("serviceDisconnect")
def service_disconnect(_: object, info: Info, id: str) -> View:
    """Remove a service's source."""
    request = request_of(info)
    found = request.service(id)
    for environment in request.holding(id):
        apply_patch(request, environment, {"services": {id: {"source": None}}}, "service disconnected")
    return service_view(request, found)


@mutation.field("serviceInstanceUpdate")
def service_instance_update(
    _: object, info: Info, serviceId: str, input: Document, environmentId: str | None = None
) -> bool:
    """Change the stored config; the answer is true even if there is no instance (fact: instance-update-true).

    Whether a new source deploys is disputed (fact: update-source-deploys).
    """
    request = request_of(info)
    request.service(serviceId)
    targets = [request.environment(environmentId)] if environmentId else request.holding(serviceId)
    patch = _instance_patch(input)
    check_patch({"services": {serviceId: patch}})
    deploys = "source" in input and request.world.settings.decides("update_source_deploys")
    for environment in targets:
        here = environment["config"].get("services", {}).get(serviceId)
        if here is not None:
            own = {**patch, "deploy": {**patch.get("deploy", {}), **_replicas(here, input)}}
            whole = {"services": {serviceId: own}}
            apply_patch(request, environment, whole, "instance updated", skip_deploys=not deploys)
    return True


def _replicas(service: Document, input_: Document) -> Document:
    """Return the replicas that an update without regions sets, by default one per region (fact: replicas-reset)."""
    if "multiRegionConfig" in input_:
        return {}
    count = input_.get("numReplicas")
    regions = (service.get("deploy") or {}).get("multiRegionConfig") or {}
    spread = {"multiRegionConfig": {name: {"numReplicas": count or 1} for name in regions}} if regions else {}
    return {"numReplicas": count, **spread}


def _instance_patch(input: Document) -> Document:
    patch: Document = {}
    for key, value in input.items():
        if key == "source":
            patch["source"] = {name: (value or {}).get(name) for name in ("image", "repo") if (value or {}).get(name)}
        elif key == "rootDirectory":
            patch.setdefault("source", {})[key] = value
        elif key in _BUILD:
            patch.setdefault("build", {})[key] = value
        elif key == "railwayConfigFile":
            patch["configFile"] = value
        elif key != "region":
            patch.setdefault("deploy", {})[key] = value
    return patch


def _limit_override(request: Request, environment_id: str, service_id: str) -> Any:
    return request.instance(environment_id, service_id)[1].get("deploy", {}).get("limitOverride")


@query.field("serviceInstanceLimitOverride")
def service_instance_limit_override(_: object, info: Info, environmentId: str, serviceId: str) -> Any:
    """Return the limits that were set for a service instance, or null."""
    return _limit_override(request_of(info), environmentId, serviceId)


@query.field("serviceInstanceLimits")
def service_instance_limits(_: object, info: Info, environmentId: str, serviceId: str) -> Any:
    """Return the limits of a service instance; those that were not set are the plan's."""
    return merged(PLAN_LIMITS, _limit_override(request_of(info), environmentId, serviceId) or {})


@mutation.field("serviceInstanceLimitsUpdate")
def service_instance_limits_update(_: object, info: Info, input: Document) -> bool:
    """Set the limits of a service instance (fact: limits-override)."""
    request = request_of(info)
    environment, _config = request.instance(input["environmentId"], input["serviceId"])
    containers: Document = {}
    if input.get("vCPUs") is not None:
        containers["cpu"] = input["vCPUs"]
    if input.get("memoryGB") is not None:
        containers["memoryBytes"] = int(input["memoryGB"] * 1_000_000_000)
    patch = {"services": {input["serviceId"]: {"deploy": {"limitOverride": {"containers": containers}}}}}
    store_patch(request, environment, patch)
    return True
