"""Variables: shared and of a service, references, what is injected, what deploys."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.fix_emulator import EmulatorError
from tests.emulator.world import IMAGE, World, nodes

VARIABLES = """
query v($p: String!, $e: String!, $s: String, $u: Boolean) {
  variables(projectId: $p, environmentId: $e, serviceId: $s, unrendered: $u)
}"""
UPSERT = "mutation u($i: VariableUpsertInput!) { variableUpsert(input: $i) }"
COLLECTION = "mutation u($i: VariableCollectionUpsertInput!) { variableCollectionUpsert(input: $i) }"
DELETE = "mutation d($i: VariableDeleteInput!) { variableDelete(input: $i) }"


def of(world: World, service: str | None = None) -> dict[str, Any]:
    return {"projectId": world.project_id, "environmentId": world.environment_id, "serviceId": service}


def read(world: World, service: str | None = None, *, unrendered: bool = True) -> dict[str, str]:
    here = {"p": world.project_id, "e": world.environment_id, "s": service, "u": unrendered}
    found: dict[str, str] = world.run(VARIABLES, **here)["variables"]
    return found


def test_an_upsert_on_a_running_service_is_one_deployment_unless_it_skips(world: World) -> None:
    service = world.running("web")
    world.run(UPSERT, i={**of(world, service), "name": "A", "value": "1"})
    assert len(world.settled(service)) == 2
    world.run(UPSERT, i={**of(world, service), "name": "A", "value": "2", "skipDeploys": True})
    assert len(world.settled(service)) == 2
    assert read(world, service)["A"] == "2"


def test_an_upsert_of_the_same_value_deploys_nothing(world: World) -> None:
    service = world.running("web")
    for _ in range(2):
        world.run(UPSERT, i={**of(world, service), "name": "A", "value": "1"})
    assert len(world.settled(service)) == 2


def test_an_upsert_on_a_service_that_never_deployed_stores_only(world: World) -> None:
    service = world.service("web")
    world.run(UPSERT, i={**of(world, service), "name": "A", "value": "1"})
    assert world.deployments(service) == []
    assert read(world, service) == {"A": "1"}


def test_a_collection_is_one_deployment_and_keeps_the_others(world: World) -> None:
    service = world.running("web")
    world.commit_service(service, {"variables": {"OLD": {"value": "x"}}}, skip=True)
    world.run(COLLECTION, i={**of(world, service), "variables": {"A": "1", "B": "2"}})
    assert len(world.settled(service)) == 2
    assert read(world, service) == {"OLD": "x", "A": "1", "B": "2"}


def test_replace_removes_what_is_not_listed_sealed_ones_too(world: World) -> None:
    service = world.service("web")
    variables = {"OLD": {"value": "x"}, "SEALED": {"value": "y", "isSealed": True}}
    world.commit_service(service, {"variables": variables})
    world.run(COLLECTION, i={**of(world, service), "variables": {"A": "1"}, "replace": True})
    assert set(world.service_config(service)["variables"]) == {"A"}


def test_without_a_service_a_variable_is_shared(world: World) -> None:
    world.run(UPSERT, i={**of(world), "name": "S", "value": "1"})
    assert read(world) == {"S": "1"}
    assert world.config()["sharedVariables"]["S"]["value"] == "1"


def test_deleting_a_variable_deploys_once_and_deleting_a_missing_one_is_fine(world: World) -> None:
    service = world.running("web")
    world.commit_service(service, {"variables": {"A": {"value": "1"}}}, skip=True)
    assert world.run(DELETE, i={**of(world, service), "name": "A"})["variableDelete"] is True
    assert read(world, service) == {}
    assert len(world.settled(service)) == 2


def test_references_are_kept_unrendered_and_resolved_where_they_run(world: World) -> None:
    database = world.service("Postgres")
    service = world.service("web")
    world.commit(
        {
            "sharedVariables": {"REGION": {"value": "west"}},
            "services": {
                database: {"variables": {"URL": {"value": "pg://${{RAILWAY_PRIVATE_DOMAIN}}:5432"}}},
                service: {
                    "source": {"image": IMAGE},
                    "variables": {
                        "DATABASE_URL": {"value": "${{Postgres.URL}}/app"},
                        "WHERE": {"value": "${{shared.REGION}}-${{NAME}}"},
                        "NAME": {"value": "me"},
                        "LOST": {"value": "[${{ghost.VAR}}${{postgres.URL}}]"},
                    },
                },
            },
        }
    )
    assert read(world, service)["DATABASE_URL"] == "${{Postgres.URL}}/app"
    rendered = read(world, service, unrendered=False)
    assert rendered["DATABASE_URL"] == "pg://Postgres.railway.internal:5432/app".replace("Postgres.", "postgres.")
    assert rendered["WHERE"] == "west-me"
    assert rendered["LOST"] == "[]"
    (deployment,) = world.settled(service)
    snapshot = world.run(
        "query s($id: String!) { deploymentSnapshot(deploymentId: $id) { variables } }", id=deployment["id"]
    )["deploymentSnapshot"]["variables"]
    assert snapshot["WHERE"] == "west-me"
    assert not [name for name in snapshot if name.startswith("RAILWAY_")]


def test_a_service_with_dots_in_its_name_is_referred_to_in_quotes(world: World) -> None:
    dotted, service = world.service("app-0.20.0"), world.service("api")
    world.commit({"services": {dotted: {"variables": {"A": {"value": "1"}}}}})
    values = {"QUOTED": '${{"app-0.20.0".A}}', "BARE": "${{app-0.20.0.A}}", "OWN": '${{"api".QUOTED}}'}
    variables = {name: {"value": value} for name, value in values.items()}
    world.commit({"services": {service: {"source": {"image": IMAGE}, "variables": variables}}})
    found = read(world, service, unrendered=False)
    assert (found["QUOTED"], found["OWN"]) == ("1", "1")
    assert found["BARE"] != "1"


def test_references_in_a_circle_end(world: World) -> None:
    service = world.service("web")
    variables = {"A": {"value": "${{B}}"}, "B": {"value": "${{A}}"}}
    world.commit_service(service, {"variables": variables})
    assert set(read(world, service, unrendered=False)) >= {"A", "B"}


def test_what_railway_injects_is_in_the_rendered_set_and_equal_to_the_deployments(world: World) -> None:
    service = world.running("web")
    domain = world.run(
        "mutation d($i: ServiceDomainCreateInput!) { serviceDomainCreate(input: $i) { domain } }",
        i={"environmentId": world.environment_id, "serviceId": service},
    )["serviceDomainCreate"]["domain"]
    rendered = read(world, service, unrendered=False)
    assert rendered["RAILWAY_PUBLIC_DOMAIN"] == domain
    assert rendered["RAILWAY_PRIVATE_DOMAIN"] == "web.railway.internal"
    assert rendered["RAILWAY_SERVICE_NAME"] == "web"
    assert rendered["RAILWAY_ENVIRONMENT_NAME"] == "production"
    assert rendered["RAILWAY_PROJECT_ID"] == world.project_id
    for_deployment = world.run(
        """query v($p: String!, $e: String!, $s: String!) {
          variablesForServiceDeployment(projectId: $p, environmentId: $e, serviceId: $s) }""",
        p=world.project_id,
        e=world.environment_id,
        s=service,
    )["variablesForServiceDeployment"]
    assert for_deployment == rendered
    assert read(world, service) == {}


def test_a_change_of_the_source_of_a_reference_does_not_redeploy_who_refers_to_it(world: World) -> None:
    source, service = world.service("source"), world.service("web")
    world.commit(
        {
            "services": {
                source: {"variables": {"A": {"value": "1"}}},
                service: {"source": {"image": IMAGE}, "variables": {"B": {"value": "${{source.A}}"}}},
            }
        }
    )
    world.commit_service(source, {"variables": {"A": {"value": "2"}}})
    assert len(world.settled(service)) == 1


def test_metadata_names_owner_seal_and_references_but_no_value(world: World) -> None:
    service = world.service("web")
    world.commit_service(
        service, {"variables": {"A": {"value": "${{shared.X}}-${{B}}"}, "B": {"value": "meta-secret"}}}
    )
    found = world.run(
        """query e($id: String!) { environment(id: $id) { variables { edges { node {
          id name serviceId environmentId isSealed references createdAt updatedAt } } } } }""",
        id=world.environment_id,
    )["environment"]["variables"]
    assert "meta-secret" not in str(found)
    (entry,) = [row for row in nodes(found) if row["name"] == "A"]
    assert entry["serviceId"] == service
    assert sorted(entry["references"]) == ["B", "shared.X"]


def test_a_shared_variable_has_no_service_and_asking_for_it_is_the_non_null_trap(world: World) -> None:
    world.run(UPSERT, i={**of(world), "name": "S", "value": "1"})
    answer = world.emulator.post(
        "query e($id: String!) { environment(id: $id) { variables { edges { node { name service { id } } } } } }",
        {"id": world.environment_id},
    )
    error = answer.json()["errors"][0]
    assert answer.json()["data"] is None
    assert set(error) == {"message", "traceId"}
    assert error["message"] == "Problem processing request"


@pytest.mark.parametrize("name", ["", "A B", "A=B"])
def test_an_invalid_name_is_refused(world: World, name: str) -> None:
    service = world.service("web")
    with pytest.raises(EmulatorError, match="(?i)invalid"):
        world.run(UPSERT, i={**of(world, service), "name": name, "value": "1"})
