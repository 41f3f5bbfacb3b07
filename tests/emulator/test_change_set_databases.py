"""Databases of change sets: a client names an engine, and the service of its template is made."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.test_change_sets import apply, create
from tests.emulator.world import World, nodes

# What `railway config` sends for `postgres("db")` and the like.
SENT = {
    "postgres": {"output": "DATABASE_URL", "defaultMountPath": "/var/lib/postgresql/data"},
    "redis": {"output": "REDIS_URL", "defaultMountPath": "/bitnami"},
    "mysql": {"output": "MYSQL_URL", "defaultMountPath": "/var/lib/mysql"},
    "mongo": {"output": "MONGO_URL", "defaultMountPath": "/data/db"},
}
SERVICES = """
query s($id: String!) {
  project(id: $id) { services { edges { node { name templateServiceId } } } volumes { edges { node { name } } } }
}"""
VARIABLES = """
query v($p: String!, $e: String!, $s: String!) { variables(projectId: $p, environmentId: $e, serviceId: $s) }"""


def database(name: str, engine: str, **more: Any) -> dict[str, Any]:
    resource = {"type": "database", "kind": "database", "engine": engine, "name": name, **SENT[engine], **more}
    return {"kind": "resource.create", "address": f"database.{name}", "resource": resource}


def names(world: World) -> tuple[dict[str, str | None], list[str]]:
    project = world.run(SERVICES, id=world.project_id)["project"]
    services = {row["name"]: row["templateServiceId"] for row in nodes(project["services"])}
    return services, sorted(row["name"] for row in nodes(project["volumes"]))


@pytest.mark.parametrize("engine", SENT)
def test_a_database_has_the_variables_the_volume_and_the_proxy_of_its_template(world: World, engine: str) -> None:
    done = apply(
        world,
        database("db", engine),
        create("web", variables={"URL": {"type": "reference", "resource": "database.db", "output": "X"}}),
    )
    assert (done["status"], done["diagnostics"]) == ("applied", [])
    config = world.service_config(done["changes"][0]["outputs"]["id"])
    where = SENT[engine]
    assert where["output"] in config["variables"]
    assert [mount["mountPath"] for mount in config["volumeMounts"].values()] == [where["defaultMountPath"]]
    assert len(config["networking"]["tcpProxies"]) == 1
    assert config["source"]["image"]
    services, volumes = names(world)
    assert services["db"]
    assert services["web"] is None
    assert volumes == ["db-volume"]
    assert world.service_config(done["changes"][1]["outputs"]["id"])["variables"]["URL"]["value"] == "${{db.X}}"


def test_its_password_is_made_once_and_rendered_into_its_address(world: World) -> None:
    ids = [done["outputs"]["id"] for done in apply(world, database("a", "redis"), database("b", "redis"))["changes"]]
    here = {"p": world.project_id, "e": world.environment_id}
    found = [world.run(VARIABLES, **here, s=id_)["variables"] for id_ in ids]
    passwords = [row["REDIS_PASSWORD"] for row in found]
    assert len(set(passwords)) == 2
    assert [len(password) for password in passwords] == [32, 32]
    assert [row["REDIS_PASSWORD"] in row["REDIS_URL"] for row in found] == [True, True]
    assert world.run(VARIABLES, **here, s=ids[0])["variables"] == found[0]


def test_what_a_client_says_counts_and_a_name_that_is_taken_is_not_taken_twice(world: World) -> None:
    volume = {
        "kind": "resource.create",
        "address": "volume.data",
        "resource": {"type": "volume", "name": "data", "config": {}},
    }
    own = database(
        "db",
        "redis",
        image="redis:7",
        volumeAttachments={"data": {"mountPath": "/own"}},
        variables={"REDISPORT": {"type": "literal", "value": "7000"}},
        networking={"tcpProxies": {"7000": {}}},
    )
    done = apply(world, volume, own)
    config = world.service_config(done["changes"][1]["outputs"]["id"])
    assert (config["source"]["image"], config["variables"]["REDISPORT"]["value"]) == ("redis:7", "7000")
    assert [mount["mountPath"] for mount in config["volumeMounts"].values()] == ["/own"]
    assert "7000" in config["networking"]["tcpProxies"]
    assert names(world)[1] == ["data"]
    apply(world, {**volume, "address": "volume.x-volume", "resource": {"type": "volume", "name": "x-volume"}})
    apply(world, database("x", "redis"))
    assert names(world)[1] == ["data", "x-volume", "x-volume-2"]


def test_a_preview_of_a_database_makes_nothing_and_says_what_was_sent(world: World) -> None:
    document = """
    mutation p($id: String!, $input: JSON!) {
      environmentPreviewChangeSet(environmentId: $id, input: $input) { changeSet diagnostics }
    }"""
    given = {"version": 1, "changes": [database("db", "mysql")], "diagnostics": []}
    shown = world.run(document, id=world.environment_id, input=given)["environmentPreviewChangeSet"]
    assert shown == {"changeSet": given, "diagnostics": []}
    assert names(world) == ({}, [])
