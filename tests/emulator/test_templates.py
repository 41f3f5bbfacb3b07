"""The databases' templates, as `railway add --database` deploys them; PostgreSQL is a real one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.fix_emulator import EmulatorError
from tests.emulator.world import World, nodes

TEMPLATE = "query t($code: String!) { template(code: $code) { id code name serializedConfig } }"
DEPLOY = "mutation d($input: TemplateDeployV2Input!) { templateDeployV2(input: $input) { projectId workflowId } }"
STATUS = "query w($id: String!) { workflowStatus(workflowId: $id) { status error } }"
SERVICES = "query p($id: String!) { project(id: $id) { services { edges { node { id name } } } } }"
PROXIES = "query p($e: String!, $s: String!) { tcpProxies(environmentId: $e, serviceId: $s) { applicationPort } }"


def deploy(world: World, code: str = "postgres", **more: Any) -> dict[str, Any]:
    template = world.run(TEMPLATE, code=code)["template"]
    given = {"templateId": template["id"], "serializedConfig": template["serializedConfig"]}
    where = {"projectId": world.project_id, "environmentId": world.environment_id}
    return dict(world.run(DEPLOY, input={**given, **where, **more})["templateDeployV2"])


def services(world: World) -> dict[str, str]:
    found = world.run(SERVICES, id=world.project_id)["project"]["services"]
    return {row["name"]: row["id"] for row in nodes(found)}


@pytest.mark.postgres
def test_the_postgres_template_runs_a_database_on_a_volume_behind_a_proxy(world: World) -> None:
    done = deploy(world)
    assert done["projectId"] == world.project_id
    assert world.run(STATUS, id=done["workflowId"])["workflowStatus"] == {"status": "Complete", "error": None}
    service = services(world)["Postgres"]
    config = world.service_config(service)
    assert len(config["variables"]["POSTGRES_PASSWORD"]["value"]) == 32
    assert [mount["mountPath"] for mount in config["volumeMounts"].values()] == ["/var/lib/postgresql/data"]
    assert world.run(PROXIES, e=world.environment_id, s=service)["tcpProxies"] == [{"applicationPort": 5432}]
    (deployment,) = world.settled(service, seconds=60)
    assert deployment["status"] == "SUCCESS"


@pytest.mark.parametrize(
    ("code", "name", "url", "port"),
    [
        ("redis", "Redis", "REDIS_URL", 6379),
        ("mysql", "MySQL", "MYSQL_URL", 3306),
        ("mongo", "MongoDB", "MONGO_URL", 27017),
    ],
)
def test_each_other_database_has_a_volume_a_proxy_and_a_url_of_its_own_login(
    world: World, code: str, name: str, url: str, port: int
) -> None:
    deploy(world, code)
    service = services(world)[name]
    assert len(world.service_config(service)["volumeMounts"]) == 1
    assert world.run(PROXIES, e=world.environment_id, s=service)["tcpProxies"] == [{"applicationPort": port}]
    rendered = (
        "query v($p: String!, $e: String!, $s: String!) { variables(projectId: $p, environmentId: $e, serviceId: $s) }"
    )
    found = world.run(rendered, p=world.project_id, e=world.environment_id, s=service)["variables"]
    assert "${{" not in " ".join(found.values())
    login = next(value for key, value in found.items() if key.endswith("PASSWORD"))
    assert len(login) == 32
    assert f":{login}@{name.lower()}.railway.internal:{port}" in found[url]


def test_a_second_copy_has_a_name_and_a_password_of_its_own(world: World) -> None:
    for _ in range(2):
        deploy(world, stageOnly=True)
    first, second = sorted(services(world))
    assert (first, second.startswith("Postgres-")) == ("Postgres", True)


def test_stage_only_stages_and_deploys_nothing(world: World) -> None:
    deploy(world, stageOnly=True)
    service = services(world)["Postgres"]
    assert service not in world.instances()
    staged = "query s($id: String!) { environmentStagedChanges(environmentId: $id) { status patch } }"
    found = world.run(staged, id=world.environment_id)["environmentStagedChanges"]
    assert list(found["patch"]["services"]) == [service]


def test_a_value_that_the_client_filled_in_wins_over_the_templates_default(world: World) -> None:
    template = world.run(TEMPLATE, code="postgres")["template"]
    (service,) = template["serializedConfig"]["services"].values()
    service["variables"]["POSTGRES_DB"]["value"] = "mine"
    deploy(world, serializedConfig=template["serializedConfig"], stageOnly=True)
    commit = "mutation c($id: String!) { environmentPatchCommitStaged(environmentId: $id, skipDeploys: true) }"
    workflow = world.run(commit, id=world.environment_id)["environmentPatchCommitStaged"]
    assert world.run(STATUS, id=workflow)["workflowStatus"]["status"] == "Complete"
    assert world.service_config(services(world)["Postgres"])["variables"]["POSTGRES_DB"]["value"] == "mine"


def test_an_unknown_workflow_is_not_found_and_an_unknown_template_is_refused(world: World) -> None:
    assert world.run(STATUS, id="unknown")["workflowStatus"]["status"] == "NotFound"
    with pytest.raises(EmulatorError, match="Template not found"):
        world.run(TEMPLATE, code="ghost")
    with pytest.raises(EmulatorError, match="Invalid template config"):
        deploy(world, serializedConfig={"services": {"x": {}}})
