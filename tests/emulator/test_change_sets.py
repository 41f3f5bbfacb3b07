"""Change sets: what `railway config` sends, previewed and applied."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.fix_emulator import EmulatorError
from tests.emulator.world import IMAGE, World, nodes

PREVIEW = """
mutation p($id: String!, $input: JSON!) {
  environmentPreviewChangeSet(environmentId: $id, input: $input) { changeSet diagnostics effects }
}"""
APPLY = """
mutation a($id: String!, $input: JSON!, $etag: String, $wait: Boolean) {
  environmentApplyChangeSet(environmentId: $id, input: $input, baseConfigEtag: $etag, waitForCompletion: $wait) {
    id status deploymentId diagnostics changes { kind status path summary outputs }
  }
}"""
POLL = """
query s($id: String!, $apply: String!) {
  environmentChangeSetApply(environmentId: $id, id: $apply) { id status changes { kind status outputs } }
}"""
ETAG = "query e($id: String!) { environment(id: $id) { configEtag } }"
DEPLOY = {"severity": "safe", "deployEffect": "deploy"}


def change_set(*changes: dict[str, Any]) -> dict[str, Any]:
    named = [{"path": f"resources.{change['address']}", "summary": change["kind"], **change} for change in changes]
    return {"version": 1, "changes": named, "diagnostics": []}


def create(name: str, **resource: Any) -> dict[str, Any]:
    made = {"type": "service", "name": name, "source": {"type": "image", "image": IMAGE}, **resource}
    return {"kind": "resource.create", "address": f"service.{name}", "resource": made, **DEPLOY}


def update(name: str, field: str, before: Any, after: Any) -> dict[str, Any]:
    where = {"address": f"service.{name}", "field": field}
    return {"kind": "resource.update", **where, "before": before, "after": after, **DEPLOY}


def apply(world: World, *changes: dict[str, Any], **more: Any) -> dict[str, Any]:
    done: dict[str, Any] = world.run(APPLY, id=world.environment_id, input=change_set(*changes), **more)
    return dict(done["environmentApplyChangeSet"])


def etag(world: World) -> str:
    return str(world.run(ETAG, id=world.environment_id)["environment"]["configEtag"])


@pytest.mark.parametrize(("given", "version"), [({}, "undefined"), ({"version": 2, "changes": []}, "2")])
def test_a_change_set_of_another_version_is_refused(world: World, given: dict[str, Any], version: str) -> None:
    for document in (PREVIEW, APPLY):
        with pytest.raises(EmulatorError, match=f"Unsupported RailwayChangeSet version: {version}"):
            world.run(document, id=world.environment_id, input=given)


def test_a_preview_changes_nothing_and_names_what_deploys(world: World) -> None:
    before = world.emulator.snapshot(world.environment_id)
    given = change_set(create("web"))
    shown = world.run(PREVIEW, id=world.environment_id, input=given)["environmentPreviewChangeSet"]
    assert (shown["changeSet"], shown["diagnostics"]) == (given, [])
    assert [effect["path"] for effect in shown["effects"]] == ["resources.service.web"]
    assert world.emulator.snapshot(world.environment_id) == before


def test_services_a_volume_and_a_reference_are_made_in_one_apply_with_one_deployment_each(world: World) -> None:
    done = apply(
        world,
        {
            "kind": "resource.create",
            "address": "volume.data",
            "resource": {"type": "volume", "name": "data", "config": {"region": "us-west2"}},
        },
        create("api", variables={"TOKEN": {"type": "literal", "value": "t"}}),
        create(
            "web",
            variables={"API": {"type": "reference", "resource": "service.api", "output": "TOKEN"}},
            volumeAttachments={"data": {"mountPath": "/data"}},
        ),
    )
    assert (done["status"], done["diagnostics"]) == ("applied", [])
    web = done["changes"][2]["outputs"]["id"]
    config = world.service_config(web)
    assert config["source"] == {"image": IMAGE}
    assert config["variables"]["API"]["value"] == "${{api.TOKEN}}"
    assert [mount["mountPath"] for mount in config["volumeMounts"].values()] == ["/data"]
    (deployment,) = world.settled(web)
    assert deployment["status"] == "SUCCESS"
    assert done["deploymentId"]


def test_variables_and_parts_of_a_service_are_changed_and_removed(world: World) -> None:
    service = world.running("web", startCommand="serve", healthcheckPath="/health")
    world.commit_service(service, {"variables": {"OLD": {"value": "1"}}}, skip=True)
    where = {"address": "service.web", **DEPLOY}
    done = apply(
        world,
        update("web", "deploy", {"startCommand": "serve", "healthcheckPath": "/health"}, {"startCommand": "run"}),
        {"kind": "variable.set", **where, "variable": "NEW", "after": {"type": "literal", "value": "2"}},
        {"kind": "variable.set", **where, "variable": "KEPT", "after": {"type": "preserve"}},
        {"kind": "variable.delete", **where, "variable": "OLD"},
        update("web", "name", "web", "site"),
    )
    assert done["status"] == "applied"
    config = world.service_config(service)
    assert config["deploy"] == {"startCommand": "run"}
    assert {name: entry["value"] for name, entry in config["variables"].items()} == {"NEW": "2"}
    assert len(world.settled(service)) == 2
    named = world.run("query s($id: String!) { service(id: $id) { name } }", id=service)
    assert named["service"]["name"] == "site"


def test_a_deleted_service_is_gone_and_its_volume_is_never_deleted(world: World) -> None:
    service = world.running("web")
    apply(world, {"kind": "resource.delete", "address": "service.web", "severity": "destructive"})
    assert service not in world.instances()
    with pytest.raises(EmulatorError, match="Service not found"):
        world.run("query s($id: String!) { service(id: $id) { name } }", id=service)
    create_volume = "mutation v($input: VolumeCreateInput!) { volumeCreate(input: $input) { id name } }"
    given = {"projectId": world.project_id, "environmentId": world.environment_id, "mountPath": "/data"}
    volume = world.run(create_volume, input=given)["volumeCreate"]
    done = apply(world, {"kind": "resource.delete", "address": f"volume.{volume['name']}"})
    assert (done["status"], done["diagnostics"][0]["severity"]) == ("failed", "error")


def test_a_change_that_cannot_be_done_leaves_the_others_undone(world: World) -> None:
    before = world.emulator.snapshot(world.environment_id)
    done = apply(world, create("web"), update("missing", "deploy", {}, {"startCommand": "run"}))
    assert (done["status"], [change["status"] for change in done["changes"]]) == ("failed", ["skipped", "skipped"])
    assert "service.missing does not exist" in done["diagnostics"][0]["message"]
    assert world.emulator.snapshot(world.environment_id) == before


def test_an_apply_on_a_stale_etag_is_refused_with_its_code(world: World) -> None:
    plan_made_at = etag(world)
    assert apply(world, create("web"), etag=plan_made_at)["status"] == "applied"
    with pytest.raises(EmulatorError) as refused:
        apply(world, create("other"), etag=plan_made_at)
    assert refused.value.errors[0]["extensions"]["code"] == "STALE_ENVIRONMENT_BASE"


def test_who_does_not_wait_is_told_applying_and_polls_for_the_result(world: World) -> None:
    done = apply(world, create("web"), wait=False)
    assert (done["status"], done["changes"]) == ("applying", [])
    polled = world.run(POLL, id=world.environment_id, apply=done["id"])["environmentChangeSetApply"]
    assert (polled["status"], polled["changes"][0]["status"]) == ("applied", "applied")
    with pytest.raises(EmulatorError, match="ChangeSet apply not found"):
        world.run(POLL, id=world.environment_id, apply="unknown")


GROUPED = """
query g($id: String!, $project: String!) {
  environment(id: $id) { config canvasGroupRefs }
  project(id: $project) { volumes { edges { node { id name } } } services { edges { node { id name } } } }
}"""


def previewed(world: World, *changes: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a preview says is left to do."""
    shown = world.run(PREVIEW, id=world.environment_id, input=change_set(*changes))["environmentPreviewChangeSet"]
    assert shown["diagnostics"] == []
    return list(shown["changeSet"]["changes"])


