"""Stored, but not in the deployment that runs: a refresh names it, the preview announces it, one deployment ends it."""

from __future__ import annotations

from typing import Any

import pytest

from convos_infra.railway.deployment import DeploymentState
from convos_infra.railway.idle import idle_fields, idle_variables
from convos_infra.railway.references import Resolved
from convos_infra.railway.resources.service_instance import ServiceInstanceProvider
from tests.railway.fix_resources import IMAGE, OTHER_IMAGE, Place, Props, refreshed
from tests.railway.resource_cases import instance

STORE = """mutation p($e: String!, $p: EnvironmentConfig) {
  environmentPatchCommit(environmentId: $e, patch: $p, skipDeploys: true)
}"""


def stored_only(at: Place, value: Any) -> None:
    at.runs.emulator.run(STORE, e=at.environment.id, p={"services": {at.service.id: value}})
    at.runs.mutations()


def test_what_was_stored_without_a_deployment_is_named_announced_and_deployed_once(at: Place) -> None:
    runs = at.runs
    wanted: Props = {**instance(at), "startCommand": "new"}
    made = runs.create(ServiceInstanceProvider, instance(at))
    stored_only(at, {"deploy": {"startCommand": "new"}, "variables": {"A": {"value": "s3cret-value"}}})
    read = refreshed(at, made)
    # Only what is managed here: startCommand was no input of ours yet. B refers to A.
    assert read.inputs["notRunning"] == ["A", "B"]
    assert "s3cret-value" not in str(read.inputs["notRunning"])
    wanted = {**wanted, "variables": {**wanted["variables"], "A": "s3cret-value"}}
    # The code says by now what is stored: nothing to patch, and still it does not run.
    adopted = runs.update(read, wanted)
    assert adopted.inputs["deploys"].startswith("1 deployment: startCommand, A, B (stored, not running)")
    assert runs.deployments() == 1
    assert "notRunning" not in adopted.outputs
    again = refreshed(at, adopted)
    assert "notRunning" not in again.inputs
    assert again.outputs == adopted.outputs
    assert not runs.differs(again, wanted)
    assert not runs.drift(adopted, again)


def test_an_old_snapshot_that_was_deployed_again_is_drift_of_what_runs(at: Place) -> None:
    runs = at.runs
    made = runs.create(ServiceInstanceProvider, instance(at))
    old = made.outputs["deploymentId"]
    wanted = {**instance(at), "image": OTHER_IMAGE, "variables": {"A": "2", "B": "${{web.A}}"}}
    made = runs.update(made, wanted)
    document = "mutation r($id: String!) { deploymentRedeploy(id: $id) { id } }"
    runs.emulator.run(document, id=old)
    runs.mutations()
    read = refreshed(at, made)
    # B refers to A, and runs with what A was.
    assert read.inputs["notRunning"] == ["image", "A", "B"]
    assert runs.drift(made, read)
    assert not runs.drift(read, refreshed(at, read))
    done = runs.update(read, wanted)
    assert runs.mutations() == ["serviceInstanceDeployV2"]
    assert "notRunning" not in refreshed(at, done).inputs


def test_what_somebody_deployed_meanwhile_is_not_deployed_again(at: Place) -> None:
    runs = at.runs
    wanted = {**instance(at), "startCommand": "run"}
    made = runs.create(ServiceInstanceProvider, wanted)
    stored_only(at, {"variables": {"A": {"value": "2"}}})
    wanted = {**wanted, "variables": {**wanted["variables"], "A": "2"}}
    read = refreshed(at, made)
    document = "mutation d($s: String!, $e: String!) { serviceInstanceDeployV2(serviceId: $s, environmentId: $e) }"
    runs.emulator.run(document, s=at.service.id, e=at.environment.id)
    runs.mutations()
    runs.update(read, wanted)
    assert runs.mutations() == []


def test_a_refresh_of_an_environment_costs_one_more_call_for_all_of_its_services(at: Place) -> None:
    runs = at.runs
    made = runs.create(ServiceInstanceProvider, instance(at))
    runs.emulator.forget_calls()
    provider = runs.provider(ServiceInstanceProvider)
    for _ in range(3):
        provider.current(made.id, dict(made.outputs))
    assert [call["operation"] for call in runs.emulator.calls()] == ["environment", "deploymentSnapshot"]


