"""What public clients ask for is served and answered: their documents, built again from the record of what they select.

The clients themselves are not run here: docs/conformance.md says how they are, and what came of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema, parse, validate

from emulator.database_templates import POSTGRES
from emulator.execution import SDL
from tests.emulator.client_operations import document, operations, parsed, recorded
from tests.emulator.fix_emulator import Emulator
from tests.emulator.world import World

LEFT_OUT = frozenset(
    {
        # Newer than the published schema; the CLI asks again without it.
        "Environment.iacPartials",
        # `railway usage` alone: billing is not built.
        "Customer.billingPeriod",
        "Customer.usageLimit",
    }
)
EMPTY = {"externalWorkspaces", "projectFavorites"}
SERVED = sorted(
    (client, kind, name, text)
    for client, kinds in recorded().items()
    for kind, texts in kinds.items()
    for name, text in texts.items()
)
APPLY = """
mutation apply($environment: String!, $input: JSON!) {
  environmentApplyChangeSet(environmentId: $environment, input: $input) { id }
}"""
VOLUME = "mutation volume($input: VolumeCreateInput!) { volumeCreate(input: $input) { id } }"
SHARED = "mutation shared($input: VariableUpsertInput!) { variableUpsert(input: $input) }"
ACCOUNT = "query me { me { workspaces { id } } }"
TOKEN = "mutation token($input: ProjectTokenCreateInput!) { projectTokenCreate(input: $input) }"


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema(SDL.read_text())


def served(schema: GraphQLSchema, *kinds: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield client, kind, name and text of what is recorded and has a root field here."""
    roots = {"query": schema.query_type, "mutation": schema.mutation_type, "subscription": schema.subscription_type}
    for client, kind, name, text in SERVED:
        root = roots[kind]
        if kind in kinds and root is not None and name in root.fields:
            yield client, kind, name, text


def test_every_served_operation_takes_what_each_client_selects_of_it(schema: GraphQLSchema) -> None:
    found = list(served(schema, "query", "mutation", "subscription"))
    assert len(found) > 130
    for client, kind, name, text in found:
        errors = validate(schema, parse(document(schema, kind, text, LEFT_OUT).text))
        assert errors == [], f"{client} {name}: {errors}"


def test_what_is_left_out_is_still_not_here(schema: GraphQLSchema) -> None:
    here = {f"{kind.name}.{name}" for kind in schema.type_map.values() for name in getattr(kind, "fields", {})}
    assert len(here) > 500
    assert sorted(LEFT_OUT & here) == []


@pytest.fixture
def values(world: World) -> Mapping[str, Any]:
    """Return a value for each argument, by `operation.argument` or by `argument`, of a project that has everything."""
    fork = world.fork("fork")
    service = world.running("web", healthcheckPath="/health", limitOverride={"containers": {"cpu": 1}})
    at = {"projectId": world.project_id, "environmentId": world.environment_id}
    networking = {
        "serviceDomains": {f"all-{world.project_id[:8]}.up.railway.app": {"port": 8080}},
        "customDomains": {f"all-{world.project_id[:8]}.example.com": {}},
        "tcpProxies": {"5432": {}},
    }
    sealed = {"A": {"value": "1"}, "SEALED": {"value": "2", "isSealed": True}}
    workflow = world.commit_service(service, {"networking": networking, "variables": sealed})
    world.settled(service)
    world.run(VOLUME, input={**at, "serviceId": service, "mountPath": "/data"})
    world.run(SHARED, input={**at, "name": "SHARED", "value": "3", "skipDeploys": True})
    world.run(TOKEN, input={**at, "name": "one"})
    set_ = {"kind": "variable.set", "address": "service.web", "variable": "B", "after": "4"}
    applied = world.run(APPLY, environment=world.environment_id, input={"version": 1, "changes": [set_]})
    (deployment, *_) = world.settled(service)
    workspace = world.run(ACCOUNT)["me"]["workspaces"][0]["id"]
    return {
        **at,
        "serviceId": service,
        "workspaceId": workspace,
        "workflowId": workflow,
        "deploymentId": deployment["id"],
        "first": 100,
        "unrendered": True,
        "decryptVariables": True,
        "code": POSTGRES["code"],
        "deployments.input": {**at, "serviceId": service},
        "deployment.id": deployment["id"],
        "environment.id": world.environment_id,
        "environmentChangeSetApply.id": applied["environmentApplyChangeSet"]["id"],
        "environmentPatch.id": workflow.rpartition("/")[2],
        "project.id": world.project_id,
        "service.id": service,
        "fork": fork,
    }


def test_every_query_of_each_client_is_answered_without_an_error(
    world: World, schema: GraphQLSchema, values: Mapping[str, Any]
) -> None:
    asked = [one for one in served(schema, "query") if one[2] != "projectToken"]
    assert len(asked) > 40
    for client, kind, name, text in asked:
        made = document(schema, kind, text, LEFT_OUT)
        given = {
            variable: values.get(f"{name}.{argument}", values.get(argument))
            for variable, (argument, _) in made.variables.items()
        }
        answer = world.emulator.post(made.text, given).json()
        assert "errors" not in answer, f"{client} {name}: {answer['errors']}"
        assert answer["data"][name] is not None, f"{client} {name}: {answer}"
        assert answer["data"][name] != [] or name in EMPTY, f"{client} {name}: {answer}"


def test_an_operation_that_is_not_served_is_named_in_the_one_error(emulator: Emulator, schema: GraphQLSchema) -> None:
    here = set(served(schema, "query", "mutation", "subscription"))
    for name in ("metrics", "bucketS3Credentials", "privateNetworks"):
        assert any(one[2] == name for one in set(SERVED) - here), name
        answer = emulator.post(f"query {{ {name} }}")
        assert answer.status_code == 400
        assert name in answer.json()["errors"][0]["message"]


def test_a_record_is_read_as_it_was_written() -> None:
    written = operations(iter([parse("query q { a(x: 1) { c b(y: 2) { d } } ...f } fragment f on Query { a { e } }")]))
    assert written == {"query": {"a": "a(x) { b(y) { d } c e }"}}
    assert parsed(written["query"]["a"]).text() == written["query"]["a"]
