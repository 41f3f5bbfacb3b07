"""What happens to an environment behind a stack's back: each function makes one state of it."""

from __future__ import annotations

from tests.railway.scene import _PATCH, Scene

OTHER = "ghcr.io/example/other:9@sha256:" + "c" * 64
_RENAME = "mutation r($id: String!, $i: ServiceUpdateInput!) { serviceUpdate(id: $id, input: $i) { id } }"
_MOUNT = """mutation m($v: String!, $e: String, $i: VolumeInstanceUpdateInput!) {
  volumeInstanceUpdate(volumeId: $v, environmentId: $e, input: $i)
}"""


def nothing(_: Scene) -> None:
    """Leave everything as it is."""


def failed(scene: Scene) -> None:
    """A newer deployment failed, and the one before it still serves."""
    before = scene.deployments()[-1]
    scene.deploy()
    scene.newest("FAILED")
    scene.mark(before, "SUCCESS")


def failed_after_an_end(scene: Scene) -> None:
    """A newer deployment failed, and the process of the one before it had exited with 0."""
    before = scene.deployments()[-1]
    scene.deploy()
    scene.newest("FAILED")
    scene.complete(before)


def skipped_after_an_end(scene: Scene) -> None:
    """Railway found nothing to deploy, and the process of the deployment before it had exited with 0."""
    before = scene.deployments()[-1]
    scene.deploy()
    scene.newest("SKIPPED")
    scene.complete(before)


def skipped(scene: Scene) -> None:
    """Railway found nothing to deploy: the deployment before it still serves."""
    before = scene.deployments()[-1]
    scene.deploy()
    scene.newest("SKIPPED")
    scene.mark(before, "SUCCESS")


def never_deployed(scene: Scene) -> None:
    """Everything is stored, and there has never been a deployment."""
    for row in scene.deployments():
        scene.mark(row, None)


def removed(scene: Scene) -> None:
    """Somebody removed the deployment that ran."""
    scene.run("mutation r($id: String!) { deploymentRemove(id: $id) }", id=scene.deployments()[-1]["id"])


def under_way(scene: Scene) -> None:
    """Somebody deploys the same again, and it is not done yet."""
    before = scene.deployments()[-1]
    scene.deploy()
    scene.newest("DEPLOYING")
    scene.mark(before, "SUCCESS")


def finished(scene: Scene) -> None:
    """What was under way is done."""
    *_, before, newest = scene.deployments()
    scene.mark(newest, "SUCCESS")
    scene.mark(before, "REMOVED")


def old_snapshot(scene: Scene) -> None:
    """Somebody deployed an old snapshot again: another value runs than is stored."""
    stored = scene.truth()["config"]["services"][scene.service_id]["variables"][scene.variable]["value"]
    scene.set(scene.variable, "before")
    old = scene.deployments()[-1]
    scene.set(scene.variable, stored)
    scene.run("mutation r($id: String!) { deploymentRedeploy(id: $id) { id } }", id=old["id"])


def other_image_runs(scene: Scene) -> None:
    """Somebody deployed an old snapshot again: another image runs than is stored."""
    stored = scene.truth()["config"]["services"][scene.service_id]["source"]["image"]
    scene.patch({"source": {"image": OTHER}})
    old = scene.deployments()[-1]
    scene.patch({"source": {"image": stored}})
    scene.run("mutation r($id: String!) { deploymentRedeploy(id: $id) { id } }", id=old["id"])


def stored_by_both(scene: Scene) -> None:
    """Somebody stored a value of ours and one of their own, and deployed neither."""
    scene.set(scene.variable, "theirs", stored_only=True)
    scene.set("THEIRS", "1", stored_only=True)


def crashed_and_stored(scene: Scene) -> None:
    """It crashed, and somebody stored another value, but deployed nothing."""
    scene.newest("CRASHED")
    scene.set(scene.variable, "theirs", stored_only=True)


def renamed(scene: Scene) -> None:
    """Somebody gave the service another name."""
    scene.run(_RENAME, id=scene.service_id, i={"name": "renamed-by-them"})


def beside_renamed(scene: Scene) -> None:
    """Somebody gave the service another name that this one refers to; what runs still has the value."""
    scene.run(_RENAME, id=scene.id_of(scene.beside), i={"name": "renamed-by-them"})


def reference_empty(scene: Scene) -> None:
    """The same, and this one was deployed since: it runs with an empty value."""
    beside_renamed(scene)
    scene.deploy()


