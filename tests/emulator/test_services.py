"""Projects, environments and services: names, scopes, deletes."""

from __future__ import annotations

import pytest

from tests.emulator.fix_emulator import EmulatorError
from tests.emulator.world import CREATE_PROJECT, CREATE_SERVICE, IMAGE, World, nodes

PROJECT = """
query project($id: String!) {
  project(id: $id) {
    id name deletedAt primaryEnvironmentId workspaceId
    environments { edges { node { id name isEphemeral createdAt } } }
    services { edges { node { id name } } }
    volumes { edges { node { id name } } }
  }
}"""
DELETE_SERVICE = "mutation d($id: String!, $e: String) { serviceDelete(id: $id, environmentId: $e) }"


def services_of(world: World) -> dict[str, str]:
    project = world.run(PROJECT, id=world.project_id)["project"]
    return {node["name"]: node["id"] for node in nodes(project["services"])}


def test_a_new_project_has_one_environment_named_production(world: World) -> None:
    project = world.run(PROJECT, id=world.project_id)["project"]
    environments = nodes(project["environments"])
    assert [row["name"] for row in environments] == ["production"]
    assert project["primaryEnvironmentId"] == environments[0]["id"]
    assert project["workspaceId"]


def test_the_first_environment_can_be_named(world: World) -> None:
    given = {"name": f"{world.project_id[:8]}-named", "defaultEnvironmentName": "base"}
    project = world.run(CREATE_PROJECT, input=given)["projectCreate"]
    assert [row["name"] for row in nodes(project["environments"])] == ["base"]


def test_a_project_without_a_name_gets_one(world: World) -> None:
    assert world.run(CREATE_PROJECT, input={})["projectCreate"]["name"]


@pytest.mark.parametrize("name", ["x" * 33, "", "   "])
def test_an_invalid_project_name_is_refused(world: World, name: str) -> None:
    with pytest.raises(EmulatorError, match="Invalid project name"):
        world.run(CREATE_PROJECT, input={"name": name})


def test_a_deleted_project_leaves_the_listing_and_its_children_say_not_authorized(world: World) -> None:
    service = world.service("web")
    assert world.run("mutation d($id: String!) { projectDelete(id: $id) }", id=world.project_id)["projectDelete"]
    listing = "query p($all: Boolean) { projects(includeDeleted: $all) { edges { node { id deletedAt } } } }"
    assert world.project_id not in {row["id"] for row in nodes(world.run(listing)["projects"])}
    everything = {row["id"]: row["deletedAt"] for row in nodes(world.run(listing, all=True)["projects"])}
    assert everything[world.project_id]
    for document, id_ in (
        ("query q($id: String!) { environment(id: $id) { name deletedAt } }", world.environment_id),
        ("query q($id: String!) { service(id: $id) { name } }", service),
        ("mutation d($id: String!) { projectDelete(id: $id) }", world.project_id),
        ("query q($id: String!) { project(id: $id) { name } }", world.project_id),
    ):
        with pytest.raises(EmulatorError, match="Not Authorized|not found"):
            world.run(document, id=id_)


def test_service_names_are_unique_in_a_project_and_at_most_32_characters(world: World) -> None:
    world.service("web")
    with pytest.raises(EmulatorError, match='A service named "web" already exists in this project'):
        world.service("web")
    world.service("w" * 32)
    with pytest.raises(EmulatorError, match="Invalid"):
        world.service("w" * 33)


def test_the_name_of_a_deleted_service_is_free_again(world: World) -> None:
    world.run(DELETE_SERVICE, id=world.service("web"))
    world.service("web")


def test_a_service_of_a_fork_is_in_the_fork_alone(world: World) -> None:
    other, fork = world.environment("other"), world.fork("fork")
    service = world.service("web", environmentId=fork)
    assert service in world.instances(fork)
    assert service not in world.instances()
    assert service not in world.instances(other)


@pytest.mark.parametrize("where", ["an environment", "none"])
def test_a_service_made_elsewhere_is_in_every_environment_that_is_no_fork(world: World, where: str) -> None:
    other, fork = world.environment("other"), world.fork("fork")
    given = {"projectId": world.project_id, "name": "web"}
    if where == "an environment":
        given["environmentId"] = other
    service = world.run(CREATE_SERVICE, input=given)["serviceCreate"]["id"]
    assert service in world.instances()
    assert service in world.instances(other)
    assert service not in world.instances(fork)


def test_a_service_with_an_image_and_variables_deploys_at_once_with_them(world: World) -> None:
    service = world.service("web", source={"image": IMAGE}, variables={"A": "1"})
    (deployment,) = world.settled(service)
    assert deployment["meta"]["image"] == IMAGE
    snapshot = world.run(
        "query s($id: String!) { deploymentSnapshot(deploymentId: $id) { id variables } }", id=deployment["id"]
    )["deploymentSnapshot"]
    assert snapshot["variables"] == {"A": "1"}


def test_a_service_without_a_source_does_not_deploy(world: World) -> None:
    assert world.deployments(world.service("web", variables=None)) == []


