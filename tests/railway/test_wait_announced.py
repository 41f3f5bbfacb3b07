"""The wait deploys again only what the preview announced, and follows whatever is the newest deployment."""

from __future__ import annotations

import pytest

from convos_infra.railway.change import announced
from convos_infra.railway.resources.deployment import DeploymentProvider
from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from railway_api.failure import Failure
from tests.emulator.fix_emulator import EmulatorError
from tests.railway.fix_resources import IMAGE, Made, Place, Props, refreshed
from tests.railway.resource_cases import instance
from tests.railway.scene import Scene

REDEPLOY = "mutation r($s: String!, $e: String!) { serviceInstanceRedeploy(serviceId: $s, environmentId: $e) }"
DEPLOY = "mutation d($s: String!, $e: String!) { serviceInstanceDeployV2(serviceId: $s, environmentId: $e) }"


def waiting(at: Place, made: Made) -> Props:
    row = {
        "name": "web",
        "serviceId": at.service.id,
        "deploymentId": made.outputs["deploymentId"],
        "image": IMAGE,
    }
    return {**at.ids, "services": [row], "timeoutSeconds": 5.0}


def scene(at: Place) -> Scene:
    return Scene(at.runs.emulator, at.project.id, at.environment.id, "web")


def test_a_failed_wait_is_taken_up_again_with_the_one_deployment_that_the_preview_announced(at: Place) -> None:
    runs = at.runs
    made = runs.create(ServiceInstanceProvider, instance(at))
    scene(at).newest("CRASHED")
    # A create that failed has left no state: the next preview is of a new resource, with ids that are known by now.
    inputs = runs.checked(DeploymentProvider, waiting(at, made))
    assert inputs["deploys"] == "1 deployment: web (CRASHED) once more (change 1)"
    assert announced({}, inputs) == 1
    runs.mutations()
    done = runs.create(DeploymentProvider, waiting(at, made))
    assert runs.mutations() == ["serviceInstanceDeployV2"]
    assert done.outputs["deployed"]["web"]["status"] == "SUCCESS"
    assert not runs.differs(done, waiting(at, made))


def test_one_that_crashed_after_the_preview_is_told_and_not_deployed_again(at: Place) -> None:
    runs = at.runs
    made = runs.create(ServiceInstanceProvider, instance(at))
    inputs = runs.checked(DeploymentProvider, waiting(at, made))
    assert announced({}, inputs) == 0
    scene(at).newest("CRASHED")
    runs.mutations()
    with pytest.raises(Failure, match="ended CRASHED"):
        runs.provider(DeploymentProvider).created(inputs)
    assert runs.mutations() == []


def test_a_deployment_that_others_made_since_counts_and_the_one_that_it_replaced_is_not_made_again(at: Place) -> None:
    runs = at.runs
    made = runs.create(ServiceInstanceProvider, instance(at))
    runs.emulator.run(DEPLOY, s=at.service.id, e=at.environment.id)
    runs.mutations()
    assert "deploys" not in runs.checked(DeploymentProvider, waiting(at, made))
    done = runs.create(DeploymentProvider, waiting(at, made))
    assert runs.mutations() == []
    assert done.outputs["deployed"]["web"]["id"] != made.outputs["deploymentId"]


def test_a_patch_beside_a_redeploy_that_is_under_way_is_one_deployment_and_the_wait_is_for_that(at: Place) -> None:
    """The program sends no redeployment that Railway would refuse meanwhile (fact: redeploy-in-flight)."""
    runs, inputs = at.runs, instance(at)
    made = runs.create(ServiceInstanceProvider, inputs)
    runs.emulator.run(REDEPLOY, s=at.service.id, e=at.environment.id)
    scene(at).newest("BUILDING")
    with pytest.raises(EmulatorError, match="Cannot redeploy yet"):
        runs.emulator.run(REDEPLOY, s=at.service.id, e=at.environment.id)
    theirs = scene(at).deployments()[-1]["id"]
    runs.mutations()
    ours = runs.update(made, {**inputs, "startCommand": "declared"})
    assert runs.mutations() == ["environmentPatchCommit"]
    done = runs.create(DeploymentProvider, waiting(at, ours))
    assert runs.mutations() == []
    assert done.outputs["deployed"]["web"]["id"] == ours.outputs["deploymentId"] != theirs


def test_what_is_under_way_is_drift_that_the_next_update_waits_for(at: Place) -> None:
    runs = at.runs
    made = runs.create(ServiceInstanceProvider, instance(at))
    waited = runs.create(DeploymentProvider, waiting(at, made))
    scene(at).newest("BUILDING")
    read = refreshed(at, waited)
    assert read.inputs["unsettled"] == {"web": "BUILDING"}
    assert runs.drift(waited, read)
    assert not runs.drift(read, refreshed(at, read)), "once"
    scene(at).newest("SUCCESS")
    runs.mutations()
    done = runs.update(read, waiting(at, made))
    assert runs.mutations() == []
    assert "unsettled" not in done.outputs
    assert not runs.differs(done, waiting(at, made))


def test_a_state_of_an_older_release_is_no_reason_to_wait(at: Place) -> None:
    runs = at.runs
    made = runs.create(ServiceInstanceProvider, instance(at))
    waited = runs.create(DeploymentProvider, waiting(at, made))
    assert runs.emulator.forget_calls() is None
    assert not runs.differs(waited, waiting(at, made))
    assert runs.emulator.calls() == []