def state(**meta: Any) -> DeploymentState:
    return DeploymentState(
        "d", "SUCCESS", meta={"image": IMAGE, "serviceManifest": {"deploy": {}, "build": {}}, **meta}
    )


@pytest.mark.parametrize(
    ("stored", "deployment", "running", "expected"),
    [
        pytest.param({"source": {"image": IMAGE}}, state(), {}, [], id="the same image"),
        pytest.param({"source": {"image": OTHER_IMAGE}}, state(), {}, ["image"], id="another image"),
        pytest.param({"source": {"image": OTHER_IMAGE}}, None, {}, [], id="no deployment yet"),
        pytest.param(
            {"source": {"image": OTHER_IMAGE}}, DeploymentState("d", "FAILED"), {}, [], id="a failed one says so itself"
        ),
        pytest.param({"deploy": {"startCommand": "x"}}, state(), {}, ["startCommand"], id="a setting"),
        pytest.param({"deploy": {"startCommand": "x"}}, DeploymentState("d", "SUCCESS"), {}, [], id="no manifest"),
        pytest.param({"deploy": {"healthcheckTimeout": 300}}, state(), {}, [], id="the default"),
        pytest.param(
            {"deploy": {"multiRegionConfig": {"us-west2": {"numReplicas": 3}}}}, state(), {}, [], id="replicas scale"
        ),
        pytest.param(
            {"source": {"repo": "a/b"}, "deploy": {"startCommand": "x"}}, state(), {}, [], id="railway.json over it"
        ),
        pytest.param({"variables": {"A": {"value": "1"}}}, state(), {"A": "1"}, [], id="the same value"),
        pytest.param({"variables": {"A": {"value": "1"}}}, state(), {"A": "2"}, ["A"], id="another value"),
        pytest.param({"variables": {"A": {"value": "1"}}}, state(), {}, ["A"], id="a new one"),
        pytest.param({"variables": {"A": {"value": "1"}}}, state(), None, [], id="variables that cannot be read"),
        pytest.param({"variables": {"A": {"value": "${{x.Y}}"}}}, state(), {"A": "y"}, [], id="a rendered reference"),
        pytest.param({"variables": {"A": {"value": "${{x.Y}}"}}}, state(), {}, ["A"], id="a new reference"),
        pytest.param({"variables": {"A": {"value": "${{B}}"}}}, state(), {"A": "b"}, [], id="what a reference gives"),
        pytest.param({"variables": {"A": {"value": "${{B}}"}}}, state(), {"A": ""}, ["A"], id="an empty reference"),
        pytest.param({"variables": {"A": {"value": "${{B}}"}}}, state(), {"A": "old"}, ["A"], id="an old reference"),
        pytest.param(
            {"variables": {"A": {"value": "${{B}}"}}}, state(), {"A": "${{B}}"}, [], id="a reference told as it is"
        ),
        pytest.param({"variables": {"A": {"isSealed": True, "value": None}}}, state(), {}, [], id="a sealed one"),
        pytest.param({"variables": {}}, state(), {"A": "1"}, [], id="removed by somebody: another drift"),
        pytest.param({"variables": {"THEIRS": {"value": "1"}}}, state(), {}, [], id="not ours"),
    ],
)
def test_what_is_not_running_is_named(stored: Any, deployment: Any, running: Any, expected: list[str]) -> None:
    managed = {
        "image": IMAGE,
        "startCommand": "x",
        "healthcheckTimeout": 300,
        "multiRegionConfig": {"us-west2": {"numReplicas": 3}},
        "variables": {"A": "1"},
    }
    kept = {**stored, "source": {"image": IMAGE, **stored.get("source", {})}}
    managed = {key: value for key, value in managed.items() if key == "variables" or _is_stored(key, kept)}
    now = {"A": Resolved(("b",))} if kept.get("variables", {}).get("A", {}).get("value") == "${{B}}" else {}
    fields = idle_fields(managed, kept, deployment)
    assert [*fields, *idle_variables(managed, kept, deployment, running, now)] == expected


def _is_stored(key: str, stored: dict[str, Any]) -> bool:
    return key in stored.get("deploy", {}) or key in stored["source"]