def test_deleting_a_service_with_an_environment_leaves_the_others(world: World) -> None:
    fork = world.fork("fork")
    service = world.service("web", environmentId=fork)
    world.commit_service(service, {"isCreated": True})
    assert world.run(DELETE_SERVICE, id=service, e=fork)["serviceDelete"]
    assert service not in world.instances(fork)
    assert service in world.instances()
    assert "web" in services_of(world)


def test_deleting_a_service_from_its_last_environment_leaves_it_in_the_project_or_not(world: World) -> None:
    fork = world.fork("fork")
    for name, setting in (("left", "keeps_service"), ("gone", "deletes_service")):
        service = world.service(name, environmentId=fork)
        world.emulator.settings(scoped_delete=setting)
        try:
            world.run(DELETE_SERVICE, id=service, e=fork)
        finally:
            world.emulator.settings(scoped_delete="keeps_service")
    assert "left" in services_of(world)
    assert "gone" not in services_of(world)
    # Its name is taken, until it is deleted as a whole.
    with pytest.raises(EmulatorError, match='A service named "left" already exists'):
        world.service("left", environmentId=fork)
    world.run(DELETE_SERVICE, id=services_of(world)["left"])
    assert world.service("left", environmentId=fork)


def test_deleting_a_service_everywhere_is_an_error_the_second_time_and_leaves_its_volume(world: World) -> None:
    service = world.running("web")
    volume = world.run(
        "mutation v($i: VolumeCreateInput!) { volumeCreate(input: $i) { id } }",
        i={
            "projectId": world.project_id,
            "serviceId": service,
            "environmentId": world.environment_id,
            "mountPath": "/x",
        },
    )["volumeCreate"]["id"]
    assert world.run(DELETE_SERVICE, id=service)["serviceDelete"]
    with pytest.raises(EmulatorError, match="Not Authorized|not found"):
        world.run(DELETE_SERVICE, id=service)
    assert "web" not in services_of(world)
    volumes = nodes(world.run(PROJECT, id=world.project_id)["project"]["volumes"])
    assert [row["id"] for row in volumes] == [volume]


def test_a_renamed_service_keeps_its_id_and_deploys_nothing(world: World) -> None:
    service = world.running("web")
    renamed = world.run(
        'mutation u($id: String!) { serviceUpdate(id: $id, input: {name: "site"}) { id name } }', id=service
    )["serviceUpdate"]
    assert renamed == {"id": service, "name": "site"}
    assert len(world.settled(service)) == 1


def test_a_fork_copies_services_volumes_and_variables_but_no_sealed_ones(world: World) -> None:
    service = world.running("web")
    variables = {"A": {"value": "1"}, "S": {"value": "hidden", "isSealed": True}}
    world.commit({"services": {service: {"variables": variables}}, "sharedVariables": {"X": {"value": "y"}}})
    world.run(
        "mutation v($i: VolumeCreateInput!) { volumeCreate(input: $i) { id } }",
        i={
            "projectId": world.project_id,
            "serviceId": service,
            "environmentId": world.environment_id,
            "mountPath": "/x",
        },
    )
    fork = world.fork("fork")
    config = world.config(environment_id=fork)
    assert set(config["services"][service]["variables"]) == {"A"}
    assert config["sharedVariables"]["X"]["value"] == "y"
    found = world.run(
        """query e($id: String!) { environment(id: $id) {
          sourceEnvironment { id } volumeInstances { edges { node { serviceId mountPath } } }
        } }""",
        id=fork,
    )["environment"]
    assert found["sourceEnvironment"]["id"] == world.environment_id
    assert nodes(found["volumeInstances"]) == [{"serviceId": service, "mountPath": "/x"}]
    assert len(world.settled(service, fork)) == 1


@pytest.mark.parametrize("option", ["skipInitialDeploys", "stageInitialChanges"])
def test_a_fork_can_be_made_without_deployments(world: World, option: str) -> None:
    service = world.running("web")
    fork = world.fork("fork", **{option: True})
    assert world.deployments(service, fork) == []


def test_environments_are_renamed_and_deleted(world: World) -> None:
    id_ = world.environment("first")
    with pytest.raises(EmulatorError, match="already exists"):
        world.environment("first")
    renamed = world.run(
        'mutation r($id: String!) { environmentRename(id: $id, input: {name: "second"}) { id name } }', id=id_
    )["environmentRename"]
    assert renamed == {"id": id_, "name": "second"}
    delete = "mutation d($id: String!) { environmentDelete(id: $id) }"
    assert world.run(delete, id=id_)["environmentDelete"]
    with pytest.raises(EmulatorError, match="Not Authorized|not found"):
        world.run(delete, id=id_)
    listed = world.run(
        "query e($p: String!) { environments(projectId: $p) { edges { node { id name } } } }", p=world.project_id
    )["environments"]
    assert [row["name"] for row in nodes(listed)] == ["production"]
    stale = world.run("query e($id: String!) { environment(id: $id) { deletedAt } }", id=id_)["environment"]
    assert stale["deletedAt"]
