"""Volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ops.conformance import documents
from ops.conformance.scenario import Scenario
from railway_api import documents as sent

if TYPE_CHECKING:
    from ops.conformance.sandbox import Sandbox


def _refusal(sandbox: Sandbox, service_id: str | None) -> str:
    given = {"projectId": sandbox.project_id, "mountPath": "/more", "environmentId": sandbox.environment_id}
    given.update({"serviceId": service_id} if service_id else {})
    return sandbox.refused(sent.VOLUME_CREATE, input=given)


def _drop(sandbox: Sandbox, *volume_ids: str) -> None:
    for id_ in volume_ids:
        sandbox.ask(sent.VOLUME_DELETE, volumeId=id_)


def _second(sandbox: Sandbox) -> bool:
    id_ = sandbox.service("one-volume")
    volume_id = sandbox.volume(id_)
    sandbox.lately(lambda: len(sandbox.volume_instances(volume_id)), 1)
    refused = _refusal(sandbox, id_) != "accepted"
    _drop(sandbox, volume_id)
    return refused


def _repeated(sandbox: Sandbox) -> bool:
    first, second = sandbox.volume(None), sandbox.volume(None)
    _drop(sandbox, first, second)
    return first != second


def _scope(sandbox: Sandbox) -> list[int]:
    given = {"projectId": sandbox.project_id, "mountPath": "/data"}
    nowhere = str(sandbox.ask(sent.VOLUME_CREATE, input={**given, "environmentId": None})["volumeCreate"]["id"])
    everywhere = str(sandbox.ask(sent.VOLUME_CREATE, input=given)["volumeCreate"]["id"])
    found = sandbox.lately(
        lambda: [
            len(sandbox.volume_instances(everywhere)),
            len(sandbox.volume_instances(everywhere, sandbox.fork_id)),
            len(sandbox.volume_instances(nowhere)),
        ],
        [1, 1, 0],
    )
    _drop(sandbox, everywhere, nowhere)
    return list(found)


def _grace(sandbox: Sandbox) -> list[bool]:
    volume_id = sandbox.volume(None)
    sandbox.lately(lambda: len(sandbox.volume_instances(volume_id)), 1)
    _drop(sandbox, volume_id)

    def pending() -> list[bool]:
        return [bool(row["isPendingDeletion"]) for row in sandbox.volume_instances(volume_id)]

    return list(sandbox.lately(pending, [True]))


def _names(sandbox: Sandbox) -> list[Any]:
    first, second = sandbox.volume(None), sandbox.volume(None)
    sandbox.ask(documents.VOLUME_UPDATE, volumeId=first, input={"name": "one-name"})
    taken = sandbox.refused(documents.VOLUME_UPDATE, volumeId=second, input={"name": "one-name"})
    _drop(sandbox, first)
    free = sandbox.lately(
        lambda: sandbox.refused(documents.VOLUME_UPDATE, volumeId=second, input={"name": "one-name"}), "accepted"
    )
    _drop(sandbox, second)
    return [taken, free]


def _replicas(sandbox: Sandbox) -> list[bool]:
    id_ = sandbox.service("no-replicas")
    volume_id = sandbox.volume(id_)
    sandbox.lately(lambda: len(sandbox.volume_instances(volume_id)), 1)
    three = {"deploy": {"multiRegionConfig": {"us-west2": {"numReplicas": 3}}}}
    patch = {"services": {id_: three}}
    given = {"serviceId": id_, "environmentId": sandbox.environment_id, "input": {"numReplicas": 3}}
    found = [
        sandbox.refused(sent.PATCH_COMMIT, environmentId=sandbox.environment_id, patch=patch, message="") != "accepted",
        sandbox.refused(documents.INSTANCE_UPDATE, **given) != "accepted",
    ]
    _drop(sandbox, volume_id)
    return found


def _running(sandbox: Sandbox) -> int:
    id_ = sandbox.running("gets-volume")
    before = len(sandbox.deployments(id_))
    volume_id = sandbox.volume(id_)
    sandbox.lately(lambda: len(sandbox.volume_instances(volume_id)), 1)
    more = len(sandbox.settled(id_)) - before
    _drop(sandbox, volume_id)
    return more


def _mounted_by_patch(sandbox: Sandbox) -> list[Any]:
    id_ = sandbox.running("mounts-volume")
    before = len(sandbox.deployments(id_))
    volume_id = sandbox.volume(None, mountPath="/not-mounted")
    sandbox.lately(lambda: [row["serviceId"] for row in sandbox.volume_instances(volume_id)], [None])
    patch = {"services": {id_: {"volumeMounts": {volume_id: {"mountPath": "/data"}}}}}
    sandbox.ask(sent.PATCH_STORE, environmentId=sandbox.environment_id, patch=patch, message="")
    place = [True, "/data"]
    found = sandbox.lately(
        lambda: [
            part for row in sandbox.volume_instances(volume_id) for part in (row["serviceId"] == id_, row["mountPath"])
        ],
        place,
    )
    more = len(sandbox.settled(id_)) - before
    _drop(sandbox, volume_id)
    return [*found, more]


def _detached(sandbox: Sandbox) -> list[Any]:
    id_ = sandbox.service("detached")
    volume_id = sandbox.volume(id_)
    sandbox.lately(lambda: [row["serviceId"] for row in sandbox.volume_instances(volume_id)], [id_])
    given = {"volumeId": volume_id, "environmentId": sandbox.environment_id, "input": {"serviceId": None}}
    sandbox.ask(sent.VOLUME_INSTANCE_UPDATE, **given)
    found = sandbox.lately(lambda: [row["serviceId"] for row in sandbox.volume_instances(volume_id)], [None])
    _drop(sandbox, volume_id)
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
