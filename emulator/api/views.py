"""Documents as GraphQL objects; a callable value is a field that is computed only if it is selected."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from emulator.api import canvas
from emulator.api.access import require_account, sees
from emulator.api.request import WORKSPACE, Request, connection
from emulator.api.sync import domains_of
from emulator.api.triggers import triggers_of
from emulator.config import etag, masked, replicas
from emulator.errors import Refusal, not_authorized
from emulator.instance_fields import instance_fields
from emulator.references import referenced

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.store import Document

_NOT_SHOWN = frozenset({"variables", "snapshot", "logs", "run", "stopped"})

View = dict[str, Any]
NOTHING_STAGED = "<empty>"


def workspace_view(request: Request) -> View:
    """Return the caller's Workspace; `team` is the old name of the same object (fact: team-of-workspace)."""

    def projects(_info: object, **page: Any) -> View:
        require_account(request)
        rows = request.store.all("project", lambda row: not row.get("deletedAt"))
        return connection([] if request.is_foreign else rows, page, lambda row: project_view(request, row))

    return {
        **request.workspace,
        "projects": projects,
        # A plan without limits, as the emulator's settings have none by default.
        "plan": "PRO",
        "subscriptionModel": "TEAM",
        "projectCount": lambda _info, includeDeleted=False: len(
            [] if request.is_foreign else request.store.all("project", lambda row: _counts(row, includeDeleted))
        ),
        "team": lambda _info: {**request.workspace, "workspace": lambda _info: workspace_view(request)},
    }


def _counts(project: Document, include_deleted: bool | None) -> bool:
    return bool(include_deleted) or not project.get("deletedAt")


def project_view(request: Request, project: Document) -> View:
    """Return a Project."""
    store, id_ = request.store, project["id"]

    def environments() -> list[Document]:
        return request.environments(id_)

    def of_project(kind: str) -> list[Document]:
        return store.all(kind, lambda row: row["projectId"] == id_ and not row.get("deletedAt"))

    def base_environment() -> View | None:
        found = [row for row in environments() if row["id"] == project.get("baseEnvironmentId")]
        return environment_view(request, found[0]) if found else None

    def of_here(rows: Callable[[Document, list[Document]], list[Document]]) -> list[View]:
        own = {"project": lambda _info: project_view(request, project)}
        return [{**row, **own} for row in rows(project, environments())]

    def primary() -> str | None:
        return next((str(row["id"]) for row in environments() if not row["isEphemeral"]), None)

    return {
        **project,
        "workspaceId": WORKSPACE["id"],
        "subscriptionType": "pro",
        "workspace": lambda _info: workspace_view(request),
        "teamId": WORKSPACE["id"],
        "team": workspace_view(request)["team"],
        "botPrEnvironments": bool(project.get("botPrEnvironments")),
        "baseEnvironment": lambda _info: base_environment(),
        "buckets": lambda _info, **page: connection(of_here(canvas.buckets), page),
        "groups": lambda _info, **page: connection(of_here(canvas.groups), page),
        "deployments": _deployments(request, "projectId", id_),
        "primaryEnvironmentId": lambda _info: primary(),
        "environments": lambda _info, **page: connection(
            [row for row in environments() if page.get("isEphemeral") in (None, row["isEphemeral"])],
            page,
            partial(environment_view, request),
        ),
        "services": lambda _info, **page: connection(of_project("service"), page, partial(service_view, request)),
        "volumes": lambda _info, **page: connection(of_project("volume"), page, partial(volume_view, request)),
    }


def environment_view(request: Request, environment: Document) -> View:
    """Return an Environment."""
    store, id_ = request.store, environment["id"]

    def here(kind: str) -> list[Document]:
        return store.all(kind, lambda row: row.get("environmentId") == id_) if is_seen else []

    is_seen = sees(request, id_)
    services = environment["config"].get("services", {}) if is_seen else {}

    def of_seen(value: Any) -> Any:
        if not is_seen:
            raise not_authorized()
        return value

    source = store.get("environment", environment.get("sourceEnvironmentId"))
    return {
        **environment,
        "sourceEnvironment": lambda _info: environment_view(request, source) if source else None,
        "canAccess": is_seen,
        "unmergedChangesCount": None,
        "config": lambda _info, decryptVariables=False: of_seen(
            masked(environment["config"], decrypt=bool(decryptVariables))
        ),
        "configEtag": lambda _info: of_seen(etag(environment["config"])),
        "serviceInstances": lambda _info, **page: connection(
            list(services), page, partial(instance_view, request, environment)
        ),
        "volumeInstances": lambda _info, **page: connection(
            here("volume_instance"), page, partial(volume_instance_view, request)
        ),
        "deployments": _deployments(request, "environmentId", id_),
        "variables": lambda _info, **page: connection(_variable_views(request, environment) if is_seen else [], page),
        "deploymentTriggers": lambda _info, **page: connection(triggers_of(environment) if is_seen else [], page),
        # The CLI reads the groups of volumes here, by the volume's id (fact: canvas-group-refs).
        "canvasGroupRefs": (environment.get("canvasGroupRefs") or {}) if is_seen else {},
    }


def _variable_views(request: Request, environment: Document) -> list[View]:
    config = environment["config"]
    owners: list[tuple[str | None, Document]] = [(None, config.get("sharedVariables", {}))]
    owners += [(id_, service.get("variables", {})) for id_, service in config.get("services", {}).items()]
    return [
        {
            "id": f"{environment['id']}:{owner or 'shared'}:{name}",
            "name": name,
            "environmentId": environment["id"],
            "serviceId": owner,
            "isSealed": bool(entry.get("isSealed")),
            "references": referenced(str(entry.get("value") or "")),
            "createdAt": environment["createdAt"],
            "updatedAt": environment["updatedAt"],
            "service": lambda _info, owner=owner: _service_or_trap(request, owner),
            "environment": lambda _info: environment_view(request, environment),
        }
        for owner, variables in owners
        for name, entry in variables.items()
    ]


