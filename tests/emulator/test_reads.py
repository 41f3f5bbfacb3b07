"""Fields that other clients of Railway select: owners, triggers, groups, and the traps where a promise is not kept."""

from __future__ import annotations

import pytest

from tests.emulator.fix_emulator import EmulatorError
from tests.emulator.world import IMAGE, World, nodes

OWNERS = """
query owners($id: String!) {
  project(id: $id) {
    teamId botPrEnvironments team { id } workspace { id name team { id name workspace { id } } }
    buckets { edges { node { id } } } groups { edges { node { id name color projectId project { id } } } }
    deployments { edges { node { id service { id name } environment { id name } } } }
    volumes { edges { node { id project { id } } } }
  }
}"""
MINE = "{ me { projects { edges { node { id } } } workspaces { id projects { edges { node { id } } } } } }"
STAGED = "query s($id: String!) { environmentStagedChanges(environmentId: $id) { id status environment { id } } }"
TRIGGERS = """
query t($e: String!, $p: String!, $s: String!) {
  deploymentTriggers(environmentId: $e, projectId: $p, serviceId: $s) {
    edges { node { id repository branch provider checkSuites serviceId } }
  }
  environment(id: $e) { canvasGroupRefs deploymentTriggers { edges { node { id } } } }
}"""
TOKEN = "mutation t($input: ProjectTokenCreateInput!) { projectTokenCreate(input: $input) }"
CANCEL = "mutation c($id: String!) { projectScheduleDeleteCancel(id: $id) }"


def test_a_project_names_its_workspace_and_what_was_its_team(world: World) -> None:
    service = world.running("web")
    project = world.run(OWNERS, id=world.project_id)["project"]
    workspace = project["workspace"]
    assert project["teamId"] == project["team"]["id"] == workspace["team"]["id"]
    assert workspace["team"]["workspace"]["id"] == workspace["id"]
    assert project["botPrEnvironments"] is False
    assert nodes(project["buckets"]) == []
    (deployment,) = nodes(project["deployments"])
    assert deployment["service"] == {"id": service, "name": "web"}
    assert deployment["environment"] == {"id": world.environment_id, "name": "production"}


def test_the_workspace_lists_projects_and_the_user_no_more(world: World) -> None:
    me = world.run(MINE)["me"]
    assert nodes(me["projects"]) == []
    assert world.project_id in {row["id"] for row in nodes(me["workspaces"][0]["projects"])}


def test_a_project_token_does_not_see_the_other_projects_of_its_workspace(world: World) -> None:
    given = {"projectId": world.project_id, "environmentId": world.environment_id, "name": "mine"}
    token = world.run(TOKEN, input=given)["projectTokenCreate"]
    document = "query q($id: String!) { project(id: $id) { workspace { id projects { edges { node { id } } } } } }"
    with pytest.raises(EmulatorError, match="Not Authorized"):
        world.emulator.run(document, {"Project-Access-Token": token}, id=world.project_id)


def test_groups_are_made_and_deleted_by_patches(world: World) -> None:
    world.commit({"groups": {"g1": {"isCreated": True, "name": "data", "color": "red"}}})
    (group,) = nodes(world.run(OWNERS, id=world.project_id)["project"]["groups"])
    assert (group["id"], group["name"], group["color"], group["project"]["id"]) == (
        "g1", "data", "red", world.project_id,
    )  # fmt: skip
    world.commit({"groups": {"g1": {"isDeleted": True}}})
    assert nodes(world.run(OWNERS, id=world.project_id)["project"]["groups"]) == []


def test_a_service_with_a_repository_has_a_trigger_and_one_with_an_image_has_none(world: World) -> None:
    service, other = world.service("web"), world.running("image")
    world.commit_service(service, {"source": {"repo": "example/web", "branch": "dev"}}, skip=True)
    asked = {"e": world.environment_id, "p": world.project_id}
    found = world.run(TRIGGERS, s=service, **asked)
    (trigger,) = nodes(found["deploymentTriggers"])
    assert (trigger["repository"], trigger["branch"], trigger["serviceId"]) == ("example/web", "dev", service)
    assert [row["id"] for row in nodes(found["environment"]["deploymentTriggers"])] == [trigger["id"]]
    assert nodes(world.run(TRIGGERS, s=other, **asked)["deploymentTriggers"]) == []


