"""`environmentPatchCommit`: what is stored, what is shown, and which services it deploys."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.fix_emulator import EmulatorError
from tests.emulator.world import IMAGE, World, nodes

PATCHES = """
query patches($id: String!) {
  environmentPatches(environmentId: $id) { edges { node { id status message environmentId patch appliedAt } } }
}"""
STAGED = "query staged($id: String!) { environmentStagedChanges(environmentId: $id) { id status environmentId patch } }"
STAGE = """
mutation stage($id: String!, $input: EnvironmentConfig!, $merge: Boolean) {
  environmentStageChanges(environmentId: $id, input: $input, merge: $merge) { id status patch }
}"""
COMMIT_STAGED = """
mutation commit($id: String!, $skip: Boolean) {
  environmentPatchCommitStaged(environmentId: $id, commitMessage: "go", skipDeploys: $skip)
}"""
ETAG = "query etag($id: String!) { environment(id: $id) { configEtag } }"
WHOLE: dict[str, Any] = {
    "source": {"image": IMAGE},
    "deploy": {"startCommand": "node server.js", "healthcheckPath": "/health", "healthcheckTimeout": 30},
    "variables": {"A": {"value": "1"}, "B": {"value": "two"}},
}


def test_one_patch_with_image_settings_and_variables_is_one_deployment(world: World) -> None:
    service = world.service("web")
    workflow = world.commit_service(service, WHOLE)
    assert workflow
    assert isinstance(workflow, str)
    assert len(world.settled(service)) == 1
    stored = world.service_config(service)
    assert stored["source"]["image"] == IMAGE
    assert stored["deploy"]["startCommand"] == "node server.js"
    assert {name: entry["value"] for name, entry in stored["variables"].items()} == {"A": "1", "B": "two"}


def test_the_same_patch_again_changes_nothing_and_deploys_nothing(world: World) -> None:
    service = world.service("web")
    world.commit_service(service, WHOLE)
    before = world.run(ETAG, id=world.environment_id)
    world.commit_service(service, WHOLE)
    assert len(world.settled(service)) == 1
    assert world.run(ETAG, id=world.environment_id) == before


@pytest.mark.parametrize(
    "change",
    [
        {"source": {"image": "ghcr.io/example/web:2"}},
        {"deploy": {"startCommand": "node other.js"}},
        {"deploy": {"healthcheckPath": None}},
        {"build": {"buildCommand": "npm ci"}},
        {"variables": {"A": {"value": "other"}}},
        {"variables": {"NEW": {"value": ""}}},
        {"variables": {"B": None}},
        {"deploy": {"multiRegionConfig": {"europe-west4-drams3a": {"numReplicas": 1}}}},
    ],
    ids=["image", "command", "cleared", "build", "variable", "empty variable", "variable gone", "region"],
)
def test_a_change_of_source_build_deploy_or_variables_is_one_deployment(world: World, change: dict[str, Any]) -> None:
    service, other = world.service("web"), world.service("other")
    world.commit({"services": {service: WHOLE, other: WHOLE}})
    world.commit_service(service, change)
    assert (len(world.settled(service)), len(world.settled(other))) == (2, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"deploy": {"multiRegionConfig": {"us-west2": {"numReplicas": 3}}}},
        {"deploy": {"numReplicas": 2}},
        {"networking": {"serviceDomains": {"a-name-for-scaling": {"port": 8080}}}},
        {"networking": {"tcpProxies": {"5432": {}}}},
        {"variables": {"MISSING": None}},
        {},
    ],
    ids=["replicas", "replicas, old way", "domain", "tcp proxy", "absent variable removed", "empty"],
)
def test_replicas_networking_and_nothing_deploy_nothing(world: World, change: dict[str, Any]) -> None:
    service = world.service("web")
    region = {"multiRegionConfig": {"us-west2": {"numReplicas": 1}}}
    world.commit_service(service, {**WHOLE, "deploy": {**WHOLE["deploy"], **region}})
    world.commit_service(service, change)
    assert len(world.settled(service)) == 1


def test_a_scaled_service_keeps_its_deployment_and_shows_its_replicas(world: World) -> None:
    service = world.running("web", multiRegionConfig={"us-west2": {"numReplicas": 1}})
    world.commit_service(service, {"deploy": {"multiRegionConfig": {"us-west2": {"numReplicas": 3}}}})
    found = world.run(
        "query i($e: String!, $s: String!) "
        "{ serviceInstance(environmentId: $e, serviceId: $s) { numReplicas region } }",
        e=world.environment_id,
        s=service,
    )["serviceInstance"]
    assert found == {"numReplicas": 3, "region": None}


def test_null_removes_a_leaf_and_leaves_its_neighbours(world: World) -> None:
    service = world.service("web")
    world.commit_service(service, WHOLE)
    world.commit_service(service, {"variables": {"A": None}, "deploy": {"healthcheckTimeout": None}})
    stored = world.service_config(service)
    assert set(stored["variables"]) == {"B"}
    assert stored["deploy"]["healthcheckPath"] == "/health"
    assert "healthcheckTimeout" not in stored["deploy"]


def test_skip_deploys_stores_only(world: World) -> None:
    service = world.service("web")
    world.commit_service(service, WHOLE, skip=True)
    assert world.deployments(service) == []
    assert world.service_config(service)["source"]["image"] == IMAGE


def test_a_service_without_a_source_is_not_deployed(world: World) -> None:
    service = world.service("web")
    world.commit_service(service, {"variables": {"A": {"value": "1"}}, "deploy": {"startCommand": "x"}})
    assert world.deployments(service) == []


def test_several_services_in_one_patch_get_one_deployment_each(world: World) -> None:
    services = [world.service(f"web-{number}") for number in range(5)]
    world.commit({"services": dict.fromkeys(services, WHOLE)})
    assert [len(world.settled(service)) for service in services] == [1] * 5


def test_shared_variables_deploy_nobody(world: World) -> None:
    service = world.running("web")
    world.commit({"sharedVariables": {"S": {"value": "x"}}})
    assert len(world.settled(service)) == 1
    assert world.config()["sharedVariables"]["S"]["value"] == "x"


def test_is_created_materialises_an_instance_in_this_environment_alone(world: World) -> None:
    empty = world.environment("empty")
    fork = world.fork("fork")
    only_in_fork = world.service("late", environmentId=fork)
    assert only_in_fork not in world.instances(empty)
    world.commit_service(only_in_fork, {"isCreated": True, **WHOLE}, environment_id=empty)
    assert only_in_fork in world.instances(empty)
    assert only_in_fork not in world.instances()
    assert len(world.settled(only_in_fork, empty)) == 1
    assert "isCreated" not in world.service_config(only_in_fork, environment_id=empty)


def test_is_deleted_removes_the_instance_of_this_environment_alone(world: World) -> None:
    service = world.running("web")
    other = world.environment("other")
    world.commit_service(service, {"isCreated": True, **WHOLE}, environment_id=other)
    world.commit_service(service, {"isDeleted": True}, environment_id=other)
    assert service not in world.instances(other)
    assert service not in world.config(environment_id=other)["services"]
    assert service in world.instances()
    assert world.run("query s($id: String!) { service(id: $id) { name deletedAt } }", id=service)["service"] == {
        "name": "web",
        "deletedAt": None,
    }


def test_a_patch_of_a_service_that_has_no_instance_here_does_not_make_one(world: World) -> None:
    empty = world.environment("empty")
    fork = world.fork("fork")
    service = world.service("late", environmentId=fork)
    with pytest.raises(EmulatorError, match=r"(?i)service instance not found|ServiceInstance not found"):
        world.commit_service(service, WHOLE, environment_id=empty)
    assert service not in world.instances(empty)


def test_values_are_masked_unless_decryption_is_asked_for(world: World) -> None:
    service = world.service("web")
    login = {"registryCredentials": {"username": "robot", "password": "hush-hush"}}
    world.commit({"services": {service: {**WHOLE, "deploy": login}}, "sharedVariables": {"S": {"value": "shared-one"}}})
    closed, opened = world.config(opened=False), world.config()
    assert closed["services"][service]["variables"]["A"]["value"] is None
    assert closed["sharedVariables"]["S"]["value"] is None
    assert opened["services"][service]["variables"]["B"]["value"] == "two"
    for config in (closed, opened):
        assert "hush-hush" not in str(config)


def test_a_sealed_value_is_never_shown_again_and_cannot_be_unsealed(world: World) -> None:
    service = world.service("web")
    world.commit_service(service, {**WHOLE, "variables": {"A": {"value": "very-secret", "isSealed": True}}})
    world.commit_service(service, {"variables": {"A": {"isSealed": False}}})
    stored = world.service_config(service)["variables"]["A"]
    assert stored["isSealed"] is True
    assert not stored.get("value")
    for unrendered in (True, False):
        found = world.run(
            """query v($p: String!, $e: String!, $s: String, $u: Boolean) {
              variables(projectId: $p, environmentId: $e, serviceId: $s, unrendered: $u)
            }""",
            p=world.project_id,
            e=world.environment_id,
            s=service,
            u=unrendered,
        )["variables"]
        assert "very-secret" not in str(found)
    assert "very-secret" not in world.emulator.snapshot(world.environment_id)


def test_sealing_an_existing_variable_keeps_its_value_for_the_deployment(world: World) -> None:
    service = world.service("web")
    world.commit_service(service, WHOLE)
    world.commit_service(service, {"variables": {"A": {"isSealed": True}}})
    assert world.service_config(service)["variables"]["A"]["isSealed"] is True
    listed = world.run(
        "query e($id: String!) { environment(id: $id) { variables { edges { node { name isSealed serviceId } } } } }",
        id=world.environment_id,
    )
    assert {"name": "A", "isSealed": True, "serviceId": service} in nodes(listed["environment"]["variables"])


def test_the_etag_changes_with_the_config_and_comes_back_with_it(world: World) -> None:
    service = world.service("web")
    world.commit_service(service, WHOLE, skip=True)
    first = world.run(ETAG, id=world.environment_id)
    world.commit_service(service, {"variables": {"C": {"value": "3"}}}, skip=True)
    assert world.run(ETAG, id=world.environment_id) != first
    world.commit_service(service, {"variables": {"C": None}}, skip=True)
    assert world.run(ETAG, id=world.environment_id) == first


def test_nothing_staged_is_a_patch_with_the_id_empty(world: World) -> None:
    staged = world.run(STAGED, id=world.environment_id)["environmentStagedChanges"]
    assert staged["id"] == "<empty>"
    assert staged["patch"] == {}
    with pytest.raises(EmulatorError, match="No patch to apply"):
        world.run(COMMIT_STAGED, id=world.environment_id)


def test_a_committed_patch_leaves_what_somebody_staged(world: World) -> None:
    service = world.service("web")
    theirs = {"services": {service: {"variables": {"THEIRS": {"value": "1"}}}}}
    world.run(STAGE, id=world.environment_id, input=theirs)
    world.commit_service(service, WHOLE)
    assert "THEIRS" not in world.service_config(service)["variables"]
    staged = world.run(STAGED, id=world.environment_id)["environmentStagedChanges"]
    assert staged["status"] == "STAGED"
    assert "THEIRS" in str(staged["patch"])


def test_staging_replaces_unless_it_merges(world: World) -> None:
    service = world.service("web")
    staged: dict[str, Any] = {}
    for name, merge in (("A", None), ("B", True)):
        patch = {"services": {service: {"variables": {name: {"value": "1"}}}}}
        staged = world.run(STAGE, id=world.environment_id, input=patch, merge=merge)["environmentStageChanges"]
    assert set(staged["patch"]["services"][service]["variables"]) == {"A", "B"}
    patch = {"services": {service: {"variables": {"C": {"value": "1"}}}}}
    staged = world.run(STAGE, id=world.environment_id, input=patch)["environmentStageChanges"]
    assert set(staged["patch"]["services"][service]["variables"]) == {"C"}


def test_committing_what_is_staged_deploys_once_and_empties_it(world: World) -> None:
    service = world.service("web")
    world.run(STAGE, id=world.environment_id, input={"services": {service: WHOLE}})
    assert world.deployments(service) == []
    world.run(COMMIT_STAGED, id=world.environment_id)
    assert len(world.settled(service)) == 1
    assert world.run(STAGED, id=world.environment_id)["environmentStagedChanges"]["id"] == "<empty>"


def test_the_history_of_patches_never_shows_a_value(world: World) -> None:
    service = world.service("web")
    world.commit_service(service, {"variables": {"A": {"value": "history-secret"}}})
    found = nodes(world.run(PATCHES, id=world.environment_id)["environmentPatches"])
    assert found[0]["status"] == "COMMITTED"
    assert found[0]["appliedAt"]
    assert "history-secret" not in str(found)


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        ({"services": {"SERVICE": {"deploy": {"preDeployCommand": ["a", "b"]}}}}, "preDeployCommand"),
        ({"services": {"SERVICE": {"build": {"buildCommand": "x"}, "deploy": {"startCommand": "x"}}}}, "buildCommand"),
        ({"services": {"SERVICE": {"deploy": {"healthcheckTimeout": "soon"}}}}, "healthcheckTimeout"),
        ({"services": {"SERVICE": {"deploy": {"restartPolicyType": "SOMETIMES"}}}}, "restartPolicyType"),
        ({"services": {"SERVICE": {"variables": {"A": "1"}}}}, "variables"),
        ({"services": "none"}, "services"),
    ],
)
def test_an_invalid_patch_is_refused_whole(world: World, patch: dict[str, Any], words: str) -> None:
    service = world.service("web")
    before = world.emulator.snapshot(world.environment_id)
    given = {"services": {service: patch["services"]["SERVICE"]}} if isinstance(patch["services"], dict) else patch
    with pytest.raises(EmulatorError, match=f"(?i)invalid.*|{words}.*nvalid"):
        world.commit(given)
    assert world.emulator.snapshot(world.environment_id) == before