def _service_or_trap(request: Request, service_id: str | None) -> View | None:
    """Return the service, or null although the field is non-null in Railway's schema (fact: non-null-trap)."""
    service = request.store.get("service", service_id)
    return service_view(request, service) if service is not None and not service.get("deletedAt") else None


def _environment_or_trap(request: Request, environment_id: str) -> View | None:
    environment = request.store.get("environment", environment_id)
    return environment_view(request, environment) if environment is not None else None


def _deployments(request: Request, key: str, id_: str) -> Callable[..., View]:
    """Return the resolver of a field with the deployments whose `key` is `id_` and that the caller may see."""

    def field(_info: object, **page: Any) -> View:
        rows = request.store.all("deployment", lambda row: row[key] == id_ and sees(request, row["environmentId"]))
        return connection(rows[::-1], page, partial(deployment_view, request))

    return field


def service_view(request: Request, service: Document) -> View:
    """Return a Service."""
    id_ = service["id"]

    def instances() -> list[View]:
        return [instance_view(request, row, id_) for row in request.holding(id_) if sees(request, row["id"])]

    return {
        **service,
        "project": lambda _info: project_view(request, request.project(service["projectId"])),
        "serviceInstances": lambda _info, **page: connection(instances(), page),
        "deployments": _deployments(request, "serviceId", id_),
    }


def instance_view(request: Request, environment: Document, service_id: str) -> View:
    """Return a ServiceInstance: the stored config, field by field."""
    config = environment["config"]["services"][service_id]
    service = request.store.get("service", service_id) or {"name": "", "createdAt": environment["createdAt"]}
    deployments = request.world.deployments.of(environment["id"], service_id)
    return {
        "id": f"{environment['id']}:{service_id}",
        "serviceId": service_id,
        "serviceName": service["name"],
        "service": lambda _info: _service_or_trap(request, service_id),
        "environmentId": environment["id"],
        "createdAt": service["createdAt"],
        "updatedAt": service["createdAt"],
        "deletedAt": None,
        **instance_fields(config),
        "domains": lambda _info: domains_of(request, environment["id"], service_id),
        "latestDeployment": lambda _info: deployment_view(request, deployments[-1]) if deployments else None,
        "activeDeployments": lambda _info: [
            deployment_view(request, row)
            for row in deployments
            if row["status"] in {"SUCCESS", "SLEEPING"} and not row.get("stopped")
        ],
    }


def deployment_view(request: Request, deployment: Document) -> View:
    """Return a Deployment; unlike Railway's, `url` is an address on this machine."""
    address = deployment["run"]["address"]
    running = deployment["status"] in {"SUCCESS", "SLEEPING"}
    # A process that exits with 0 leaves its deployment at SUCCESS (fact: completed).
    completed = running and bool(deployment.get("stopped"))
    return {
        **{key: value for key, value in deployment.items() if key not in _NOT_SHOWN},
        "url": f"http://{address}" if address and deployment["run"]["mode"] == "container" else None,
        "staticUrl": address or None,
        "service": lambda _info: _service_or_trap(request, deployment["serviceId"]),
        "environment": lambda _info: _environment_or_trap(request, deployment["environmentId"]),
        "canRedeploy": deployment["status"] not in {"QUEUED", "SKIPPED"},
        "canRollback": deployment["status"] == "REMOVED",
        "deploymentStopped": completed or deployment["status"] in {"REMOVED", "FAILED", "CRASHED"},
        "instances": [
            {"id": f"{deployment['id']}:{index}", "status": "EXITED" if completed else "RUNNING"}
            for index in range(replicas(deployment["snapshot"].get("deploy") or {}))
            if running
        ],
    }


def patch_view(request: Request, row: Document) -> View:
    """Return an EnvironmentPatch; if nothing is staged, its non-null `environment` is null (fact: non-null-trap)."""
    owner = "" if row["id"] == NOTHING_STAGED else row["environmentId"]
    return {
        **row,
        "patch": lambda _info, decryptVariables=False: masked(row["patch"], decrypt=bool(decryptVariables)),
        "environment": lambda _info: _environment_or_trap(request, owner),
    }


def volume_view(request: Request, volume: Document) -> View:
    """Return a Volume."""
    return {
        **volume,
        "project": lambda _info: project_view(request, request.project(volume["projectId"])),
        "volumeInstances": lambda _info, **page: connection(
            [
                volume_instance_view(request, row)
                for row in request.store.all("volume_instance", lambda row: row["volumeId"] == volume["id"])
                if sees(request, row["environmentId"])
            ],
            page,
        ),
    }


def volume_instance_view(request: Request, instance: Document) -> View:
    """Return a VolumeInstance; selecting `volume` fails if the volume no longer exists (fact: non-null-trap)."""
    volume = request.store.get("volume", instance["volumeId"])

    def of_volume(_info: object) -> View:
        if volume is None:
            raise Refusal("Problem processing request")
        return volume_view(request, volume)

    return {
        **instance,
        "volume": of_volume,
        "service": lambda _info: _service_or_trap(request, instance["serviceId"]),
        "environment": lambda _info: environment_view(request, request.environment(instance["environmentId"])),
        "currentSizeMB": instance.get("currentSizeMB", 0.0),
        "sizeMB": instance.get("sizeMB", 5000),
        "isPendingDeletion": bool(instance.get("deletedAt")),
    }
