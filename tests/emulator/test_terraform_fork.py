"""The other community Terraform provider, jamesprnich's: its resources made, read, changed, lost and destroyed.

Written anew from the documents that it sends and the order in which it sends them. It takes an error for "gone" by its
words: those of `GONE` when it reads, and `GONE_OR_REFUSED` when it destroys.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.emulator import terraform_fork as fork
from tests.emulator.fix_emulator import EmulatorError, until
from tests.emulator.world import CREATE_ENVIRONMENT, World, nodes

GONE = ("could not find", "doesn't exist", "does not exist", "not found")
GONE_OR_REFUSED = (*GONE, "not authorized", "problem processing request")
IMAGE = "nginx:alpine"
FALSE = dict.fromkeys(("ephemeral", "skipInitialDeploys", "stageInitialChanges", "applyChangesInBackground"), False)


def is_gone(words: tuple[str, ...], ask: Callable[[], Any]) -> bool:
    """Tell whether a request fails in words that the provider takes for "gone"."""
    try:
        ask()
    except EmulatorError as error:
        return any(word in str(error).lower() for word in words)
    return False


class Scene:
    """A project with an empty environment and a fork of it, which has one service with an instance that runs."""

    def __init__(self, world: World) -> None:
        self.world, self.run = world, world.run
        self.fork = self.forked("dev")
        self.service = self.made("dev-app", self.fork)
        self.at = {"environmentId": self.fork, "serviceId": self.service}
        self.whole = {"projectId": world.project_id, **self.at}

    def forked(self, name: str) -> str:
        given = {"projectId": self.world.project_id, "name": name, "sourceEnvironmentId": self.world.environment_id}
        return str(self.run(CREATE_ENVIRONMENT, input={**given, **FALSE})["environmentCreate"]["id"])

    def made(self, name: str, environment_id: str) -> str:
        """Make a service of one fork, and its instance."""
        given = {"projectId": self.world.project_id, "name": name, "environmentId": environment_id}
        service = str(self.run(fork.CREATE_SERVICE, input=given)["serviceCreate"]["id"])
        at = {"environmentId": environment_id, "serviceId": service}
        self.run(fork.UPDATE_INSTANCE, **at, input={"cronSchedule": None, "source": {"image": IMAGE}})
        assert self.run(fork.DEPLOY, **at) == {"serviceInstanceDeploy": True}
        self.world.settled(service, environment_id)
        return service

    def environments(self) -> dict[str, dict[str, Any]]:
        found = nodes(self.run(fork.ENVIRONMENTS, projectId=self.world.project_id)["environments"])
        return {row["id"]: row for row in found}

    def volume(self, id_: str) -> list[dict[str, Any]]:
        """Return the instances of a volume that its project lists, or nothing."""
        found = nodes(self.run(fork.VOLUMES, id=self.world.project_id)["project"]["volumes"])
        return [one for row in found if row["id"] == id_ for one in nodes(row["volumeInstances"])]

    def variables(self, **of: Any) -> dict[str, str]:
        found: dict[str, str] = self.run(fork.VARIABLES, **{**self.whole, **of})["variables"]
        return found

    def domains(self, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.run(fork.DOMAINS, **self.whole)["domains"][kind]
        return found


@pytest.fixture
def scene(world: World) -> Scene:
    return Scene(world)


def test_what_is_of_one_fork_is_in_no_other_and_goes_alone(scene: Scene) -> None:
    world, run = scene.world, scene.run
    other = scene.forked("prd")
    beside = scene.made("prd-app", other)
    forks = scene.environments()
    assert {forks[one]["sourceEnvironment"]["id"] for one in (scene.fork, other)} == {world.environment_id}
    assert [bool(row["unmergedChangesCount"]) for row in forks.values()] == [False] * 3
    assert [world.instances(one) for one in (world.environment_id, scene.fork, other)] == [
        set(),
        {scene.service},
        {beside},
    ]
    assert {row["environmentId"] for row in nodes(run(fork.INSTANCES, id=beside)["service"]["serviceInstances"])} == {
        other
    }

    given = {**scene.whole, "mountPath": "/data"}
    volume = run(fork.CREATE_VOLUME, input=given)["volumeCreate"]["id"]
    assert [(row["environmentId"], row["mountPath"]) for row in scene.volume(volume)] == [(scene.fork, "/data")]
    run(fork.DELETE_VOLUME, id=volume)
    run(fork.UPDATE_INSTANCE, **scene.at, input={"cronSchedule": None})
    run(fork.DELETE_SERVICE, id=scene.service)
    run(fork.DELETE_ENVIRONMENT, id=scene.fork)
    assert set(scene.environments()) == {world.environment_id, other}
    assert run(fork.READ_INSTANCE, environmentId=other, serviceId=beside)["serviceInstance"]["source"]["image"] == IMAGE
    assert world.settled(beside, other)[0]["status"] == "SUCCESS"
    # What it then destroys a second time is gone in its words.
    assert is_gone(GONE_OR_REFUSED, lambda: run(fork.UPDATE_INSTANCE, **scene.at, input={"cronSchedule": None}))
    assert is_gone(GONE_OR_REFUSED, lambda: run(fork.DELETE_ENVIRONMENT, id=scene.fork))
    assert is_gone(GONE_OR_REFUSED, lambda: run(fork.DELETE_VOLUME, id=volume))


def test_a_project_is_made_changed_set_back_and_lost(world: World) -> None:
    run, name = world.run, f"fork-{world.project_id[:8]}"
    zeroes = {"description": "", "isPublic": False, "prDeploys": False}
    made = run(fork.CREATE_PROJECT, input={"name": name, **zeroes, "defaultEnvironmentName": "core"})["projectCreate"]
    assert [row["name"] for row in nodes(made["environments"])] == ["core"]
    changed = {"name": f"{name}-b", "description": "nice project", "isPublic": True, "prDeploys": True}
    for given in (changed, {"name": name, **zeroes}):
        assert run(fork.UPDATE_PROJECT, id=made["id"], input=given)["projectUpdate"].items() >= given.items()
        assert run(fork.READ_PROJECT, id=made["id"])["project"].items() >= given.items()
    assert run(fork.DELETE_PROJECT, id=made["id"]) == {"projectDelete": True}
    assert is_gone(GONE, lambda: run(fork.READ_PROJECT, id=made["id"]))
    assert is_gone(GONE_OR_REFUSED, lambda: run(fork.DELETE_PROJECT, id=made["id"]))


def test_an_environment_is_renamed_and_read_from_the_list(scene: Scene) -> None:
    renamed = scene.run(fork.RENAME_ENVIRONMENT, id=scene.fork, input={"name": "devel"})["environmentRename"]
    assert (renamed["name"], renamed["sourceEnvironment"]["id"]) == ("devel", scene.world.environment_id)
    assert scene.environments()[scene.fork]["name"] == "devel"
    assert is_gone(GONE, lambda: scene.run(fork.ENVIRONMENTS, projectId=scene.fork))


def test_an_instance_keeps_what_an_update_leaves_out_and_is_set_back_but_for_that(scene: Scene) -> None:
    given = {
        "cronSchedule": None,
        "startCommand": "run",
        "multiRegionConfig": {"us-west2": {"numReplicas": 2}},
        "healthcheckPath": "/health",
        "healthcheckTimeout": 30,
        "restartPolicyType": "ON_FAILURE",
        "restartPolicyMaxRetries": 3,
        "preDeployCommand": ["prepare"],
        "watchPatterns": ["src/**"],
        "source": {"image": IMAGE},
        "registryCredentials": {"username": "u", "password": "p"},
        "overlapSeconds": 5,
        "drainingSeconds": 10,
        "sleepApplication": False,
    }
    assert scene.run(fork.UPDATE_INSTANCE, **scene.at, input=given) == {"serviceInstanceUpdate": True}
    assert scene.run(fork.LIMITS, input={**scene.at, "vCPUs": 0.5}) == {"serviceInstanceLimitsUpdate": True}
    assert scene.run(fork.REDEPLOY, **scene.at) == {"serviceInstanceRedeploy": True}
    read = scene.run(fork.READ_INSTANCE, **scene.at)["serviceInstance"]
    told = {name: value for name, value in given.items() if name in read and name != "source"}
    assert len(told) == 7
    assert {name: read[name] for name in told} == told
    assert (read["numReplicas"], read["region"]) == (2, None)
    scene.run(fork.UPDATE_INSTANCE, **scene.at, input={"cronSchedule": "0 0 * * *", "numReplicas": 1})
    read = scene.run(fork.READ_INSTANCE, **scene.at)["serviceInstance"]
    assert (read["cronSchedule"], read["startCommand"], read["numReplicas"]) == ("0 0 * * *", "run", 1)
    # Destroying it sends an input of nothing but the null.
    scene.run(fork.UPDATE_INSTANCE, **scene.at, input={"cronSchedule": None})
    read = scene.run(fork.READ_INSTANCE, **scene.at)["serviceInstance"]
    assert (read["cronSchedule"], read["startCommand"]) == (None, "run")
    scene.run(fork.DELETE_SERVICE, id=scene.service)
    assert is_gone(GONE, lambda: scene.run(fork.READ_INSTANCE, **scene.at))
    assert is_gone(GONE, lambda: scene.run(fork.READ_SERVICE, id=scene.service))


def test_a_redeploy_too_early_is_told_in_the_words_that_it_waits_for(scene: Scene) -> None:
    scene.world.emulator.settings(deploy_step_seconds=0.05)
    try:
        scene.run(fork.COLLECTION, input={**scene.whole, "variables": {"A": "1", "B": "2"}})
        with pytest.raises(EmulatorError, match="Cannot redeploy yet, please wait for the original deployment"):
            scene.run(fork.REDEPLOY, **scene.at)
    finally:
        scene.world.emulator.settings(deploy_step_seconds=0)

    def is_done() -> bool:
        try:
            return bool(scene.run(fork.REDEPLOY, **scene.at)["serviceInstanceRedeploy"])
        except EmulatorError as error:
            if "cannot redeploy yet" not in str(error).lower():
                raise
            return False

    assert until(is_done, 10.0)


def test_variables_of_a_service_and_shared_ones(scene: Scene) -> None:
    scene.run(fork.UPSERT, input={**scene.whole, "name": "ONE", "value": "1"})
    scene.run(fork.COLLECTION, input={**scene.whole, "variables": {"A": "1", "B": "${{dev-app.A}}"}})
    assert scene.variables() == {"ONE": "1", "A": "1", "B": "${{dev-app.A}}"}
    scene.run(fork.COLLECTION, input={**scene.whole, "variables": {"A": "2"}})
    for name in ("ONE", "B"):
        assert scene.run(fork.DELETE_VARIABLE, input={**scene.whole, "name": name}) == {"variableDelete": True}
    assert scene.variables() == {"A": "2"}
    shared = {"projectId": scene.world.project_id, "environmentId": scene.fork}
    scene.run(fork.UPSERT, input={**shared, "name": "SHARED", "value": "s"})
    assert scene.variables(serviceId=None) == {"SHARED": "s"}
    scene.run(fork.DELETE_VARIABLE, input={**shared, "name": "SHARED"})
    assert scene.variables(serviceId=None) == {}


def test_a_volume_is_renamed_moved_and_listed_until_it_is_gone(scene: Scene) -> None:
    made = scene.run(fork.CREATE_VOLUME, input={**scene.whole, "mountPath": "/data"})["volumeCreate"]
    renamed = scene.run(fork.RENAME_VOLUME, id=made["id"], input={"name": "files"})["volumeUpdate"]
    assert (renamed["id"], renamed["name"]) == (made["id"], "files")
    given = {"mountPath": "/srv", "serviceId": scene.service}
    assert scene.run(fork.MOVE_VOLUME, id=made["id"], input=given) == {"volumeInstanceUpdate": True}
    (row,) = scene.volume(made["id"])
    assert (row["mountPath"], row["serviceId"], row["environmentId"]) == ("/srv", scene.service, scene.fork)
    assert row["sizeMB"] > 0
    assert scene.run(fork.DELETE_VOLUME, id=made["id"]) == {"volumeDelete": True}


def test_domains_and_proxies_are_found_by_their_ids_until_somebody_deletes_them(scene: Scene) -> None:
    run, mark = scene.run, scene.world.project_id[:8]
    made = run(fork.CREATE_DOMAIN, input=scene.at)["serviceDomainCreate"]
    wanted = f"fork-{mark}.{made['suffix']}"
    assert run(fork.UPDATE_DOMAIN, input={**scene.at, "serviceDomainId": made["id"], "domain": wanted})
    assert [(row["id"], row["domain"]) for row in scene.domains("serviceDomains")] == [(made["id"], wanted)]
    custom = run(fork.CREATE_CUSTOM, input={**scene.whole, "domain": f"{mark}.example.com"})["customDomainCreate"]["id"]
    for port in (8080, None):
        assert run(fork.UPDATE_CUSTOM, environmentId=scene.fork, id=custom, targetPort=port)
        (row,) = scene.domains("customDomains")
        assert (row["id"], row["targetPort"]) == (custom, port)
    (route,) = [one for one in row["status"]["dnsRecords"] if one["recordType"] == "DNS_RECORD_TYPE_CNAME"]
    assert (route["hostlabel"], route["zone"], bool(route["requiredValue"])) == (mark, "example.com", True)
    assert (row["status"]["verified"], bool(row["status"]["verificationToken"])) == (False, True)
    proxy = run(fork.CREATE_PROXY, input={**scene.at, "applicationPort": 5432})["tcpProxyCreate"]["id"]
    assert [(row["id"], row["applicationPort"]) for row in run(fork.PROXIES, **scene.at)["tcpProxies"]] == [
        (proxy, 5432)
    ]
    for delete, id_ in ((fork.DELETE_DOMAIN, made["id"]), (fork.DELETE_CUSTOM, custom), (fork.DELETE_PROXY, proxy)):
        assert list(run(delete, id=id_).values()) == [True]
        assert is_gone(GONE_OR_REFUSED, lambda delete=delete, id_=id_: run(delete, id=id_))
    assert (scene.domains("serviceDomains"), scene.domains("customDomains")) == ([], [])
    assert run(fork.PROXIES, **scene.at)["tcpProxies"] == []


def test_a_project_token_is_found_by_its_name_and_revoked(scene: Scene) -> None:
    given = {"projectId": scene.world.project_id, "environmentId": scene.fork, "name": "ci"}
    value = scene.run(fork.CREATE_TOKEN, input=given)["projectTokenCreate"]
    (row,) = nodes(scene.run(fork.TOKENS, projectId=scene.world.project_id)["projectTokens"])
    assert {**row, "id": ""} == {**given, "id": ""}
    assert row["id"] != value
    assert scene.run(fork.DELETE_TOKEN, id=row["id"]) == {"projectTokenDelete": True}
    assert nodes(scene.run(fork.TOKENS, projectId=scene.world.project_id)["projectTokens"]) == []
    assert is_gone(GONE_OR_REFUSED, lambda: scene.run(fork.DELETE_TOKEN, id=row["id"]))
