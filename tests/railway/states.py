"""States that an environment can be in, each made by hand in the emulator, and what every view of it has to say.

The table is for whoever looks at an environment: `pulumi refresh`, the preview after it, the update after that, and
`make status`. A state is made in a `Scene`: an environment of any stack with one service that the state is about.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tests.emulator.fix_emulator import Emulator

OTHER = "ghcr.io/example/other:9@sha256:" + "c" * 64
_PATCH = """mutation p($e: String!, $p: EnvironmentConfig, $s: Boolean) {
  environmentPatchCommit(environmentId: $e, patch: $p, skipDeploys: $s)
}"""
_DEPLOY = "mutation d($s: String!, $e: String!) { serviceInstanceDeployV2(serviceId: $s, environmentId: $e) }"
_RENAME = "mutation r($id: String!, $i: ServiceUpdateInput!) { serviceUpdate(id: $id, input: $i) { id } }"
_MOUNT = """mutation m($v: String!, $e: String, $i: VolumeInstanceUpdateInput!) {
  volumeInstanceUpdate(volumeId: $v, environmentId: $e, input: $i)
}"""


class Says(StrEnum):
    """What a look at the environment as a whole must come to."""

    FINE = "fine"
    """Everything runs as the last update left it."""
    INFORMATION = "information"
    """So it does, and there is something of others beside it."""
    DRIFT = "drift"
    """Something is stored, or runs, otherwise than the last update left it."""
    DEAD = "dead"
    """Something does not run at all, or its data is about to be deleted."""


@dataclass(frozen=True)
class Scene:
    """An environment of a stack, looked at from the side of the emulator.

    Attributes:
        emulator: where it is.
        project_id, environment_id: which one.
        service: the name of the service that a state is about.
        beside: the name of another service of the stack, to which `service` refers by `${{beside.V}}`.
        variable: the name of one of the service's managed variables that is neither a reference nor sealed.
    """

    emulator: Emulator
    project_id: str
    environment_id: str
    service: str
    beside: str = ""
    variable: str = "A"

    def truth(self) -> dict[str, Any]:
        """Return everything about the environment, straight from the emulator."""
        found: dict[str, Any] = json.loads(self.emulator.snapshot(self.environment_id))
        return found

    def id_of(self, name: str) -> str:
        """Return the id of a living service."""
        rows = [row for row in self.truth()["service"] if row["name"] == name and not row.get("deletedAt")]
        return str(rows[0]["id"])

    @property
    def service_id(self) -> str:
        """The id of the service."""
        return self.id_of(self.service)

    def deployments(self, name: str = "") -> list[dict[str, Any]]:
        """Return the service's deployments, oldest first."""
        id_ = self.id_of(name or self.service)
        return [row for row in self.truth()["deployment"] if row["serviceId"] == id_]

    def volume(self) -> dict[str, Any]:
        """Return the living volume instance of the service."""
        id_ = self.service_id
        return next(row for row in self.truth()["volume_instance"] if row["serviceId"] == id_ and not row["deletedAt"])

    def of_service(self, kind: str) -> dict[str, Any]:
        """Return the service's `domain` or `tcp_proxy`."""
        id_ = self.service_id
        return next(row for row in self.truth()[kind] if row["serviceId"] == id_)

    def patch(self, value: Mapping[str, Any], *, name: str = "", stored_only: bool = False) -> None:
        """Change the service's configuration as a colleague would."""
        patch = {"services": {self.id_of(name or self.service): value}}
        self.emulator.run(_PATCH, e=self.environment_id, p=patch, s=stored_only)

    def set(self, name: str, value: str | None, *, stored_only: bool = False) -> None:
        """Set one of the service's variables, or remove it."""
        self.patch({"variables": {name: None if value is None else {"value": value}}}, stored_only=stored_only)

    def deploy(self) -> None:
        """Deploy what is stored."""
        self.emulator.run(_DEPLOY, s=self.service_id, e=self.environment_id)

    def run(self, document: str, **variables: Any) -> None:
        """Send a mutation."""
        self.emulator.run(document, **variables)

    def mark(self, deployment: Mapping[str, Any], status: str | None) -> None:
        """Give a deployment a status that nobody can cause on purpose; None forgets it."""
        self.emulator.admin("POST", "/deployments", {"id": deployment["id"], "status": status})

    def complete(self, deployment: Mapping[str, Any]) -> None:
        """Let a deployment's process exit with 0."""
        self.emulator.admin("POST", "/deployments", {"id": deployment["id"], "status": "SUCCESS", "stopped": True})

    def newest(self, status: str) -> None:
        """Give the newest deployment a status."""
        self.mark(self.deployments()[-1], status)


@dataclass(frozen=True)
class State:
    """One state of an environment.

    Attributes:
        name: what is the matter, in words.
        make: makes it, in an environment as the last update left it.
        says: what `make status` must come to.
        drift: whether a refresh shows something.
        deployments: how many the next preview announces and the next update makes, after a refresh.
        refused: the kind of the resource by which that preview refuses to go on.
        before_up: what happens between that preview and the update.
        needs: what a stack must have for it: volume, proxy, domain, beside, sealed, shared, replicas.
    """

    name: str
    make: Callable[[Scene], None]
    says: Says
    drift: bool = True
    deployments: int = 0
    refused: str = ""
    before_up: Callable[[Scene], None] | None = None
    needs: frozenset[str] = frozenset()


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


