"""The community Terraform provider's calls, in its order and with the nulls and zero values that it sends."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.fix_emulator import EmulatorError
from tests.emulator.world import CREATE_ENVIRONMENT, IMAGE, World, nodes

CREATE_SERVICE = (
    "mutation createService($input: ServiceCreateInput!) { serviceCreate(input: $input) { id name projectId } }"
)
UPDATE_INSTANCE = """
mutation updateInstance($service: String!, $environment: String, $input: ServiceInstanceUpdateInput!) {
  serviceInstanceUpdate(serviceId: $service, environmentId: $environment, input: $input)
}"""
CREATE_VOLUME = "mutation createVolume($input: VolumeCreateInput!) { volumeCreate(input: $input) { id name } }"
UPDATE_VOLUME = """
mutation updateVolume($id: String!, $input: VolumeUpdateInput!) {
  volumeUpdate(volumeId: $id, input: $input) { id name }
}"""
CONNECT = "mutation c($id: String!, $input: ServiceConnectInput!) { serviceConnect(id: $id, input: $input) { id } }"
GET_PROJECT = """
query getProject($id: String!) {
  project(id: $id) {
    id name description isPublic prDeploys team { id } workspace { id }
    environments { edges { node { id name createdAt } } }
  }
}"""
GET_INSTANCE = """
query getInstance($environment: String!, $service: String!) {
  serviceInstance(environmentId: $environment, serviceId: $service) {
    id source { image repo } rootDirectory railwayConfigFile cronSchedule numReplicas region
    latestDeployment { meta }
  }
}"""
TRIGGERS = """
query triggers($project: String!, $environment: String!, $service: String!) {
  deploymentTriggers(projectId: $project, environmentId: $environment, serviceId: $service) {
    edges { node { id branch repository } }
  }
}"""
VOLUMES = """
query volumes($id: String!) {
  project(id: $id) {
    volumes { edges { node { id name volumeInstances { edges { node { id serviceId mountPath sizeMB } } } } } }
  }
}"""
SERVICE = "query getService($id: String!) { service(id: $id) { id name projectId project { id } } }"
UPSERT = "mutation upsert($input: VariableUpsertInput!) { variableUpsert(input: $input) }"
VARIABLES = """
query variables($project: String!, $environment: String!, $service: String) {
  variables(projectId: $project, environmentId: $environment, serviceId: $service, unrendered: true)
}"""
REDEPLOY = """
mutation redeploy($environment: String!, $service: String!) {
  serviceInstanceRedeploy(environmentId: $environment, serviceId: $service)
}"""
CREATE_DOMAIN = """
mutation createDomain($input: ServiceDomainCreateInput!) { serviceDomainCreate(input: $input) { id domain suffix } }
"""
UPDATE_DOMAIN = "mutation updateDomain($input: ServiceDomainUpdateInput!) { serviceDomainUpdate(input: $input) }"
DOMAINS = """
query domains($project: String!, $environment: String!, $service: String!) {
  domains(projectId: $project, environmentId: $environment, serviceId: $service) {
    serviceDomains { id domain suffix targetPort }
  }
}"""
CREATE_CUSTOM = """
mutation createCustom($input: CustomDomainCreateInput!) {
  customDomainCreate(input: $input) { id domain status { dnsRecords { hostlabel zone requiredValue recordType } } }
}"""
CREATE_PROXY = "mutation p($input: TCPProxyCreateInput!) { tcpProxyCreate(input: $input) { id domain proxyPort } }"

# What a Go client sends for what the user left out.
ZEROES: dict[str, Any] = {
    "cronSchedule": None,
    "dockerfilePath": "",
    "drainingSeconds": 0,
    "overlapSeconds": 0,
    "ipv6EgressEnabled": False,
}


@pytest.fixture
def asked(world: World) -> dict[str, str]:
    return {"project": world.project_id, "environment": world.environment_id}


def create(world: World, **instance: Any) -> str:
    given = {"projectId": world.project_id, "name": "web", "environmentId": None, "source": None, "branch": None}
    nothing = {"registryCredentials": None, "variables": None, "icon": None}
    made = world.run(CREATE_SERVICE, input={**given, **nothing})["serviceCreate"]
    done = world.run(UPDATE_INSTANCE, service=made["id"], environment=None, input={**ZEROES, **instance})
    assert done["serviceInstanceUpdate"] is True
    return str(made["id"])


def connected(world: World) -> str:
    service = create(world)
    world.run(CONNECT, id=service, input={"image": IMAGE, "repo": None, "branch": None})
    world.settled(service)
    return service


def instance(world: World, service: str) -> dict[str, Any]:
    found = world.run(GET_INSTANCE, environment=world.environment_id, service=service)["serviceInstance"]
    return dict(found)


def test_a_project_is_read_with_its_one_environment(world: World) -> None:
    project = world.run(GET_PROJECT, id=world.project_id)["project"]
    (environment,) = nodes(project["environments"])
    assert environment["id"] == world.environment_id
    assert project["team"]["id"] == project["workspace"]["id"]


def test_an_environment_of_nothing_but_false_is_empty_and_persistent(world: World) -> None:
    nothing = dict.fromkeys(
        ("ephemeral", "skipInitialDeploys", "stageInitialChanges", "applyChangesInBackground"), False
    )
    given = {"projectId": world.project_id, "name": "staging", "sourceEnvironmentId": None, **nothing}
    made = world.run(CREATE_ENVIRONMENT, input=given)["environmentCreate"]
    assert made["isEphemeral"] is False
    assert world.instances(made["id"]) == set()
    first = nodes(world.run(GET_PROJECT, id=world.project_id)["project"]["environments"])
    assert min(first, key=lambda row: str(row["createdAt"]))["id"] == world.environment_id


def test_an_image_service_with_a_volume_deploys_once_when_it_is_connected(world: World) -> None:
    service = create(world)
    assert instance(world, service)["latestDeployment"] is None
    where = {"projectId": world.project_id, "environmentId": world.environment_id, "serviceId": service}
    volume = world.run(CREATE_VOLUME, input={**where, "mountPath": "/data", "region": None})["volumeCreate"]
    world.run(UPDATE_VOLUME, id=volume["id"], input={"name": "files"})
    assert world.deployments(service) == []
    world.run(CONNECT, id=service, input={"image": IMAGE, "repo": None, "branch": None})
    assert len(world.settled(service)) == 1
    found = instance(world, service)
    assert found["source"] == {"image": IMAGE, "repo": None}
    (listed,) = nodes(world.run(VOLUMES, id=world.project_id)["project"]["volumes"])
    (mounted,) = nodes(listed["volumeInstances"])
    assert (listed["name"], mounted["serviceId"], mounted["mountPath"]) == ("files", service, "/data")


def test_the_meta_of_a_scaled_services_deployment_holds_its_regions(world: World) -> None:
    regions = {"us-west2": {"numReplicas": 2}}
    service = create(world, multiRegionConfig=regions)
    world.run(CONNECT, id=service, input={"image": IMAGE, "repo": None, "branch": None})
    world.settled(service)
    meta = instance(world, service)["latestDeployment"]["meta"]
    assert meta["serviceManifest"]["deploy"]["multiRegionConfig"] == regions


def test_a_repository_service_has_its_trigger(world: World, asked: dict[str, str]) -> None:
    service = create(world, rootDirectory=None, railwayConfigFile=None)
    world.run(CONNECT, id=service, input={"image": None, "repo": "example/web", "branch": "main"})
    (trigger,) = nodes(world.run(TRIGGERS, **asked, service=service)["deploymentTriggers"])
    assert (trigger["repository"], trigger["branch"]) == ("example/web", "main")


def test_a_variable_deploys_and_its_redeploy_once_more(world: World, asked: dict[str, str]) -> None:
    service = connected(world)
    assert world.run(SERVICE, id=service)["service"]["project"]["id"] == world.project_id
    given = {"projectId": world.project_id, "environmentId": world.environment_id, "serviceId": service}
    world.run(UPSERT, input={**given, "name": "A", "value": "${{web.B}}"})
    assert world.run(VARIABLES, **asked, service=service)["variables"] == {"A": "${{web.B}}"}
    world.run(REDEPLOY, environment=world.environment_id, service=service)
    assert len(world.settled(service)) == 3


def test_a_variable_before_the_first_deployment_is_stored_and_its_redeploy_refused(world: World) -> None:
    service = create(world)
    given = {"projectId": world.project_id, "environmentId": world.environment_id, "serviceId": service}
    world.run(UPSERT, input={**given, "name": "A", "value": "1"})
    with pytest.raises(EmulatorError, match="Cannot redeploy without a snapshot"):
        world.run(REDEPLOY, environment=world.environment_id, service=service)
    assert world.service_config(service)["variables"]["A"]["value"] == "1"


def test_a_shared_variable_is_read_back_and_deploys_nothing(world: World, asked: dict[str, str]) -> None:
    service = connected(world)
    given = {"projectId": world.project_id, "environmentId": world.environment_id, "serviceId": None}
    world.run(UPSERT, input={**given, "name": "SHARED", "value": "1"})
    assert world.run(VARIABLES, **asked, service=None)["variables"] == {"SHARED": "1"}
    assert len(world.settled(service)) == 1


def test_a_domain_is_renamed_with_a_port_of_zero_which_is_none(world: World, asked: dict[str, str]) -> None:
    service = connected(world)
    where = {"environmentId": world.environment_id, "serviceId": service}
    made = world.run(CREATE_DOMAIN, input={**where, "targetPort": None})["serviceDomainCreate"]
    wanted = f"terraform-{world.project_id[:8]}.{made['suffix']}"
    given = {**where, "serviceDomainId": made["id"], "domain": wanted, "targetPort": 0}
    assert world.run(UPDATE_DOMAIN, input=given)["serviceDomainUpdate"] is True
    (found,) = world.run(DOMAINS, **asked, service=service)["domains"]["serviceDomains"]
    assert (found["id"], found["domain"], found["targetPort"]) == (made["id"], wanted, None)


def test_a_custom_domain_says_at_once_which_record_to_set(world: World) -> None:
    service = connected(world)
    where = {"projectId": world.project_id, "environmentId": world.environment_id, "serviceId": service}
    name = f"{world.project_id[:8]}.example.com"
    made = world.run(CREATE_CUSTOM, input={**where, "domain": name, "targetPort": None})["customDomainCreate"]
    record = made["status"]["dnsRecords"][0]
    assert f"{record['hostlabel']}.{record['zone']}" == name
    assert record["requiredValue"]


def test_a_tcp_proxy_and_its_redeploy(world: World) -> None:
    service = connected(world)
    where = {"environmentId": world.environment_id, "serviceId": service}
    made = world.run(CREATE_PROXY, input={**where, "applicationPort": 5432})["tcpProxyCreate"]
    assert made["proxyPort"] > 0
    world.run(REDEPLOY, environment=world.environment_id, service=service)
    assert len(world.settled(service)) == 2