def reference_empty_name_back(scene: Scene) -> None:
    """The name is as it was, but what runs was deployed while the reference led nowhere."""
    id_ = scene.id_of(scene.beside)
    scene.run(_RENAME, id=id_, i={"name": "renamed-by-them"})
    scene.deploy()
    scene.run(_RENAME, id=id_, i={"name": scene.beside})


def volume_pending(scene: Scene) -> None:
    """Somebody deleted the volume: Railway keeps it for 48 hours."""
    found = scene.volume()
    scene.emulator.admin("POST", "/volume_instances", {"id": found["id"], "currentSizeMB": 48})
    scene.run("mutation d($id: String!) { volumeDelete(volumeId: $id) }", id=found["volumeId"])


def volume_purged(scene: Scene) -> None:
    """Somebody deleted the volume, and the 48 hours are over."""
    found = scene.volume()
    volume_pending(scene)
    scene.emulator.admin("POST", "/volume_instances", {"id": found["id"], "purged": True})


def volume_detached(scene: Scene) -> None:
    """Somebody detached the volume from the service."""
    given = {"serviceId": None, "mountPath": scene.volume()["mountPath"]}
    scene.run(_MOUNT, v=scene.volume()["volumeId"], e=scene.environment_id, i=given)


def volume_moved(scene: Scene) -> None:
    """Somebody mounted the volume at another path."""
    given = {"serviceId": scene.service_id, "mountPath": "/theirs"}
    scene.run(_MOUNT, v=scene.volume()["volumeId"], e=scene.environment_id, i=given)


def proxy_gone(scene: Scene) -> None:
    """Somebody deleted the TCP proxy."""
    port = str(scene.of_service("tcp_proxy")["applicationPort"])
    scene.patch({"networking": {"tcpProxies": {port: None}}})


def domain_gone(scene: Scene) -> None:
    """Somebody deleted the Railway domain."""
    scene.run("mutation d($id: String!) { serviceDomainDelete(id: $id) }", id=scene.of_service("domain")["id"])


def service_gone(scene: Scene) -> None:
    """Somebody deleted the service in this environment."""
    document = "mutation d($id: String!, $e: String) { serviceDelete(id: $id, environmentId: $e) }"
    scene.run(document, id=scene.service_id, e=scene.environment_id)


def environment_gone(scene: Scene) -> None:
    """Somebody deleted the environment."""
    scene.run("mutation d($id: String!) { environmentDelete(id: $id) }", id=scene.environment_id)


def sealed_replaced(scene: Scene) -> None:
    """Somebody replaced a sealed value, which nobody can read."""
    scene.patch({"variables": {"SEALED": {"value": "theirs", "isSealed": True}}})


def stranger_service(scene: Scene) -> None:
    """Somebody has a service of their own in the environment."""
    document = "mutation c($i: ServiceCreateInput!) { serviceCreate(input: $i) { id } }"
    given = {"projectId": scene.project_id, "environmentId": scene.environment_id, "name": "my-tool"}
    scene.run(document, i={**given, "source": {"image": OTHER}})


def stranger_crashed(scene: Scene) -> None:
    """Somebody has a service of their own in the environment, and it crashed."""
    stranger_service(scene)
    scene.mark(scene.deployments("my-tool")[-1], "CRASHED")


def stranger_volume(scene: Scene) -> None:
    """Somebody has a volume of their own in the environment."""
    document = "mutation c($i: VolumeCreateInput!) { volumeCreate(input: $i) { id } }"
    given = {"projectId": scene.project_id, "environmentId": scene.environment_id, "mountPath": "/their-data"}
    scene.run(document, i=given)


def stranger_bucket(scene: Scene) -> None:
    """Somebody has a bucket of their own in the environment."""
    patch = {"buckets": {"0a1b2c3d-0000-4000-8000-000000000000": {"region": "sjc", "isCreated": True}}}
    scene.run(_PATCH, e=scene.environment_id, p=patch, s=False)


def scaled(scene: Scene) -> None:
    """Somebody scaled the service beside, which deploys nothing."""
    scene.patch({"deploy": {"multiRegionConfig": {"us-west2": {"numReplicas": 3}}}}, name=scene.beside)


def shared_changed(scene: Scene) -> None:
    """Somebody changed a shared variable that nothing refers to."""
    patch = {"sharedVariables": {"S": {"value": "theirs"}}}
    scene.run(_PATCH, e=scene.environment_id, p=patch, s=False)


def environment_renamed(scene: Scene) -> None:
    """Somebody gave the environment another name."""
    document = "mutation r($id: String!, $i: EnvironmentRenameInput!) { environmentRename(id: $id, input: $i) { id } }"
    scene.run(document, id=scene.environment_id, i={"name": "renamed-by-them"})