def test_the_environment_of_nothing_staged_is_the_trap_that_it_is_on_railway(world: World) -> None:
    with pytest.raises(EmulatorError) as trapped:
        world.run(STAGED, id=world.environment_id)
    (error,) = trapped.value.errors
    assert error["message"] == "Problem processing request"
    assert error["traceId"]
    world.run(
        "mutation s($id: String!, $in: EnvironmentConfig!) { environmentStageChanges(environmentId: $id, input: $in) "
        "{ id } }",
        id=world.environment_id,
        **{"in": {"sharedVariables": {"A": {"value": "1"}}}},
    )
    assert world.run(STAGED, id=world.environment_id)["environmentStagedChanges"]["environment"]["id"]


def test_the_service_of_a_deleted_services_deployment_is_a_trap_and_its_id_is_none(world: World) -> None:
    service = world.running("web")
    (deployment,) = world.deployments(service)
    world.run("mutation d($id: String!) { serviceDelete(id: $id) }", id=service)
    document = "query d($id: String!) { deployment(id: $id) { serviceId service { id } } }"
    with pytest.raises(EmulatorError, match="Problem processing request"):
        world.run(document, id=deployment["id"])
    assert world.run(document.replace(" service { id }", ""), id=deployment["id"])["deployment"]["serviceId"] == service


def test_a_scheduled_deletion_can_be_taken_back_and_a_deletion_can_not(world: World) -> None:
    service = world.running("web")
    look = "query p($id: String!) { project(id: $id) { services { edges { node { id } } } } }"
    assert world.run("mutation d($id: String!) { projectScheduleDelete(id: $id) }", id=world.project_id)
    with pytest.raises(EmulatorError, match="Project not found"):
        world.run(look, id=world.project_id)
    assert world.run(CANCEL, id=world.project_id)["projectScheduleDeleteCancel"]
    assert [row["id"] for row in nodes(world.run(look, id=world.project_id)["project"]["services"])] == [service]
    assert world.deployments(service)[0]["status"] == "SUCCESS"
    world.run("mutation d($id: String!) { projectDelete(id: $id) }", id=world.project_id)
    with pytest.raises(EmulatorError, match="Not Authorized"):
        world.run(CANCEL, id=world.project_id)


def test_only_a_deployment_that_waits_for_approval_is_approved(world: World) -> None:
    (deployment,) = world.deployments(world.running("web"))
    with pytest.raises(EmulatorError, match="does not need approval"):
        world.run("mutation a($id: String!) { deploymentApprove(id: $id) }", id=deployment["id"])


def test_an_instance_names_its_service_and_a_volume_its_project(world: World) -> None:
    service = world.service("web", source={"image": IMAGE})
    create = "mutation v($input: VolumeCreateInput!) { volumeCreate(input: $input) { project { id } } }"
    given = {"projectId": world.project_id, "environmentId": world.environment_id, "mountPath": "/data"}
    assert world.run(create, input=given)["volumeCreate"]["project"]["id"] == world.project_id
    look = (
        "query i($e: String!, $s: String!) { serviceInstance(environmentId: $e, serviceId: $s) { service { name } } }"
    )
    found = world.run(look, e=world.environment_id, s=service)["serviceInstance"]
    assert found["service"]["name"] == "web"


@pytest.mark.parametrize("page", [{"first": -1}, {"last": -1}, {"after": "-5"}, {"before": "-1"}, {"after": "none"}])
def test_a_page_that_cannot_be_is_refused_and_not_read_from_the_end(world: World, page: dict[str, object]) -> None:
    document = """query p($id: String!, $first: Int, $last: Int, $after: String, $before: String) {
      project(id: $id) { services(first: $first, last: $last, after: $after, before: $before) { edges { cursor } } }
    }"""
    world.service("web")
    with pytest.raises(EmulatorError, match="Problem processing request"):
        world.run(document, id=world.project_id, **page)


@pytest.mark.parametrize("name", ["", " ", "Upper", "x" * 33])
def test_a_project_is_renamed_by_the_rules_by_which_it_is_made(world: World, name: str) -> None:
    create = "mutation c($input: ProjectCreateInput!) { projectCreate(input: $input) { id } }"
    update = "mutation u($id: String!, $input: ProjectUpdateInput!) { projectUpdate(id: $id, input: $input) { id } }"
    for document, given in ((create, {}), (update, {"id": world.project_id})):
        with pytest.raises(EmulatorError, match="Invalid project name"):
            world.run(document, **given, input={"name": name})
