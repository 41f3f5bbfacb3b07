"""Volumes: made in one environment, deleted softly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ariadne import MutationType, QueryType

from emulator.api.request import Info, Request, request_of
from emulator.api.views import View, volume_instance_view, volume_view
from emulator.errors import Refusal, not_authorized, not_found
from emulator.store import Document, new_id, now

_KEPT_HOURS = 48
query = QueryType()
mutation = MutationType()


@query.field("volumeInstance")
def volume_instance(_: object, info: Info, id: str) -> View:
    """Return a volume in an environment."""
    request = request_of(info)
    found = request.store.get("volume_instance", id)
    if found is None:
        raise not_found("VolumeInstance")
    request.environment(found["environmentId"])
    return volume_instance_view(request, found)


@mutation.field("volumeCreate")
def volume_create(_: object, info: Info, input: Document) -> View:
    """Make a volume; there is no name argument, and a second call makes a second volume (facts §2.6)."""
    request = request_of(info)
    project = request.project(input["projectId"])
    environment = request.environment(input.get("environmentId"))
    service_id = input.get("serviceId")
    store = request.store
    if service_id:
        if service_id not in environment["config"].get("services", {}):
            raise not_found("ServiceInstance")
        if _of_instance(request, environment["id"], service_id):
            raise Refusal("Service already has a volume attached")
    base = f"{request.service(service_id)['name']}-volume" if service_id else "volume"
    taken = {row["name"] for row in store.all("volume", lambda row: row["projectId"] == project["id"])}
    name = next(n for n in (base, *(f"{base}-{i}" for i in range(2, 1000))) if n not in taken)
    volume = {"id": new_id(), "name": name, "projectId": project["id"], "createdAt": now(), "deletedAt": None}
    store.put("volume", volume["id"], volume)
    instance: Document = {
        "id": new_id(),
        "volumeId": volume["id"],
        "environmentId": environment["id"],
        "serviceId": service_id,
        "mountPath": input["mountPath"],
        "name": name,
        "region": input.get("region"),
        "state": "READY",
        "createdAt": now(),
        "deletedAt": None,
    }
    store.put("volume_instance", instance["id"], instance)
    return volume_view(request, volume)


def _of_instance(request: Request, environment_id: str, service_id: str) -> list[Document]:
    return request.store.all(
        "volume_instance",
        lambda row: (
            row["environmentId"] == environment_id and row["serviceId"] == service_id and not row.get("deletedAt")
        ),
    )


def _volume(request: Request, id_: str) -> Document:
    found = request.store.get("volume", id_)
    if found is None:
        raise not_authorized()
    request.project(found["projectId"])
    return found


@mutation.field("volumeUpdate")
def volume_update(_: object, info: Info, volumeId: str, input: Document) -> View:
    """Rename a volume."""
    request = request_of(info)
    found = _volume(request, volumeId)
    name = input.get("name")
    if name and request.store.all(
        "volume", lambda row: row["projectId"] == found["projectId"] and row["name"] == name and row["id"] != volumeId
    ):
        raise Refusal(f"A volume named {name} already exists in this project")
    if name:
        found["name"] = name
        request.store.put("volume", volumeId, found)
    return volume_view(request, found)


@mutation.field("volumeInstanceUpdate")
def volume_instance_update(
    _: object, info: Info, volumeId: str, input: Document, environmentId: str | None = None
) -> bool:
    """Change where a volume is mounted, from the next deployment on."""
    request = request_of(info)
    _volume(request, volumeId)
    for row in request.store.all(
        "volume_instance",
        lambda row: row["volumeId"] == volumeId and environmentId in (None, row["environmentId"]),
    ):
        row.update({key: input[key] for key in ("mountPath", "serviceId") if key in input})
        request.store.put("volume_instance", row["id"], row)
    return True


@mutation.field("volumeDelete")
def volume_delete(_: object, info: Info, volumeId: str) -> bool:
    """Delete a volume softly: it stays listed for 48 hours. The emulator drops its data at once."""
    request = request_of(info)
    _volume(request, volumeId)
    gone = (datetime.now(UTC) + timedelta(hours=_KEPT_HOURS)).isoformat()
    for row in request.store.all("volume_instance", lambda row: row["volumeId"] == volumeId):
        row.update(deletedAt=gone, state="DELETING")
        request.store.put("volume_instance", row["id"], row)
    request.world.postgres.forget(volumeId)
    return True
