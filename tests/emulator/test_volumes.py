"""Volumes: created, attached, renamed, deleted softly."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.fix_emulator import EmulatorError
from tests.emulator.world import World, nodes

CREATE = "mutation v($i: VolumeCreateInput!) { volumeCreate(input: $i) { id name projectId } }"
RENAME = "mutation v($id: String!, $n: String!) { volumeUpdate(volumeId: $id, input: {name: $n}) { id name } }"
DELETE = "mutation v($id: String!) { volumeDelete(volumeId: $id) }"
UPDATE = """mutation v($id: String!, $e: String, $i: VolumeInstanceUpdateInput!) {
  volumeInstanceUpdate(volumeId: $id, environmentId: $e, input: $i) }"""
READ = """query v($id: String!) { environment(id: $id) { volumeInstances { edges { node {
  id volumeId serviceId environmentId mountPath sizeMB currentSizeMB state region isPendingDeletion deletedAt
  volume { id name projectId } } } } } }"""


def create(world: World, service: str | None, **more: Any) -> dict[str, Any]:
    given = {"projectId": world.project_id, "environmentId": world.environment_id, "mountPath": "/data"}
    made: dict[str, Any] = world.run(CREATE, i={**given, "serviceId": service, **more})["volumeCreate"]
    return made


def instances(world: World, environment_id: str = "") -> list[dict[str, Any]]:
    found = world.run(READ, id=environment_id or world.environment_id)["environment"]
    return nodes(found["volumeInstances"])


def test_a_volume_is_named_after_its_service_and_is_in_this_environment_alone(world: World) -> None:
    other = world.environment("other")
    service = world.service("web")
    volume = create(world, service)
    assert volume["name"] == "web-volume"
    (instance,) = instances(world)
    assert (instance["volumeId"], instance["serviceId"], instance["mountPath"]) == (volume["id"], service, "/data")
    assert instance["isPendingDeletion"] is False
    assert instances(world, other) == []
    assert world.config()["services"][service]["volumeMounts"] == {volume["id"]: {"mountPath": "/data"}}
    assert volume["id"] in world.config()["volumes"]


def test_without_an_environment_a_volume_is_everywhere_and_with_null_nowhere(world: World) -> None:
    other = world.environment("other")
    service = world.service("web")
    given = {"projectId": world.project_id, "mountPath": "/data", "serviceId": service}
    world.run(CREATE, i=given)
    assert (len(instances(world)), len(instances(world, other))) == (1, 1)
    nowhere = world.run(CREATE, i={**given, "serviceId": None, "environmentId": None})["volumeCreate"]
    assert nowhere["id"] not in {row["volumeId"] for row in instances(world)}


def test_a_second_volume_of_a_service_is_refused(world: World) -> None:
    service = world.service("web")
    create(world, service)
    with pytest.raises(EmulatorError, match="already"):
        create(world, service)
    assert len(instances(world)) == 1


def test_a_volume_name_is_taken_once_in_a_project(world: World) -> None:
    first, second = create(world, world.service("a")), create(world, world.service("b"))
    assert world.run(RENAME, id=first["id"], n="data")["volumeUpdate"]["name"] == "data"
    with pytest.raises(EmulatorError, match="Volume name already exists"):
        world.run(RENAME, id=second["id"], n="data")


def test_a_deleted_volume_stays_listed_as_pending_and_is_detached(world: World) -> None:
    service = world.service("web")
    volume = create(world, service)
    assert world.run(DELETE, id=volume["id"])["volumeDelete"] is True
    (instance,) = instances(world)
    assert instance["isPendingDeletion"] is True
    assert instance["deletedAt"]
    assert instance["serviceId"] is None
    assert not world.config()["services"][service].get("volumeMounts")
    listed = world.run(
        "query p($id: String!) { project(id: $id) { volumes { edges { node { id } } } } }", id=world.project_id
    )["project"]["volumes"]
    assert [row["id"] for row in nodes(listed)] == [volume["id"]]
    create(world, service)


def test_the_service_of_a_volume_instance_without_one_is_the_non_null_trap(world: World) -> None:
    create(world, None)
    answer = world.emulator.post(
        "query v($id: String!) { environment(id: $id) { volumeInstances { edges { node { service { id } } } } } }",
        {"id": world.environment_id},
    ).json()
    assert answer["data"] is None
    assert answer["errors"][0]["message"] == "Problem processing request"


def test_mount_path_and_service_can_be_changed_and_null_detaches(world: World) -> None:
    service, other = world.service("web"), world.service("other")
    volume = create(world, service)
    here = {"id": volume["id"], "e": world.environment_id}
    assert world.run(UPDATE, **here, i={"mountPath": "/elsewhere"})["volumeInstanceUpdate"] is True
    assert instances(world)[0]["mountPath"] == "/elsewhere"
    world.run(UPDATE, **here, i={"serviceId": other})
    assert instances(world)[0]["serviceId"] == other
    world.run(UPDATE, **here, i={"serviceId": None})
    assert instances(world)[0]["serviceId"] is None
    assert instances(world)[0]["mountPath"] == "/elsewhere"


def test_a_patch_makes_attaches_and_removes_a_volume(world: World) -> None:
    service = world.service("web")
    id_ = "0b7f0c9e-0000-4000-8000-" + world.project_id[-12:]
    world.commit(
        {
            "volumes": {id_: {"isCreated": True, "region": "us-west2"}},
            "services": {service: {"volumeMounts": {id_: {"mountPath": "/data"}}}},
        }
    )
    (instance,) = instances(world)
    assert (instance["volumeId"], instance["serviceId"], instance["mountPath"]) == (id_, service, "/data")
    world.commit({"volumes": {id_: {"isDeleted": True}}})
    assert instances(world)[0]["isPendingDeletion"] is True


def test_volumes_never_deploy_by_themselves(world: World) -> None:
    service = world.running("web")
    create(world, service)
    assert len(world.settled(service)) == 1


def test_volume_instance_by_id(world: World) -> None:
    create(world, world.service("web"))
    (instance,) = instances(world)
    found = world.run("query v($id: String!) { volumeInstance(id: $id) { id mountPath } }", id=instance["id"])
    assert found["volumeInstance"] == {"id": instance["id"], "mountPath": "/data"}
    with pytest.raises(EmulatorError, match="VolumeInstance not found|Not Authorized"):
        world.run("query v($id: String!) { volumeInstance(id: $id) { id } }", id="no-such-id")
