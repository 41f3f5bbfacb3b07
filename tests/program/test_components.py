"""What each component declares: its resources with their names, their dependencies, protection and secrets."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from components.agents import LivingAgents
from components.canary import Canary
from components.database import Database, DatabaseService, DatabaseSettings
from components.environment import EnvironmentPlace
from components.pool_manager import PoolManager, PoolManagerSettings, PoolService
from components.railway_service import RailwayService, ServiceParts, ServiceSecret
from convos_infra.railway.service_configuration import ServiceConfiguration
from convos_infra.schema.policy import SchemaPolicy
from pool_contract.agent_settings import agent_settings
from pool_contract.registry_login import RegistryLogin
from tests.program.fix_program import Declared, Engine, apart, declared, left_behind, mocked

IMAGE = "ghcr.io/example/web:1@sha256:" + "a" * 64
CANARY, POOL = "convos-runtime-canary", "convos-agent-pool-manager"
CANARY_SECRETS = {
    f"canary-{name}" for name in ("pool-api-key", "setup-password", "openclaw-gateway-token", "private-wallet-key")
}
HAS_DATA = {"Service", "Volume", "ServiceDomain", "CustomDomain", "TcpProxy", "RandomSecret", "ProjectToken"}


def place(*, protect: bool = False) -> EnvironmentPlace:
    return EnvironmentPlace("p", "e", 60, 30, overwrite_changes=False, protect=protect)


def database(**more: Any) -> Database:
    service = {"image": IMAGE, "password": "", **{key: more.pop(key) for key in ("replace_volume",) if key in more}}
    given = {"url": "", "service": DatabaseService(**service), "schema": SchemaPolicy(), **more}
    return Database("database", place(protect=True), DatabaseSettings(**given))


def pool_settings(**more: Any) -> PoolManagerSettings:
    given: dict[str, Any] = dict.fromkeys(("repo", "branch", "api_key", "railway_endpoint", "railway_token"), "")
    given |= {"image": IMAGE, "runtime_image": IMAGE, "database_url": "${{postgres.URL}}", "pool_environment": "dev"}
    given |= {"min_idle": 1, "rollout": {}, "agent_url": "", "keep_token": False, "keys": {}, "secret_keys": []}
    given |= more
    return PoolManagerSettings(**given)


def canary(**more: Any) -> Canary:
    keys = {"ANTHROPIC_API_KEY": pulumi.Output.secret("k"), "PLAIN": "1"}
    return Canary("canary", place(**more), IMAGE, keys, agent_settings({}))


def waits_for(made: Engine, row: Declared) -> set[tuple[str, str]]:
    return {(one.kind, one.name) for one in made.rows if one.urn in row.depends_on}


def parents(row: Declared) -> list[str]:
    return row.types[:-1]


def test_a_canary_is_a_service_with_a_domain_and_one_deployment_and_is_protected_if_asked() -> None:
    def program() -> None:
        canary(protect=True)

    made = declared(program)
    parts = {(kind, CANARY) for kind in ("Service", "ServiceDomain", "ServiceInstance", "Deployment")}
    secrets = {("RandomSecret", name) for name in CANARY_SECRETS}
    assert made.declared() == {("Canary", "canary"), *parts, *secrets}
    assert waits_for(made, made.one("ServiceInstance")) >= {("ServiceDomain", CANARY), ("Service", CANARY)}
    assert ("ServiceInstance", CANARY) in waits_for(made, made.one("Deployment"))
    assert {row.kind for row in made.rows if row.protect} == {"Service", "ServiceDomain", "RandomSecret"}


def test_a_canary_has_its_own_key_and_inbox_if_agents_do_and_shares_what_they_share() -> None:
    keys = {"OPENROUTER_MANAGEMENT_KEY": pulumi.Output.secret("m"), "AGENTMAIL_API_KEY": pulumi.Output.secret("a")}
    made = declared(lambda: Canary("canary", place(protect=True), IMAGE, keys, agent_settings({})))
    key, inbox = made.one("OpenRouterKey"), made.one("AgentMailInbox")
    kept = made.one("IssuedSecret")
    assert {one.inputs["name"] for one in (key, inbox)} == {f"{CANARY}-e"}, "each environment's canary has its own name"
    for one in (key, inbox, kept):
        assert not one.protect, "it has to go where the config gives a shared value"
        assert parents(one) == ["convos:index:Canary"]
    assert (key.name, inbox.name) == ("canary-openrouter-key", "canary-agentmail-inbox")
    assert (kept.inputs["issuedAs"], kept.inputs["value"]) == (f"{key.name}-id", "own-key")
    assert all(one.is_secret(name) for one, name in ((kept, "value"), (key, "accountKey"), (inbox, "accountKey")))
    assert key.secret_outputs == kept.secret_outputs == {"value"}
    instance = made.one("ServiceInstance")
    variables = instance.inputs["variables"]
    found = [variables.get(name) for name in ("OPENROUTER_API_KEY", "AGENTMAIL_INBOX_ID", "OPENROUTER_MANAGEMENT_KEY")]
    assert found == ["own-key", f"{inbox.name}-id", None]
    assert instance.is_secret("variables.OPENROUTER_API_KEY")
    assert waits_for(made, instance) >= {(one.kind, one.name) for one in (kept, inbox)}

    shared = {**keys, "OPENROUTER_API_KEY": "o", "AGENTMAIL_INBOX_ID": "i"}
    kinds = {row.kind for row in declared(lambda: Canary("canary", place(), IMAGE, shared, agent_settings({}))).rows}
    assert not kinds & {"OpenRouterKey", "AgentMailInbox", "IssuedSecret"}


def test_a_key_that_is_a_secret_stays_one_in_the_canary_and_in_the_pool_manager() -> None:
    def program() -> None:
        canary()
        PoolManager("pool-manager", place(), pool_settings(keys={"A_KEY": pulumi.Output.secret("k")}), after=[])

    made = declared(program)
    inputs = made.one("ServiceInstance", CANARY)
    assert inputs.inputs["variables"]["ANTHROPIC_API_KEY"] == "k"
    assert inputs.is_secret("variables.ANTHROPIC_API_KEY")
    pool = made.one("ServiceInstance", POOL)
    for name in ("A_KEY", "POOL_API_KEY", "RAILWAY_API_TOKEN"):
        assert pool.is_secret(f"variables.{name}"), name
    assert pool.inputs["sealedVariables"] == ["POOL_API_KEY", "RAILWAY_API_TOKEN"]


def test_a_pool_manager_is_deployed_after_canary_and_schema_with_a_key_and_a_token_of_its_own() -> None:
    def program() -> None:
        before = canary()
        pool = PoolManager("pool-manager", place(), pool_settings(), after=[before.ready])
        LivingAgents("agents", pool, 1, "convos-agent-")

    made = declared(program)
    instance = made.one("ServiceInstance", POOL)
    waited = waits_for(made, instance)
    assert {("Deployment", CANARY), ("ServiceDomain", POOL), ("RandomSecret", "pool-api-key")} <= waited
    assert ("ProjectToken", POOL) in waited
    assert made.one("RandomSecret", "pool-api-key").secret_outputs == {"value"}
    assert instance.inputs["variables"]["POOL_API_KEY"] == "made-up"
    assert waits_for(made, made.one("AgentRollout")) >= {("Deployment", POOL)}
    assert parents(made.one("AgentRollout")) == ["convos:index:Agents"]


def test_a_pool_manager_whose_key_and_token_are_given_generates_neither() -> None:
    def program() -> None:
        PoolManager("pool-manager", place(), pool_settings(api_key="key", railway_token="token"), after=[])

    made = declared(program)
    assert {row.kind for row in made.rows} == {
        *("PoolManager", "Service", "ServiceDomain", "RandomSecret", "ServiceInstance", "Deployment")
    }
    kept = made.one("RandomSecret")
    assert kept.inputs["value"] == "key", "it stays once the config gives it no more"
    assert kept.is_secret("value")
    instance = made.one("ServiceInstance")
    assert instance.inputs["variables"]["POOL_API_KEY"] == "key"
    assert instance.is_secret("variables.POOL_API_KEY")
    assert instance.is_secret("variables.RAILWAY_API_TOKEN")


def test_a_database_has_its_volume_and_proxy_before_it_is_deployed_and_its_schema_after() -> None:
    def program() -> None:
        database(replace_volume=True)

    made = declared(program)
    kinds = ("Service", "Volume", "TcpProxy", "ServiceInstance", "Deployment")
    expected = {
        ("Database", "database"),
        *((kind, "postgres") for kind in kinds),
        ("RandomSecret", "postgres-password"),
    }
    schema = {(kind, name) for kind, name in made.declared() if name.startswith("schema")}
    assert schema
    assert made.declared() == {*expected, *schema}
    assert waits_for(made, made.one("ServiceInstance")) >= {("Volume", "postgres"), ("TcpProxy", "postgres")}
    assert waits_for(made, made.one("DatabaseSchema")) >= {("Deployment", "postgres")}
    assert made.one("Volume").inputs["replaceDeleted"] is True
    assert made.one("ServiceInstance").is_secret("variables.POSTGRES_PASSWORD")
    assert made.one("DatabaseSchema").is_secret("databaseUrl")
    assert {row.kind for row in made.rows if row.protect} >= {"Service", "Volume", "TcpProxy", "RandomSecret"}


def test_an_existing_database_is_not_a_service() -> None:
    found: list[Database] = []
    made = declared(lambda: found.append(database(url="postgresql://u:pw@h/d")))
    assert {row.kind for row in made.rows} & {"Service", "Volume", "Deployment", "RandomSecret"} == set()
    assert (found[0].services, found[0].volumes) == ([], [])
    assert made.one("DatabaseSchema").is_secret("databaseUrl")


def test_the_resources_of_a_stack_keep_the_names_that_they_have_in_states() -> None:
    def program() -> None:
        database()
        canary()
        PoolManager("pool-manager", place(), pool_settings(), after=[])

    made = declared(program)
    of_railway = [row for row in made.rows if "railway" in row.urn or "secret" in row.urn]
    assert len(of_railway) >= 14
    found = {f"{row.types[0].rpartition(':')[2]}/{len(row.types)}/{row.name}" for row in of_railway}
    assert found == {
        *("Database/2/postgres", "Database/2/postgres-password", f"Canary/2/{CANARY}"),
        *(f"PoolManager/2/{POOL}", "PoolManager/2/pool-api-key"),
        *(f"Canary/2/{name}" for name in CANARY_SECRETS),
    }


def redis(**more: Any) -> RailwayService:
    parts = ServiceParts(
        volume="/data",
        proxy_port=6379,
        domain=True,
        custom_domains=["a.example.org", "b.example.org"],
        registry_login=RegistryLogin("u", "p4ss"),
    )
    return RailwayService(
        "redis",
        place(protect=True),
        ServiceConfiguration(image=IMAGE, variables={"PLAIN": "1"}),
        parts,
        [ServiceSecret("REDIS_PASSWORD", "redisPassword", **more)],
    )


@pytest.mark.parametrize("preview", [True, False])
def test_a_custom_service_has_every_part_that_it_declares(preview: bool) -> None:
    made = declared(redis, preview=preview)
    kinds = ("Service", "Volume", "TcpProxy", "ServiceDomain", "ServiceInstance", "Deployment", "RailwayService")
    domains = {("CustomDomain", f"redis-{name}.example.org") for name in "ab"}
    secret = ("RandomSecret", "redis-redisPassword")
    assert made.declared() == {*((kind, "redis") for kind in kinds), *domains, secret}
    instance = made.one("ServiceInstance")
    parts = {("Volume", "redis"), ("TcpProxy", "redis"), ("ServiceDomain", "redis"), *domains}
    assert waits_for(made, instance) >= {*parts, secret}
    assert {*instance.inputs["bound"]} == {"volumes", "tcpProxies", "serviceDomains", "customDomains"}
    assert instance.is_secret("registryCredentials.password")
    assert instance.is_secret("variables.REDIS_PASSWORD")
    assert {row.kind for row in made.rows if row.protect} == HAS_DATA - {"ProjectToken"}
    assert {tuple(parents(row)) for row in made.rows if row.kind != "RailwayService"} == {
        ("convos:index:RailwayService",)
    }


def test_a_custom_service_with_only_an_image_is_three_resources() -> None:
    def program() -> None:
        RailwayService("web", place(), ServiceConfiguration(image=IMAGE))

    made = declared(program)
    assert made.declared() == {(kind, "web") for kind in ("RailwayService", "Service", "ServiceInstance", "Deployment")}
    assert made.one("ServiceInstance").secrets == frozenset()
    assert not any(row.protect for row in made.rows)


@pytest.mark.parametrize("given", ["plain", None, ""], ids=["given", "not given", "empty"])
def test_a_secret_that_the_config_gives_is_not_generated(given: str | None) -> None:
    made = declared(lambda: redis(given=pulumi.Output.secret(given) if given else given))
    instance = made.one("ServiceInstance")
    assert instance.inputs["variables"] == {"PLAIN": "1", "REDIS_PASSWORD": given or "made-up"}
    assert instance.is_secret("variables.REDIS_PASSWORD")
    kept = made.one("RandomSecret")
    assert kept.inputs["value"] == (given or "")
    assert kept.is_secret("value")


def test_variables_that_are_one_output_are_refused() -> None:
    variables = pulumi.Output.from_input({"A": "1"})
    with pytest.raises(TypeError, match="web: variables must be a mapping"):
        declared(lambda: RailwayService("web", place(), ServiceConfiguration(image=IMAGE, variables=variables)))


def test_resources_that_are_not_waited_for_are_noticed() -> None:
    apart(lambda: (mocked(), redis()))
    assert left_behind() > 0
    assert left_behind() == 0


def test_an_adopted_service_has_the_shape_in_the_config_and_what_is_kept_is_not_declared() -> None:
    service = DatabaseService(
        IMAGE,
        "",
        "Postgres",
        "convos",
        "agents",
        6543,
        volume="/data",
        proxy=False,
        keeps=["POSTGRES_PASSWORD", "PGDATA"],
    )
    shape = PoolService(
        "pool", volume="/state", proxy_port=9000, domain=False, keeps=["POOL_API_KEY", "healthcheckPath"]
    )

    def program() -> None:
        Database("database", place(), DatabaseSettings("", service, None))
        PoolManager("pool-manager", place(), pool_settings(service=shape, seal=False, keep_token=True), after=[])

    made = declared(program)
    data = made.one("ServiceInstance", "Postgres").inputs
    assert data["variables"]["POSTGRES_USER"] == "convos"
    assert data["variables"]["POSTGRES_DB"] == "agents"
    assert data["variables"]["PGPORT"] == "6543"
    assert not {"POSTGRES_PASSWORD", "PGDATA"} & set(data["variables"])
    assert data["requiredMountPath"] == "/data"
    pool = made.one("ServiceInstance", "pool").inputs
    assert not {"POOL_API_KEY", "RAILWAY_API_TOKEN"} & set(pool["variables"])
    assert "healthcheckPath" not in pool
    assert "sealedVariables" not in pool
    assert made.declared() & {("Volume", "pool"), ("TcpProxy", "pool"), ("ServiceDomain", "pool")} == {
        ("Volume", "pool"),
        ("TcpProxy", "pool"),
    }
    assert not {row.kind for row in made.rows} & {"RandomSecret", "ProjectToken", "DatabaseSchema"}
    assert ("TcpProxy", "Postgres") not in made.declared()