def test_a_group_has_an_id_by_which_its_services_volumes_and_groups_name_it(world: World) -> None:
    group = {"kind": "resource.create", "address": "group.Back End", "resource": {"type": "group", "name": "Back End"}}
    inner = {"type": "group", "name": "inner", "groupId": "Back End", "color": None}
    volume = {"type": "volume", "name": "data", "config": {}, "groupId": "Back End"}
    changes = [
        *(create("web", groupId="inner"), create("api"), group),
        {"kind": "resource.create", "address": "group.inner", "resource": inner},
        {"kind": "resource.create", "address": "volume.data", "resource": volume},
    ]
    assert apply(world, *changes)["status"] == "applied"

    def read() -> tuple[dict[str, Any], dict[str, Any], dict[str, str]]:
        found = world.run(GROUPED, id=world.environment_id, project=world.project_id)
        named = [*nodes(found["project"]["volumes"]), *nodes(found["project"]["services"])]
        return (
            found["environment"]["config"],
            found["environment"]["canvasGroupRefs"],
            {n["name"]: n["id"] for n in named},
        )

    config, refs, ids = read()
    groups = {entry["name"]: id_ for id_, entry in config["groups"].items()}
    assert config["services"][ids["web"]]["groupId"] == groups["inner"]
    assert config["groups"][groups["inner"]]["groupId"] == groups["Back End"]
    assert refs == {ids["data"]: groups["Back End"]}
    # The group of a volume is no part of the config, from which clients write their files.
    assert config["volumes"] == {ids["data"]: {}}

    moved = [
        update("web", "groupId", "inner", "Back End"),
        {**update("data", "groupId", "Back End", None), "address": "volume.data"},
    ]
    assert len(previewed(world, *moved)) == 2
    assert apply(world, *moved)["status"] == "applied"
    config, refs, ids = read()
    assert (config["services"][ids["web"]]["groupId"], refs) == (groups["Back End"], {})
    assert previewed(world, *moved) == []


