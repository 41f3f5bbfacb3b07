"""A colleague redeploys during an update with the real CLI: the update succeeds, and what is declared runs in the end.

Railway refuses a redeployment while a deployment is under way (fact: redeploy-in-flight). The program never sends one:
it commits patches, and deploys the stored config.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from emulator.deployments import UNDER_WAY
from tests.emulator.fix_emulator import Emulator, EmulatorError, running_emulator, until
from tests.fleet.project import Project, fleet, service
from tests.railway.scene import Scene

pytestmark = [
    pytest.mark.stack,
    pytest.mark.minutes_long("make strict", asked=os.environ.get("OTHER_RAILWAY") == "1"),
]
REDEPLOY = "mutation r($s: String!, $e: String!) { serviceInstanceRedeploy(serviceId: $s, environmentId: $e) }"
REPLAY = "mutation r($id: String!) { deploymentRedeploy(id: $id) { id } }"
SNAPSHOT = "query s($id: String!) { deploymentSnapshot(deploymentId: $id) { variables } }"
SLOW, FAST = 10.0, 0.02
"""How many seconds each status of a deployment lasts: longer than the CLI takes to start, and almost none."""


def scene_of(project: Project, emulator: Emulator) -> Scene:
    """Return the scene of a fleet with one service."""
    found = [row for row in project.exported()["deployment"]["resources"] if "environmentId" in row.get("outputs", {})]
    outputs = found[0]["outputs"]
    return Scene(emulator, outputs["projectId"], outputs["environmentId"], "s0", variable="V0")


def states(scene: Scene) -> list[tuple[str, str]]:
    """Return the status and the value of V0 of each deployment, oldest first."""
    return [(row["status"], value_of(scene, row["id"])) for row in scene.deployments()]


def value_of(scene: Scene, deployment_id: str) -> str:
    """Return the value of V0 that a deployment has."""
    found = scene.emulator.run(SNAPSHOT, id=deployment_id)["deploymentSnapshot"]["variables"]["V0"]
    return str(found)


@pytest.fixture
def begun(tmp_path: Path) -> Any:
    with running_emulator(tmp_path) as emulator:
        project = Project(tmp_path / "stack", emulator.endpoint, emulator.token)
        project.init()
        spec = fleet([service("s0", variables=1)])
        project.describe(spec)
        project.up()
        yield emulator, project, spec, scene_of(project, emulator)


def test_an_update_during_a_redeployment(begun: Any) -> None:
    emulator, project, spec, scene = begun
    emulator.settings(deploy_step_seconds=SLOW)
    scene.run(REDEPLOY, s=scene.service_id, e=scene.environment_id)
    with pytest.raises(EmulatorError, match="Cannot redeploy yet, please wait for the original deployment"):
        scene.run(REDEPLOY, s=scene.service_id, e=scene.environment_id)
    theirs = scene.deployments()[-1]["id"]
    spec["services"][0]["variables"]["V0"] = "declared"
    project.describe(spec)
    emulator.forget_calls()
    process, printed = project.start("up", "--stack", project.stack, "--yes", "--skip-preview")
    until(lambda: len(scene.deployments()) == 3 or process.poll() is not None, 60, printed.read_text)
    before, redeployed, ours = scene.deployments()
    assert (redeployed["id"], redeployed["status"] in UNDER_WAY) == (theirs, True), "theirs is under way still"
    assert (before["status"], value_of(scene, ours["id"])) == ("SUCCESS", "declared")
    emulator.settings(deploy_step_seconds=FAST)
    assert process.wait(120) == 0, printed.read_text()
    assert states(scene)[1:] == [("REMOVED", "value 0"), ("SUCCESS", "declared")]
    assert sum(len(call["deployments"]) for call in emulator.calls()) == 1
    project.preview("--expect-no-changes")
    project.refresh("--expect-no-changes")


def test_an_update_waits_for_a_redeployment_and_the_next_one_replaces_the_old_values_it_runs(begun: Any) -> None:
    emulator, project, spec, scene = begun
    old = scene.deployments()[-1]["id"]
    spec["services"][0]["variables"]["V0"] = "declared"
    project.describe(spec)
    project.up()
    emulator.settings(deploy_step_seconds=SLOW)
    scene.run(REPLAY, id=old)
    project.refresh()
    assert scene.deployments()[-1]["status"] in UNDER_WAY
    # The update has nothing to change: it waits for the deployment that is under way, and deploys nothing.
    emulator.forget_calls()
    process, printed = project.start("up", "--stack", project.stack, "--yes", "--skip-preview")
    until(lambda: "s0: " in printed.read_text() or process.poll() is not None, 60, printed.read_text)
    assert process.poll() is None, printed.read_text()
    assert scene.deployments()[-1]["status"] in UNDER_WAY
    emulator.settings(deploy_step_seconds=FAST)
    assert process.wait(120) == 0, printed.read_text()
    assert [call["operation"] for call in emulator.calls() if call["type"] == "mutation"] == []
    assert states(scene)[-1] == ("SUCCESS", "value 0"), "an old value runs now"
    project.refresh()
    project.up()
    assert states(scene)[-1] == ("SUCCESS", "declared")
    project.preview("--expect-no-changes")
