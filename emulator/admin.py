"""What the paths below /_emulator do with the state: active deployments, snapshots, settings and forced changes."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from emulator.config import masked
from emulator.routes import ACTIVE
from emulator.store import now

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emulator.api.request import World
    from emulator.store import Document, Store

_OF_ENVIRONMENT = ("domain", "custom_domain", "tcp_proxy", "volume_instance", "project_token")
_NEVER_SHOWN = ("variables", "snapshot", "logs", "token")


def where(world: World) -> dict[str, Any]:
    """Return the active deployment of each service instance, with its address and the way it runs."""
    store = world.store
    rows = []
    for deployment in store.all("deployment", lambda row: row["status"] in ACTIVE):
        service = store.get("service", deployment["serviceId"]) or {}
        environment = store.get("environment", deployment["environmentId"]) or {}
        rows.append(
            {
                "project": (store.get("project", deployment["projectId"]) or {}).get("name"),
                "environment": environment.get("name"),
                "service": service.get("name"),
                "deployment": deployment["id"],
                "status": deployment["status"],
                "image": deployment["meta"].get("image"),
                "mode": deployment["run"]["mode"],
                "address": deployment["run"]["address"],
            }
        )
    return {"services": rows}


def snapshot(store: Store, environment_id: str, *, opened: bool) -> dict[str, Any]:
    """Return everything about one environment; two equal snapshots mean that nothing changed.

    Args:
        store: the documents.
        environment_id: the environment's id.
        opened: whether values of variables are shown; sealed ones never are.
    """
    environment = store.get("environment", environment_id) or {}
    shown: dict[str, Any] = {**environment, "config": masked(environment.get("config", {}), decrypt=opened)}
    for kind in _OF_ENVIRONMENT:
        shown[kind] = [_without(row) for row in _of(store, kind, environment_id)]
    shown["deployment"] = [_without(row) for row in _of(store, "deployment", environment_id)]
    shown["service"] = store.all("service", lambda row: row["projectId"] == environment.get("projectId"))
    return shown


def overview(store: Store) -> dict[str, Any]:
    """Return the projects that are not deleted, with their environments, services and volumes."""
    projects = []
    for project in store.all("project", lambda row: not row.get("deletedAt")):

        def mine(row: Document, project_id: str = project["id"]) -> bool:
            return row["projectId"] == project_id and not row.get("deletedAt")

        projects.append(
            {
                "id": project["id"],
                "name": project["name"],
                "environments": [{"id": row["id"], "name": row["name"]} for row in store.all("environment", mine)],
                "services": [{"id": row["id"], "name": row["name"]} for row in store.all("service", mine)],
                "volumes": [{"id": row["id"], "name": row.get("name")} for row in store.all("volume", mine)],
            }
        )
    return {"projects": projects}


def settings(world: World, values: Mapping[str, Any]) -> dict[str, Any]:
    """Change settings and return all of them."""
    return asdict(world.settings.change(values))


def deployment(store: Store, values: Mapping[str, Any]) -> dict[str, Any]:
    """Give a deployment a status that no call causes (a later CRASHED, SLEEPING, SKIPPED), or delete it.

    With an `address`, it answers there, as a container would; with `stopped`, its process has exited with 0.

    Raises:
        ValueError: there is no such deployment.
    """
    found = store.get("deployment", values.get("id"))
    if found is None:
        raise ValueError(f"there is no deployment {values.get('id')!r}")
    if values.get("status") is None:
        store.delete("deployment", found["id"])
        return {"id": found["id"], "status": None}
    if values.get("address"):
        found["run"] = {"mode": "container", "handle": "", "address": str(values["address"])}
        found["meta"] = {**found["meta"], "emulatorMode": "container"}
    found.update(status=str(values["status"]), statusUpdatedAt=now(), updatedAt=now())
    found["stopped"] = bool(values.get("stopped"))
    store.put("deployment", found["id"], found)
    return {"id": found["id"], "status": found["status"]}


def volume_instance(store: Store, values: Mapping[str, Any]) -> dict[str, Any]:
    """Set how much data a volume instance has (`currentSizeMB`, of `sizeMB`), or delete it for good (`purged`).

    Raises:
        ValueError: there is no such volume instance.
    """
    found = store.get("volume_instance", values.get("id"))
    if found is None:
        raise ValueError(f"there is no volume instance {values.get('id')!r}")
    if values.get("purged"):
        store.delete("volume_instance", found["id"])
        store.delete("volume", found["volumeId"])
    else:
        found["currentSizeMB"] = float(values["currentSizeMB"])
        found["sizeMB"] = int(values.get("sizeMB", found.get("sizeMB", 5000)))
        store.put("volume_instance", found["id"], found)
    return {"id": found["id"]}


def forget(world: World) -> None:
    """Stop what runs, and remove every project from the state; settings, faults and the ledger stay."""
    store = world.store
    with store.transaction():
        for environment in store.all("environment"):
            for service_id in environment["config"].get("services", {}):
                world.deployments.stop_instance(environment["id"], service_id)
        for instance in store.all("volume_instance"):
            world.postgres.forget(instance["id"])
        store.clear()


def _of(store: Store, kind: str, environment_id: str) -> list[Document]:
    return store.all(kind, lambda row: row.get("environmentId") == environment_id)


def _without(row: Document) -> Document:
    return {key: value for key, value in row.items() if key not in _NEVER_SHOWN}
