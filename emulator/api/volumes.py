"""The resolvers of volumes."""

from __future__ import annotations

from ariadne import MutationType, QueryType

from emulator.api.apply import delete_volume_instances, store_patch
from emulator.api.request import Info, Request, request_of
from emulator.api.sync import free_volume_name, new_volume, new_volume_instance, rows, volume_names
from emulator.api.views import View, volume_instance_view, volume_view
from emulator.errors import Refusal, not_authorized
from emulator.store import Document

query = QueryType()
mutation = MutationType()
_GONE = ("DELETED", "DELETING")


@query.field("volumeInstance")
def volume_instance(_: object, info: Info, id: str) -> View:
    """Return a volume instance."""
    request = request_of(info)
    return volume_instance_view(request, request.of_environment("volume_instance", id)[0])


@mutation.field("volumeCreate")
def volume_create(_: object, info: Info, input: Document) -> View:
    """Create a volume; it has no name argument, so a second call creates a second volume (fact: volume-repeats)."""
    request = request_of(info)
    project = request.project(input["projectId"])
    service_id = input.get("serviceId")
    targets = _targets(request, project["id"], input)
    for environment in targets:
        if service_id:
            request.instance(environment["id"], service_id)
        if service_id and rows(request, "volume_instance", environment["id"], service_id):
            # A service has one volume at most (fact: one-volume-a-service).
            raise Refusal("Service already has a volume attached")
    if not str(input["mountPath"]).startswith("/"):
        raise Refusal("Invalid mount path")
    base = f"{request.service(service_id)['name']}-volume" if service_id else "volume"
    volume = new_volume(request, project["id"], free_volume_name(request, project["id"], base))
    for environment in targets:
        instance = new_volume_instance(
            environment, volume, service_id=None, mount_path=input["mountPath"], region=input.get("region")
        )
        request.store.put("volume_instance", instance["id"], instance)
        _mount(request, environment, instance, service_id)
        if service_id and request.world.settings.decides("volume_create_deploys"):
            _deploy_again(request, environment, service_id)
    return volume_view(request, volume)


def _deploy_again(request: Request, environment: Document, service_id: str) -> None:
    """Deploy a service that was deployed before, so that its new volume is mounted (fact: volume-create-deploys)."""
    if request.world.deployments.of(environment["id"], service_id):
        request.world.deployments.start(environment["id"], service_id, "volume attached")


def _targets(request: Request, project_id: str, input_: Document) -> list[Document]:
    """Return the given environment, none for a null id, or all if there is no id (fact: volume-scope)."""
    if input_.get("environmentId"):
        return [request.environment(input_["environmentId"])]
    if "environmentId" in input_:
        return []
    return request.environments(project_id)


def _mount(request: Request, environment: Document, instance: Document, service_id: str | None) -> None:
    """Write a volume's mount into the config, as a patch would."""
    volume_id, services = instance["volumeId"], environment["config"].get("services", {})
    patch: Document = {"volumes": {volume_id: {"region": instance["region"]} if instance["region"] else {}}}
    patch["services"] = {
        id_: {"volumeMounts": {volume_id: None}}
        for id_, service in services.items()
        if volume_id in (service.get("volumeMounts") or {}) and id_ != service_id
    }
    if service_id:
        patch["services"][service_id] = {"volumeMounts": {volume_id: {"mountPath": instance["mountPath"]}}}
    store_patch(request, environment, patch)


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
    if name and volume_names(request, found["projectId"]).get(name, volumeId) != volumeId:
        raise Refusal("Volume name already exists")
    if name:
        found["name"] = name
        request.store.put("volume", volumeId, found)
    return volume_view(request, found)


@mutation.field("volumeInstanceUpdate")
def volume_instance_update(
    _: object, info: Info, volumeId: str, input: Document, environmentId: str | None = None
) -> bool:
    """Change a volume's mount, which the next deployment applies; a null service detaches the volume.

    The state DELETED deletes the volume in the environment, or in all environments (fact: volume-state-deleted).
    """
    request = request_of(info)
    _volume(request, volumeId)
    if input.get("state") in _GONE:
        delete_volume_instances(request, volumeId, environmentId, state=input["state"])
        return True
    for row in request.store.all(
        "volume_instance",
        lambda row: (
            row["volumeId"] == volumeId and environmentId in (None, row["environmentId"]) and not row.get("deletedAt")
        ),
    ):
        row.update({key: input[key] for key in ("mountPath",) if input.get(key)})
        service_id = input["serviceId"] if "serviceId" in input else row["serviceId"]
        _mount(request, request.environment(row["environmentId"]), row, service_id)
    return True


@mutation.field("volumeDelete")
def volume_delete(_: object, info: Info, volumeId: str) -> bool:
    """Mark a volume as deleted in every environment; it stays listed."""
    request = request_of(info)
    _volume(request, volumeId)
    delete_volume_instances(request, volumeId, None)
    return True
