"""What the community's Terraform provider does with service and volume instances, which it makes by patches alone.

Its acceptance tests, told again: each step is what one apply sends, and what it then reads.
"""

from __future__ import annotations

from typing import Any

from tests.emulator.world import IMAGE, World, nodes

VOLUME = """
mutation volume($project: String!) {
  volumeCreate(input: { projectId: $project, mountPath: "/data", serviceId: null, environmentId: null }) { id name }
}"""
RENAME = "mutation rename($id: String!, $name: String) { volumeUpdate(volumeId: $id, input: { name: $name }) { name } }"
UPDATE = """
mutation update($id: String!, $environment: String!, $input: VolumeInstanceUpdateInput!) {
  volumeInstanceUpdate(volumeId: $id, environmentId: $environment, input: $input)
}"""
INSTANCES = """
query instances($environment: String!, $after: String) {
  environment(id: $environment) {
    volumeInstances(first: 100, after: $after) {
      edges { node { id volumeId environmentId serviceId mountPath sizeMB state } }
      pageInfo { endCursor hasNextPage }
    }
  }
}"""
PATCH = "query patch($id: String!) { environmentPatch(id: $id) { status lastAppliedError } }"
MANAGED = """
query managed($environment: String!, $service: String!) {
  serviceInstance(environmentId: $environment, serviceId: $service) {
    source { image repo } cronSchedule rootDirectory railwayConfigFile startCommand healthcheckPath healthcheckTimeout
  }
  environment(id: $environment) { config(decryptVariables: false) }
  serviceInstanceLimitOverride(environmentId: $environment, serviceId: $service)
}"""
REGION = "europe-west4-drams3a"
UNSET: dict[str, Any] = {
    "source": {"image": None, "repo": None, "branch": None, "rootDirectory": None},
    "configFile": None,
    "deploy": {
        "cronSchedule": None,
        "healthcheckPath": None,
        "healthcheckTimeout": None,
        "limitOverride": {"containers": None},
        "multiRegionConfig": {REGION: None},
        "registryCredentials": None,
        "startCommand": None,
    },
}


def committed(world: World, patch: dict[str, Any], environment: str) -> None:
    """Commit a patch, and read what became of it as the provider does: by the end of the workflow's id."""
    workflow = world.commit(patch, environment_id=environment)
    found = world.run(PATCH, id=workflow.rpartition("/")[2])["environmentPatch"]
    assert found == {"status": "COMMITTED", "lastAppliedError": None}


def instance(world: World, volume: str, environment: str) -> dict[str, Any] | None:
    """Return a volume's instance, or nothing where the provider takes it for gone."""
    found = world.run(INSTANCES, environment=environment)["environment"]["volumeInstances"]
    mine = [node for node in nodes(found) if node["volumeId"] == volume and node["state"] != "DELETED"]
    return mine[0] if mine else None


def test_a_volume_is_the_projects_and_each_instance_an_environments(world: World) -> None:
    selected, other = world.environment("selected"), world.environment("other")
    service = world.service("web", environmentId=None)
    volume = world.run(VOLUME, project=world.project_id)["volumeCreate"]["id"]
    world.run(RENAME, id=volume, name="application-data")
    everywhere = (world.environment_id, selected, other)
    assert [instance(world, volume, one) for one in everywhere] == [None, None, None]

    committed(world, {"volumes": {volume: {"sizeMB": 5000, "isCreated": True}}}, selected)
    first = instance(world, volume, selected)
    assert first is not None
    assert (first["sizeMB"], first["serviceId"]) == (5000, None)
    assert [instance(world, volume, one) for one in (world.environment_id, other)] == [None, None]

    committed(world, {"volumes": {volume: {"sizeMB": 10000}}}, selected)
    for path in ("/data", "/app/data"):
        given = {"serviceId": service, "mountPath": path}
        assert world.run(UPDATE, id=volume, environment=selected, input=given) == {"volumeInstanceUpdate": True}
        assert instance(world, volume, selected) == {**first, "sizeMB": 10000, "serviceId": service, "mountPath": path}
    world.run(UPDATE, id=volume, environment=selected, input={"serviceId": None, "mountPath": "/app/data"})
    detached = instance(world, volume, selected)
    assert detached is not None
    assert (detached["id"], detached["serviceId"]) == (first["id"], None)

    gone = world.run(UPDATE, id=volume, environment=selected, input={"state": "DELETED"})
    assert gone == {"volumeInstanceUpdate": True}
    assert [instance(world, volume, one) for one in everywhere] == [None, None, None]
    committed(world, {"volumes": {volume: {"sizeMB": 5000, "isCreated": True}}}, other)
    assert instance(world, volume, other) is not None


def test_a_service_instance_is_made_changed_reset_and_removed_by_patches(world: World) -> None:
    service = world.service("web", environmentId=None)
    sibling = world.environment("sibling")
    committed(world, {"services": {service: {"source": {"image": IMAGE}, "isCreated": True}}}, sibling)
    at = {"environment": world.environment_id, "service": service}
    limits = {"cpu": 0.25, "memoryBytes": 500_000_000}
    given = {
        "source": {**UNSET["source"], "image": IMAGE},
        "configFile": None,
        "deploy": {
            **UNSET["deploy"],
            "healthcheckPath": "/health",
            "limitOverride": {"containers": limits},
            "multiRegionConfig": {REGION: {"numReplicas": 1}},
        },
    }
    committed(world, {"services": {service: {**given, "isCreated": True}}}, world.environment_id)
    committed(world, {"services": {service: given}}, world.environment_id)
    read = world.run(MANAGED, **at)
    assert (read["serviceInstance"]["source"]["image"], read["serviceInstance"]["healthcheckPath"]) == (
        IMAGE,
        "/health",
    )
    assert read["serviceInstanceLimitOverride"]["containers"] == limits
    deploy = read["environment"]["config"]["services"][service]["deploy"]
    assert deploy["multiRegionConfig"] == {REGION: {"numReplicas": 1}}

    built = {**UNSET["source"], "rootDirectory": "/services/api"}
    changed = {**UNSET, "source": built, "configFile": "/railway.json"}
    changed["deploy"] = {**UNSET["deploy"], "cronSchedule": "0 0 * * *"}
    committed(world, {"services": {service: changed}}, world.environment_id)
    found = world.run(MANAGED, **at)["serviceInstance"]
    assert (found["cronSchedule"], found["rootDirectory"], found["railwayConfigFile"]) == (
        "0 0 * * *",
        "/services/api",
        "/railway.json",
    )

    committed(world, {"services": {service: UNSET}}, world.environment_id)
    reset = world.run(MANAGED, **at)
    assert {key: value for key, value in reset["serviceInstance"].items() if value} == {}
    assert not (reset["serviceInstanceLimitOverride"] or {}).get("containers")
    kept = reset["environment"]["config"]["services"][service].get("deploy") or {}
    assert not kept.get("multiRegionConfig")

    beside = world.run(MANAGED, environment=sibling, service=service)["serviceInstance"]
    assert beside["source"]["image"] == IMAGE
    committed(world, {"services": {service: {"isDeleted": True}}}, sibling)
    assert world.instances(sibling) == set()
    assert world.instances() == {service}
