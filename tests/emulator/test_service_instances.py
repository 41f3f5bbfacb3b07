"""Service instances: sources, stored settings, replicas and limits."""

from __future__ import annotations

import pytest

from tests.emulator.fix_emulator import EmulatorError
from tests.emulator.world import IMAGE, World


def test_connect_deploys_an_image_and_disconnect_leaves_nothing_to_redeploy(world: World) -> None:
    service = world.service("web")
    connect = "mutation c($id: String!, $i: ServiceConnectInput!) { serviceConnect(id: $id, input: $i) { id } }"
    world.run(connect, id=service, i={"image": IMAGE})
    assert world.settled(service)[0]["meta"]["image"] == IMAGE
    world.run("mutation d($id: String!) { serviceDisconnect(id: $id) { id } }", id=service)
    with pytest.raises(EmulatorError, match="Cannot redeploy without a snapshot"):
        world.run(
            "mutation r($e: String!, $s: String!) { serviceInstanceRedeploy(environmentId: $e, serviceId: $s) }",
            e=world.environment_id,
            s=service,
        )


def test_an_instance_update_stores_and_deploys_nothing(world: World) -> None:
    service = world.service("web")
    update = """mutation u($s: String!, $e: String, $i: ServiceInstanceUpdateInput!) {
      serviceInstanceUpdate(serviceId: $s, environmentId: $e, input: $i) }"""
    given = {
        "source": {"image": IMAGE},
        "startCommand": "node x.js",
        "healthcheckPath": "/health",
        "restartPolicyType": "NEVER",
        "preDeployCommand": ["node migrate.js"],
        "drainingSeconds": 0,
        "ipv6EgressEnabled": False,
        "cronSchedule": None,
    }
    assert world.run(update, s=service, e=world.environment_id, i=given)["serviceInstanceUpdate"] is True
    found = world.run(
        """query i($e: String!, $s: String!) { serviceInstance(environmentId: $e, serviceId: $s) {
          source { image } startCommand healthcheckPath restartPolicyType restartPolicyMaxRetries preDeployCommand
          drainingSeconds ipv6EgressEnabled cronSchedule builder latestDeployment { id }
        } }""",
        e=world.environment_id,
        s=service,
    )["serviceInstance"]
    assert found == {
        "source": {"image": IMAGE},
        "startCommand": "node x.js",
        "healthcheckPath": "/health",
        "restartPolicyType": "NEVER",
        "restartPolicyMaxRetries": 10,
        "preDeployCommand": ["node migrate.js"],
        "drainingSeconds": 0,
        "ipv6EgressEnabled": False,
        "cronSchedule": None,
        "builder": "RAILPACK",
        "latestDeployment": None,
    }


def test_an_instance_update_without_replicas_resets_them_to_one(world: World) -> None:
    service = world.service("web")
    update = """mutation u($s: String!, $e: String, $i: ServiceInstanceUpdateInput!) {
      serviceInstanceUpdate(serviceId: $s, environmentId: $e, input: $i) }"""
    read = "query i($e: String!, $s: String!) { serviceInstance(environmentId: $e, serviceId: $s) { numReplicas } }"
    here = {"s": service, "e": world.environment_id}
    world.run(update, **here, i={"numReplicas": 3})
    assert world.run(read, **here)["serviceInstance"]["numReplicas"] == 3
    world.run(update, **here, i={"startCommand": "x"})
    assert world.run(read, **here)["serviceInstance"]["numReplicas"] == 1


def test_an_instance_that_is_not_there_is_not_found_though_its_update_says_true(world: World) -> None:
    fork = world.fork("fork")
    service = world.service("web")
    with pytest.raises(EmulatorError, match="ServiceInstance not found"):
        world.run(
            "query i($e: String!, $s: String!) { serviceInstance(environmentId: $e, serviceId: $s) { id } }",
            e=fork,
            s=service,
        )
    done = world.run(
        """mutation u($s: String!, $e: String) {
          serviceInstanceUpdate(serviceId: $s, environmentId: $e, input: {startCommand: "x"}) }""",
        s=service,
        e=fork,
    )
    assert done["serviceInstanceUpdate"] is True


def test_limits_are_stored_without_a_deployment(world: World) -> None:
    service = world.running("web")
    here = {"e": world.environment_id, "s": service}
    override = "query l($e: String!, $s: String!) { serviceInstanceLimitOverride(environmentId: $e, serviceId: $s) }"
    assert world.run(override, **here)["serviceInstanceLimitOverride"] is None
    world.run(
        "mutation l($i: ServiceInstanceLimitsUpdateInput!) { serviceInstanceLimitsUpdate(input: $i) }",
        i={"environmentId": world.environment_id, "serviceId": service, "vCPUs": 2, "memoryGB": 1.5},
    )
    merged = world.run(
        "query l($e: String!, $s: String!) { serviceInstanceLimits(environmentId: $e, serviceId: $s) }", **here
    )["serviceInstanceLimits"]
    assert merged["containers"]["cpu"] == 2
    assert merged["containers"]["memoryBytes"] == 1_500_000_000
    assert world.service_config(service)["deploy"]["limitOverride"]["containers"]["cpu"] == 2
    assert len(world.settled(service)) == 1


def test_a_deployment_of_a_service_that_has_left_the_environment_is_not_made_again(world: World) -> None:
    service = world.service("web", source={"image": IMAGE})
    [deployment] = world.settled(service)
    delete = "mutation d($id: String!, $e: String) { serviceDelete(id: $id, environmentId: $e) }"
    world.run(delete, id=service, e=world.environment_id)
    for mutation in ("deploymentRedeploy(id: $id) { id }", "deploymentRollback(id: $id)"):
        with pytest.raises(EmulatorError, match="ServiceInstance not found|Not Authorized"):
            world.run(f"mutation r($id: String!) {{ {mutation} }}", id=deployment["id"])
