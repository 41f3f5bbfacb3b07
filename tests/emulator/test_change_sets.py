"""Change sets: what `railway config` sends, previewed and applied."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.fix_emulator import EmulatorError
from tests.emulator.world import IMAGE, World

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
