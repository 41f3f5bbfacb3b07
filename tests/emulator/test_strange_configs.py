"""Whatever a patch holds: it is refused, or everything can be read afterwards, by each way in."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from emulator.api.request import World
from emulator.app import Endpoint
from emulator.deployments import Deployments
from emulator.postgres import Postgres
from emulator.settings import LiveSettings, Settings
from emulator.store import Store

TOKEN = "token"
VALUES: tuple[Any, ...] = (
    *(0, -1, 2**31, 10**400, 1.5, True, "", "x", [], ["a", "b"], [1], {}, {"x": 5}, {"x": None}, {"²": {}}),
    *({"us-west2": 5}, {"us-west2": {"numReplicas": "2"}}, {"us-west2": {"numReplicas": -1}}, {"us-west2": None}),
    *({"containers": 3}, {"containers": {"cpu": "x"}}, {"5432": 1}, {"0": {}}, {"x": {"port": 0}}, {"x": {"value": 1}}),
    *({"mountPath": 1}, {"isSealed": "yes"}),
)
SERVICE = "services.{service}"
PATHS = (
    *("services", "sharedVariables", "sharedVariables.A", "volumes", "volumes.{volume}", "volumes.{volume}.region"),
    *("groups", "groups.g", "groups.g.name", "groups.g.isCollapsed", "buckets", "buckets.b", "privateNetworkDisabled"),
    *(SERVICE, f"{SERVICE}.configFile", f"{SERVICE}.groupId", f"{SERVICE}.isCreated"),
    *(f"{SERVICE}.{part}" for part in ("source", "build", "deploy", "networking", "variables", "volumeMounts")),
    *(f"{SERVICE}.source.{key}" for key in ("image", "repo", "branch", "rootDirectory", "upstreamUrl", "checkSuites")),
    *(f"{SERVICE}.build.{key}" for key in ("builder", "buildCommand", "dockerfilePath", "watchPatterns")),
    *(
        f"{SERVICE}.deploy.{key}"
        for key in (
            *("startCommand", "preDeployCommand", "healthcheckPath", "healthcheckTimeout", "restartPolicyType"),
            *("restartPolicyMaxRetries", "numReplicas", "multiRegionConfig", "overlapSeconds", "drainingSeconds"),
            *("cronSchedule", "sleepApplication", "ipv6EgressEnabled", "limitOverride", "registryCredentials"),
            "multiRegionConfig.us-west2",
        )
    ),
    *(f"{SERVICE}.networking.{key}" for key in ("serviceDomains", "customDomains", "tcpProxies", "tcpProxies.80")),
    *(f"{SERVICE}.variables.A", f"{SERVICE}.volumeMounts.{{volume}}"),
)
EVERYTHING = """
query everything($e: String!, $p: String!, $s: String!) {
  environment(id: $e) {
    open: config(decryptVariables: true) config configEtag canvasGroupRefs
    variables { edges { node { name isSealed references } } }
    volumeInstances { edges { node { volumeId serviceId mountPath region sizeMB } } }
    deploymentTriggers { edges { node { branch repository checkSuites } } }
    serviceInstances { edges { node {
      source { image repo } builder buildCommand startCommand preDeployCommand rootDirectory dockerfilePath
      railwayConfigFile watchPatterns healthcheckPath healthcheckTimeout restartPolicyType restartPolicyMaxRetries
      cronSchedule numReplicas sleepApplication overlapSeconds drainingSeconds ipv6EgressEnabled upstreamUrl
      domains { serviceDomains { domain targetPort } customDomains { domain targetPort } }
      latestDeployment { id status meta instances { id status } }
    } } }
  }
  project(id: $p) {
    services { edges { node { name } } } groups { edges { node { id name isCollapsed } } }
    buckets { edges { node { id } } }
  }
  variables(projectId: $p, environmentId: $e, serviceId: $s)
  shared: variables(projectId: $p, environmentId: $e)
  serviceInstanceLimits(environmentId: $e, serviceId: $s)
  tcpProxies(environmentId: $e, serviceId: $s) { applicationPort }
  environmentStagedChanges(environmentId: $e) { id patch }
}"""


class Alone:
    """An emulator in this process, with one service and one volume."""

    def __init__(self, folder: Path) -> None:
        store, settings = Store(folder / "state"), LiveSettings(Settings(deploy_step_seconds=0, image_check="off"))
        postgres = Postgres(folder / "postgres")
        world = World(store, settings, Deployments(store, settings, postgres, None), postgres)
        self._endpoint = Endpoint(world, TOKEN)
        made = self.run("mutation { projectCreate(input: {}) { id environments { edges { node { id } } } } }")
        self.project = made["projectCreate"]["id"]
        self.environment = made["projectCreate"]["environments"]["edges"][0]["node"]["id"]
        given = {"projectId": self.project, "environmentId": self.environment}
        create = "mutation c($i: ServiceCreateInput!) { serviceCreate(input: $i) { id } }"
        self.service = self.run(create, i={**given, "name": "web", "source": {"image": "x"}})["serviceCreate"]["id"]
        create = "mutation c($i: VolumeCreateInput!) { volumeCreate(input: $i) { id } }"
        self.volume = self.run(create, i={**given, "mountPath": "/data"})["volumeCreate"]["id"]
        read = self.run(
            "query c($e: String!) { environment(id: $e) { config(decryptVariables: true) } }", e=self.environment
        )
        self.config = json.loads(json.dumps(read["environment"]["config"]))

    def answer(self, document: str, /, **variables: Any) -> dict[str, Any]:
        """Return an answer as it is."""
        headers = {"authorization": f"Bearer {TOKEN}"}
        answer = self._endpoint.answer(headers, {"query": document, "variables": variables})
        found: dict[str, Any] = json.loads(bytes(answer.body))
        return found

    def run(self, document: str, /, **variables: Any) -> dict[str, Any]:
        """Return the data of an answer, which has no errors."""
        answer = self.answer(document, **variables)
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    def everything(self) -> dict[str, Any]:
        """Return the answer to all that can be read."""
        return self.answer(EVERYTHING, e=self.environment, p=self.project, s=self.service)

    def patch(self, path: str, value: Any) -> dict[str, Any]:
        """Return a patch with a value at a path."""
        whole: Any = value
        for key in reversed(path.format(service=self.service, volume=self.volume).split(".")):
            whole = {key: whole}
        found: dict[str, Any] = whole
        return found


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Alone:
    return Alone(tmp_path_factory.mktemp("alone"))


COMMIT = """
mutation c($e: String!, $p: EnvironmentConfig) {
  environmentPatchCommit(environmentId: $e, patch: $p, skipDeploys: true)
}"""
STAGE = (
    "mutation s($e: String!, $p: EnvironmentConfig!) { environmentStageChanges(environmentId: $e, input: $p) { id } }"
)
COMMIT_STAGED = "mutation c($e: String!) { environmentPatchCommitStaged(environmentId: $e, skipDeploys: true) }"


def said(answer: dict[str, Any]) -> str:
    return str(answer["errors"][0]["message"]) if answer.get("errors") else ""


@pytest.mark.parametrize("path", PATHS)
def test_a_patch_is_refused_or_can_be_read(alone: Alone, path: str) -> None:
    for value in VALUES:
        answer = alone.answer(COMMIT, e=alone.environment, p=alone.patch(path, value))
        assert said(answer) != "Problem processing request", (path, value)
        # A refusal changes nothing, so only what was taken is worth a look.
        if not said(answer):
            assert said(alone.everything()) == "", (path, value)
    if path not in {"services", SERVICE}:
        alone.run(COMMIT, e=alone.environment, p=alone.patch(path, None))
    assert said(alone.everything()) == ""


def test_what_is_staged_keeps_the_same_rules(alone: Alone) -> None:
    differing = []
    for path, value in itertools.product(PATHS[::4], VALUES[::5]):
        staged = said(alone.answer(STAGE, e=alone.environment, p=alone.patch(path, value)))
        if not staged and said(alone.answer(COMMIT_STAGED, e=alone.environment)) == "Problem processing request":
            differing.append((path, value))
    assert differing == []
    assert said(alone.everything()) == ""


@pytest.mark.parametrize(
    "given",
    [
        {"preDeployCommand": ["a", "b"]},
        {"numReplicas": -1},
        {"numReplicas": 0},
        {"healthcheckTimeout": -1},
        {"restartPolicyMaxRetries": -1},
        {"overlapSeconds": -5},
        {"drainingSeconds": -5},
        {"multiRegionConfig": {"us-west2": 5}},
        {"multiRegionConfig": {"us-west2": {"numReplicas": -2}}},
    ],
)
def test_an_update_of_an_instance_keeps_the_rules_of_a_patch(alone: Alone, given: dict[str, Any]) -> None:
    update = """mutation u($s: String!, $e: String, $i: ServiceInstanceUpdateInput!) {
      serviceInstanceUpdate(serviceId: $s, environmentId: $e, input: $i) }"""
    (name,) = given
    for environment in (alone.environment, None):
        answer = alone.answer(update, s=alone.service, e=environment, i=given)
        assert said(answer) == f"Error in {name} - Invalid input"
    patched = alone.answer(COMMIT, e=alone.environment, p=alone.patch(f"{SERVICE}.deploy.{name}", given[name]))
    assert said(patched) == f"Error in {name} - Invalid input"


@pytest.mark.parametrize("limits", [{"vCPUs": -1}, {"memoryGB": -1}, {"vCPUs": 0}])
def test_limits_keep_the_rules_of_a_patch(alone: Alone, limits: dict[str, float]) -> None:
    update = "mutation l($i: ServiceInstanceLimitsUpdateInput!) { serviceInstanceLimitsUpdate(input: $i) }"
    given = {"serviceId": alone.service, "environmentId": alone.environment, **limits}
    assert said(alone.answer(update, i=given)) == "Error in limitOverride - Invalid input"


def test_the_volume_of_another_project_is_not_taken(alone: Alone) -> None:
    made = alone.run("mutation { projectCreate(input: {}) { environments { edges { node { id } } } } }")
    other = made["projectCreate"]["environments"]["edges"][0]["node"]["id"]
    answer = alone.answer(COMMIT, e=other, p={"volumes": {alone.volume: {}}})
    assert said(answer) == "Volume not found"


def test_an_operation_that_is_not_served_is_named(alone: Alone) -> None:
    assert "bucketCreate is an operation of Railway" in said(alone.answer("mutation { bucketCreate { id } }"))
    assert "httpLogs is an operation of Railway" in said(alone.answer("subscription { httpLogs { x } }"))
    assert "metrics is an operation of Railway" in said(alone.answer("{ metrics { x } }"))
    assert "Cannot query field 'noSuchThing'" in said(alone.answer("{ noSuchThing }"))
    assert "Cannot query field 'x'" in said(alone.answer("{ me { x } }"))