_VOLUME, _PROXY, _DOMAIN = frozenset({"volume"}), frozenset({"proxy"}), frozenset({"domain"})
_BESIDE = frozenset({"beside"})

STATES = (
    State("as the last update left it", nothing, Says.FINE, drift=False),
    State("deployed again by others", lambda scene: scene.deploy(), Says.FINE, drift=False),
    State("sleeping", lambda scene: scene.newest("SLEEPING"), Says.FINE, drift=False),
    State("skipped, the one before runs", skipped, Says.FINE, drift=False),
    State("skipped, nothing runs", lambda scene: scene.newest("SKIPPED"), Says.DEAD, deployments=1),
    State("crashed", lambda scene: scene.newest("CRASHED"), Says.DEAD, deployments=1),
    State("failed, the one before runs", failed, Says.DRIFT, deployments=1),
    State("failed, nothing runs", lambda scene: scene.newest("FAILED"), Says.DEAD, deployments=1),
    State("exited with 0", lambda scene: scene.complete(scene.deployments()[-1]), Says.DEAD, deployments=1),
    State("failed, the one before exited with 0", failed_after_an_end, Says.DEAD, deployments=1),
    State("skipped, the one before exited with 0", skipped_after_an_end, Says.DEAD, deployments=1),
    State("removed", removed, Says.DEAD, deployments=1),
    State("never deployed", never_deployed, Says.DEAD, deployments=1),
    State("still under way", under_way, Says.DRIFT, before_up=finished),
    State("an old image runs", other_image_runs, Says.DRIFT, deployments=1),
    State("an old value runs", old_snapshot, Says.DRIFT, deployments=1),
    State("ours stored only", lambda scene: scene.set(scene.variable, "theirs", stored_only=True), Says.DRIFT),
    State(
        "another image stored only",
        lambda scene: scene.patch({"source": {"image": OTHER}}, stored_only=True),
        Says.DRIFT,
    ),
    State("ours removed, stored only", lambda scene: scene.set(scene.variable, None, stored_only=True), Says.DRIFT),
    State("theirs stored only", lambda scene: scene.set("THEIRS", "1", stored_only=True), Says.INFORMATION),
    State("ours and theirs stored only", stored_by_both, Says.DRIFT),
    State("crashed, and stored only", crashed_and_stored, Says.DEAD, deployments=1),
    State("ours changed", lambda scene: scene.set(scene.variable, "theirs"), Says.DRIFT, deployments=1),
    State("ours removed", lambda scene: scene.set(scene.variable, None), Says.DRIFT, deployments=1),
    State("theirs added", lambda scene: scene.set("THEIRS", "1"), Says.INFORMATION),
    State("another image deployed", lambda scene: scene.patch({"source": {"image": OTHER}}), Says.DRIFT, deployments=1),
    State(
        "another start command",
        lambda scene: scene.patch({"deploy": {"startCommand": "theirs"}}),
        Says.DRIFT,
        deployments=1,
    ),
    State("a sealed value replaced", sealed_replaced, Says.FINE, drift=False, needs=frozenset({"sealed"})),
    State("scaled by others", scaled, Says.DRIFT, needs=frozenset({"beside", "replicas"})),
    State("a shared variable changed", shared_changed, Says.DRIFT, needs=frozenset({"shared"})),
    State("renamed", renamed, Says.DRIFT),
    State("the service it refers to renamed", beside_renamed, Says.DRIFT, needs=_BESIDE),
    State("deployed with an empty reference", reference_empty, Says.DRIFT, deployments=1, needs=_BESIDE),
    State(
        "deployed with an empty reference, name given back",
        reference_empty_name_back,
        Says.DRIFT,
        deployments=1,
        needs=_BESIDE,
    ),
    State("environment renamed", environment_renamed, Says.DRIFT),
    State("volume pending deletion", volume_pending, Says.DEAD, refused="Volume", needs=_VOLUME),
    State("volume gone", volume_purged, Says.DRIFT, deployments=1, needs=_VOLUME),
    State("volume detached", volume_detached, Says.DRIFT, deployments=1, needs=_VOLUME),
    State("volume mounted elsewhere", volume_moved, Says.DRIFT, deployments=1, needs=_VOLUME),
    State("proxy gone", proxy_gone, Says.DRIFT, deployments=1, needs=_PROXY),
    State("domain gone", domain_gone, Says.DRIFT, deployments=1, needs=_DOMAIN),
    State("service gone", service_gone, Says.DEAD, deployments=1),
    State(
        "service instance gone",
        lambda scene: scene.patch({"isDeleted": True}),
        Says.DEAD,
        deployments=1,
    ),
    State("environment gone", environment_gone, Says.DEAD, deployments=2),
    State("a stranger's service", stranger_service, Says.INFORMATION, drift=False),
    State("a stranger's service that crashed", stranger_crashed, Says.INFORMATION, drift=False),
    State("a stranger's volume", stranger_volume, Says.INFORMATION, drift=False),
    State("a stranger's bucket", stranger_bucket, Says.INFORMATION, drift=False),
)
