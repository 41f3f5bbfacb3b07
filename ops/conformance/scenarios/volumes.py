"""Volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ops.conformance import documents
from ops.conformance.scenario import Scenario
from railway_api import documents as sent

if TYPE_CHECKING:
    from ops.conformance.sandbox import Sandbox


def _refusal(stage: Sandbox, service_id: str | None) -> str:
    given = {"projectId": stage.project_id, "mountPath": "/more", "environmentId": stage.environment_id}
    given.update({"serviceId": service_id} if service_id else {})
    return stage.refused(sent.VOLUME_CREATE, input=given)


def _drop(stage: Sandbox, *volume_ids: str) -> None:
    for id_ in volume_ids:
        stage.ask(sent.VOLUME_DELETE, volumeId=id_)


def _second(stage: Sandbox) -> bool:
    id_ = stage.service("one-volume")
    volume_id = stage.volume(id_)
    stage.lately(lambda: len(stage.volume_instances(volume_id)), 1)
    refused = _refusal(stage, id_) != "accepted"
    _drop(stage, volume_id)
    return refused


def _repeated(stage: Sandbox) -> bool:
    first, second = stage.volume(None), stage.volume(None)
    _drop(stage, first, second)
    return first != second


def _scope(stage: Sandbox) -> list[int]:
    given = {"projectId": stage.project_id, "mountPath": "/data"}
    nowhere = str(stage.ask(sent.VOLUME_CREATE, input={**given, "environmentId": None})["volumeCreate"]["id"])
    everywhere = str(stage.ask(sent.VOLUME_CREATE, input=given)["volumeCreate"]["id"])
    found = stage.lately(
        lambda: [
            len(stage.volume_instances(everywhere)),
            len(stage.volume_instances(everywhere, stage.fork_id)),
            len(stage.volume_instances(nowhere)),
        ],
        [1, 1, 0],
    )
    _drop(stage, everywhere, nowhere)
    return list(found)


def _grace(stage: Sandbox) -> list[bool]:
    volume_id = stage.volume(None)
    stage.lately(lambda: len(stage.volume_instances(volume_id)), 1)
    _drop(stage, volume_id)

    def pending() -> list[bool]:
        return [bool(row["isPendingDeletion"]) for row in stage.volume_instances(volume_id)]

    return list(stage.lately(pending, [True]))


def _names(stage: Sandbox) -> list[Any]:
    first, second = stage.volume(None), stage.volume(None)
    stage.ask(documents.VOLUME_UPDATE, volumeId=first, input={"name": "one-name"})
    taken = stage.refused(documents.VOLUME_UPDATE, volumeId=second, input={"name": "one-name"})
    _drop(stage, first)
    free = stage.lately(
        lambda: stage.refused(documents.VOLUME_UPDATE, volumeId=second, input={"name": "one-name"}), "accepted"
    )
    _drop(stage, second)
    return [taken, free]


def _replicas(stage: Sandbox) -> list[bool]:
    id_ = stage.service("no-replicas")
    volume_id = stage.volume(id_)
    stage.lately(lambda: len(stage.volume_instances(volume_id)), 1)
    three = {"deploy": {"multiRegionConfig": {"us-west2": {"numReplicas": 3}}}}
    patch = {"services": {id_: three}}
    given = {"serviceId": id_, "environmentId": stage.environment_id, "input": {"numReplicas": 3}}
    found = [
        stage.refused(sent.PATCH_COMMIT, environmentId=stage.environment_id, patch=patch, message="") != "accepted",
        stage.refused(documents.INSTANCE_UPDATE, **given) != "accepted",
    ]
    _drop(stage, volume_id)
    return found


def _running(stage: Sandbox) -> int:
    id_ = stage.running("gets-volume")
    before = len(stage.deployments(id_))
    volume_id = stage.volume(id_)
    stage.lately(lambda: len(stage.volume_instances(volume_id)), 1)
    more = len(stage.settled(id_)) - before
    _drop(stage, volume_id)
    return more


def _mounted_by_patch(stage: Sandbox) -> list[Any]:
    id_ = stage.running("mounts-volume")
    before = len(stage.deployments(id_))
    volume_id = stage.volume(None, mountPath="/not-mounted")
    stage.lately(lambda: [row["serviceId"] for row in stage.volume_instances(volume_id)], [None])
    patch = {"services": {id_: {"volumeMounts": {volume_id: {"mountPath": "/data"}}}}}
    stage.ask(sent.PATCH_STORE, environmentId=stage.environment_id, patch=patch, message="")
    place = [True, "/data"]
    found = stage.lately(
        lambda: [
            part for row in stage.volume_instances(volume_id) for part in (row["serviceId"] == id_, row["mountPath"])
        ],
        place,
    )
    more = len(stage.settled(id_)) - before
    _drop(stage, volume_id)
    return [*found, more]


def _detached(stage: Sandbox) -> list[Any]:
    id_ = stage.service("detached")
    volume_id = stage.volume(id_)
    stage.lately(lambda: [row["serviceId"] for row in stage.volume_instances(volume_id)], [id_])
    given = {"volumeId": volume_id, "environmentId": stage.environment_id, "input": {"serviceId": None}}
    stage.ask(sent.VOLUME_INSTANCE_UPDATE, **given)
    found = stage.lately(lambda: [row["serviceId"] for row in stage.volume_instances(volume_id)], [None])
    _drop(stage, volume_id)
    return list(found)


SCENARIOS = (
    Scenario("second-volume-of-a-service", ("one-volume-a-service", "volume-lag"), _second, expected=True),
    Scenario("volume-made-twice", ("volume-repeats",), _repeated, expected=True),
    Scenario("where-a-volume-is-made", ("volume-scope",), _scope, [1, 1, 0]),
    Scenario("deleted-volume", ("volume-grace",), _grace, [True]),
    Scenario("volume-of-a-taken-name", ("volume-name-taken",), _names, ["Volume name already exists", "accepted"]),
    Scenario("replicas-and-a-volume", ("volume-no-replicas",), _replicas, [True, True]),
    Scenario("volume-for-a-running-service", ("volume-create-deploys",), _running, 0, deployments=2, otherwise=1),
    Scenario(
        "volume-mounted-by-a-patch", ("volume-mounted-by-patch",), _mounted_by_patch, [True, "/data", 0], deployments=1
    ),
    Scenario("volume-without-a-service", ("volume-scope",), _detached, [None]),
)