def test_names_are_addressed_as_they_are_also_where_two_differ_by_case_alone(world: World) -> None:
    names = ("big", "Big", "my app")
    assert apply(world, *(create(name) for name in names))["status"] == "applied"
    changes = [
        {"kind": "variable.set", "address": f"service.{name}", "variable": "A", "after": name, **DEPLOY}
        for name in names
    ]
    reference = {"type": "reference", "resource": "service.my app", "output": "A"}
    changes.append({"kind": "variable.set", "address": "service.Big", "variable": "B", "after": reference, **DEPLOY})
    assert apply(world, *changes)["status"] == "applied"
    found = world.run(GROUPED, id=world.environment_id, project=world.project_id)
    ids = {node["name"]: node["id"] for node in nodes(found["project"]["services"])}
    services = world.config()["services"]
    assert {name: services[ids[name]]["variables"]["A"]["value"] for name in names} == {name: name for name in names}
    assert services[ids["Big"]]["variables"]["B"]["value"] == "${{my app.A}}"


@pytest.mark.parametrize(
    "attached",
    [
        {"volumeAttachments": {"data": {"volume": "volume.data", "mountPath": "/srv", "volumeConfig": {}}}},
        {"volumeAttachments": {"volume.data": "/srv"}},
        {"volumeMounts": {"data": {"mountPath": "/srv"}}},
    ],
)
def test_a_mount_keeps_nothing_but_its_path(world: World, attached: dict[str, Any]) -> None:
    volume = {"type": "volume", "name": "data", "config": {"region": "us-west2"}}
    made = {"kind": "resource.create", "address": "volume.data", "resource": volume}
    done = apply(world, create("web", **attached), made)
    assert done["status"] == "applied"
    (service,) = world.config()["services"].values()
    assert list(service["volumeMounts"].values()) == [{"mountPath": "/srv"}]
