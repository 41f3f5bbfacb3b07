"""Several databases, whose an environment is, names as agents have them, and what somebody has staged."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ops.adopt.config import AdoptionInputs
from stack.databases import FurtherDatabase
from stack.settings import Settings
from tests.adopt.build import built, inside
from tests.adopt.fixtures import AGENTS, FIXTURES, POOL, USUAL, WEB, with_url
from tests.adopt.in_process import STACK, Stack
from tests.adopt.servers import MARK, Fixture, Sealed, Server, pool, postgres
from tests.adopt.test_live_environments import Counted, adopted, changed, live
from tests.colleague.inside import Inside

REDIS = Server(
    image="redis:7",
    volumes=("/bitnami",),
    proxies=(6379,),
    variables={
        "REDIS_PASSWORD": f"{MARK}-redis",
        "REDIS_URL": "redis://${{REDISUSER}}:${{REDIS_PASSWORD}}@${{RAILWAY_PRIVATE_DOMAIN}}:${{REDISPORT}}",
        "REDISPORT": "6379",
        "REDISUSER": "default",
        "REDIS_AOF": Sealed("yes"),
    },
)
SEVERAL = Fixture(
    {**USUAL, "analytics": postgres(variables={"PGPORT": "6000"}, proxies=()), "Redis (old)": REDIS, "web": WEB}
)
NAMED = {
    "analytics": {
        "image": "ghcr.io/railwayapp-templates/postgres-ssl:17",
        "mountPath": "/var/lib/postgresql/data",
        "variables": {
            "PGDATA": "/var/lib/postgresql/data/pgdata",
            "PGHOST": "${{RAILWAY_PRIVATE_DOMAIN}}",
            "PGPORT": "6000",
            "POSTGRES_DB": "railway",
            "POSTGRES_USER": "postgres",
            "SSL_CERT_DAYS": "820",
            "DATABASE_URL": "postgresql://${{POSTGRES_USER}}:${{POSTGRES_PASSWORD}}@${{PGHOST}}:${{PGPORT}}/${{POSTGRES_DB}}",
        },
    },
    "redis-old": {
        "service": "Redis (old)",
        "image": "redis:7",
        "mountPath": "/bitnami",
        "proxy": True,
        "port": "6379",
        "variables": {"REDISPORT": "6379", "REDISUSER": "default", "REDIS_URL": REDIS.variables["REDIS_URL"]},
    },
}


def with_entry(settings: Settings, name: str, **update: Any) -> Settings:
    entries = {**settings.databases, name: settings.databases[name].model_copy(update=update)}
    return settings.model_copy(update={"databases": entries})


def test_every_database_is_declared_and_kept(emulator: Inside) -> None:
    made = built(inside(emulator), SEVERAL)
    counted, before = Counted(emulator), emulator.documents()
    described, settings, told = adopted(emulator, made, SEVERAL)
    assert described.plain["databases"] == NAMED
    secret = {path: value for path, value in described.secrets.items() if path.startswith("databases.")}
    assert secret == {
        "databases.analytics.variables.POSTGRES_PASSWORD": f"{MARK}-db",
        "databases.redis-old.variables.REDIS_PASSWORD": f"{MARK}-redis",
    }
    rows = {row.subject: row for row in told.rows}
    assert (rows["Redis (old)"].state, rows["web"].state) == ("adopted", "left alone")
    assert {"volume at /bitnami", "TCP proxy of port 6379", "REDIS_PASSWORD"} <= set(rows["Redis (old)"].matches)
    assert list(rows["Redis (old)"].unread) == ["REDIS_AOF"]

    stack = Stack(emulator)
    stack.up(settings)
    assert counted.taken() == ([], 0)
    for kind in ("Service", "ServiceInstance", "Volume", "Deployment"):
        assert {(kind, "analytics"), (kind, "Redis (old)")} <= set(stack.state), kind
    assert ("TcpProxy", "Redis (old)") in stack.state
    assert stack.refresh() == []
    gate = stack.state[("DestroyGate", "destroy-gate")].inputs
    assert {row["name"] for row in gate["volumes"]} == {"postgres", "analytics", "Redis (old)"}

    variables = {**settings.databases["redis-old"].variables, "REDIS_PASSWORD": "other"}
    stack.up(with_entry(settings, "redis-old", variables=variables))
    assert counted.taken() == (["environmentPatchCommit"], 1)
    stack.up(settings)
    counted.taken()
    # An entry that is taken out leaves what was adopted where it is.
    stack.up(settings.model_copy(update={"databases": {}}))
    assert ("Service", "analytics") not in stack.state
    stack.up(settings)
    stack.destroy()
    assert counted.taken() == ([], 0)
    after = emulator.documents()
    assert {kind for kind in after if changed({kind: before[kind]}, {kind: after[kind]})} <= {
        *("deployment", "service_instance", "environment")
    }


def test_only_databases_that_are_named_are_declared_and_the_others_are_told(emulator: Inside) -> None:
    made = built(inside(emulator), SEVERAL)
    for names, declared in (([], set()), (["Redis (old)"], {"redis-old"})):
        described, settings, told = adopted(emulator, made, SEVERAL, databases=names)
        assert set(described.plain.get("databases", {})) == declared
        left = {row.subject for row in told.rows if row.state == "left alone"}
        assert left == {"analytics", "Redis (old)", "web"} - set(names)
        counted = Counted(emulator)
        Stack(emulator).up(settings)
        assert counted.taken() == ([], 0)
    for wrong in ("lost", POOL, "postgres"):
        with pytest.raises(Exception, match="DATABASES: "):
            adopted(emulator, made, SEVERAL, databases=[wrong])


def test_a_name_that_the_config_cannot_hold_is_refused_or_left(emulator: Inside) -> None:
    fixture = Fixture({" boss\n": pool(**with_url("postgres")), "postgres": postgres()})
    with pytest.raises(Exception, match=r"POOL_MANAGER: the name ' boss\\n' begins or ends with whitespace; rename"):
        adopted(emulator, built(inside(emulator), fixture), fixture)
    emulator.restore({})
    fixture = Fixture({**USUAL, " cache": REDIS})
    _, settings, told = adopted(emulator, built(inside(emulator), fixture), fixture)
    assert (settings.databases, told.changes) == ({}, 0)
    assert any(row.subject == " cache" and row.state == "left alone" for row in told.rows)


def test_adopting_again_keeps_the_names_of_entries_and_values_that_are_sealed_since(emulator: Inside) -> None:
    sealed = Server(**{**vars(REDIS), "variables": {**REDIS.variables, "REDIS_PASSWORD": Sealed("x")}})
    fixture = Fixture({**USUAL, "Redis (old)": sealed})
    made = built(inside(emulator), fixture)
    path = "databases.cache.variables.REDIS_PASSWORD"
    known = AdoptionInputs(known={path: "only-copy"}, databases={"cache": {"service": "Redis (old)"}})
    described, settings, _ = adopted(emulator, made, fixture, given=known)
    assert described.secrets[path] == "only-copy"
    assert settings.databases["cache"].kept == ("REDIS_PASSWORD",)
    lost = AdoptionInputs(stored={"Redis (old)": {"REDIS_PASSWORD": "of the state", "REDISPORT": "1"}})
    again, _, _ = adopted(emulator, made, fixture, given=lost)
    assert again.secrets["databases.redis-old.variables.REDIS_PASSWORD"] == "of the state"
    assert again.plain["databases"]["redis-old"]["variables"]["REDISPORT"] == "6379"
    counted = Counted(emulator)
    Stack(emulator).up(settings)
    assert counted.taken() == ([], 0)


def test_a_name_that_is_left_to_railway_later_is_not_taken_away_there(emulator: Inside) -> None:
    made = built(inside(emulator), SEVERAL)
    _, settings, _ = adopted(emulator, made, SEVERAL)
    stack = Stack(emulator)
    stack.up(settings)
    counted, before = Counted(emulator), emulator.documents()
    database = settings.database.model_copy(update={"keeps": f"{settings.database.keeps} POSTGRES_DB image"})
    pool = settings.pool.model_copy(update={"keeps": f"{settings.pool.keeps} POOL_MIN_IDLE healthcheckPath"})
    left = settings.model_copy(update={"database": database, "pool": pool})
    left = with_entry(left, "redis-old", keeps="REDIS_PASSWORD image")
    for _ in range(2):
        stack.up(left)
        assert counted.taken() == ([], 0)
    # A refresh records once that they are set by others now.
    stack.refresh()
    assert stack.refresh() == []
    assert changed(before, emulator.documents()) == []
    inputs = stack.state[("ServiceInstance", "Redis (old)")].inputs
    assert "REDIS_PASSWORD" not in inputs["variables"]


@pytest.mark.parametrize("refreshed", [False, True])
def test_a_name_that_is_taken_back_from_railway_costs_nothing_while_it_is_the_same(
    emulator: Inside, refreshed: bool
) -> None:
    made = built(inside(emulator), SEVERAL)
    _, settings, _ = adopted(emulator, made, SEVERAL)
    stack = Stack(emulator)
    stack.up(settings)
    counted, before = Counted(emulator), emulator.documents()
    database = settings.database.model_copy(update={"keeps": f"{settings.database.keeps} POSTGRES_DB POSTGRES_USER"})
    pool = settings.pool.model_copy(update={"keeps": f"{settings.pool.keeps} POOL_MIN_IDLE healthcheckPath"})
    left = with_entry(settings.model_copy(update={"database": database, "pool": pool}), "redis-old", keeps="REDISPORT")
    stack.up(left)
    if refreshed:
        stack.refresh()
    # Others refer to POSTGRES_DB and POSTGRES_USER: nothing becomes other for them, either.
    stack.up(settings)
    assert counted.taken() == ([], 0)
    assert changed(before, emulator.documents()) == []
    assert stack.state[("ServiceInstance", "postgres")].inputs["variables"]["POSTGRES_DB"]


def test_an_entry_whose_service_is_not_there_is_made_and_goes_with_the_stack(emulator: Inside) -> None:
    fixture = FIXTURES["the usual one, by a patch"]
    made = built(inside(emulator), fixture)
    _, settings, _ = adopted(emulator, made, fixture)
    stack = Stack(emulator, config={"dataOnDestroy": "delete"})
    stack.up(settings)
    entry = FurtherDatabase(service="cache", image="redis:7", mountPath="/data", variables={"REDIS_PASSWORD": MARK})
    counted = Counted(emulator)
    stack.up(settings.model_copy(update={"databases": {"cache": entry}}))
    mutations, deployments = counted.taken()
    assert (mutations, deployments) == (["serviceCreate", "volumeCreate", "environmentPatchCommit"], 1)
    stack.destroy()
    assert live(emulator, made).names() == [POOL, "postgres"]


NAMED_AS_AGENTS = Fixture(
    {
        "convos-agent-boss": pool(**with_url("convos-agent-db")),
        "convos-agent-db": postgres(),
        "convos-agent-cache": REDIS,
        **AGENTS,
    },
    roles={"POOL_MANAGER": "convos-agent-boss", "DATABASE": "convos-agent-db"},
)


def test_services_of_the_stack_that_are_named_as_agents_are_no_agents(emulator: Inside) -> None:
    made = built(inside(emulator), NAMED_AS_AGENTS)
    _, settings, told = adopted(emulator, made, NAMED_AS_AGENTS, databases=["convos-agent-cache"])
    things = {row.subject: row.state for row in told.rows}
    assert things["convos-agent-boss"] == things["convos-agent-cache"] == "adopted"
    assert things["4 agents"] == "left alone"
    counted = Counted(emulator)
    stack = Stack(emulator)
    stack.up(settings)
    before = emulator.documents()
    stack.destroy()
    assert counted.taken() == ([], 0)
    assert changed(before, emulator.documents()) == []


def test_an_environment_that_another_stack_marks_later_is_refused_without_a_further_call(emulator: Inside) -> None:
    fixture = FIXTURES["the usual one, by a patch"]
    made = built(inside(emulator), fixture)
    _, settings, _ = adopted(emulator, made, fixture)
    stack = Stack(emulator)
    stack.up(settings)
    asked: list[str] = []

    def mark(name: str) -> None:
        patch = {"sharedVariables": {"CONVOS_INFRA_STACK": {"value": name}}}
        made.send("environmentPatchCommit", environmentId=made.environment_id, patch=patch, skipDeploys=True)
        asked.clear()

    emulator.after = lambda _, operation: asked.append(operation)
    change = settings.model_copy(update={"keys": {**settings.keys, "BANKR_API_KEY": "new"}})
    mark("")
    stack.up(change)
    calls = len(asked)
    mark(STACK)
    stack.up(settings)
    assert len(asked) == calls, "the marker is in what is read anyway"
    mark("second")
    with pytest.raises(Exception, match="stack: environment production is managed by the stack second .*STACK=second"):
        stack.up(change)
    assert "environmentPatchCommit" not in asked
    stack.refresh()
    stack.destroy()


def test_staged_changes_are_told_by_name_and_neither_carried_out_nor_lost(emulator: Inside) -> None:
    fixture = FIXTURES["the usual one, by a patch"]
    made = built(inside(emulator), fixture)
    staged = {
        "services": {
            made.ids[POOL]: {
                "variables": {"POOL_MIN_IDLE": {"value": MARK}, "POOL_API_KEY": None},
                "deploy": {"startCommand": MARK},
            },
            made.ids["postgres"]: {"isDeleted": True},
        },
        "sharedVariables": {"REGION": {"value": MARK}},
    }
    made.send("environmentStageChanges", environmentId=made.environment_id, input=staged)
    _, settings, told = adopted(emulator, made, fixture)
    (row,) = [row for row in told.rows if row.subject == "staged changes"]
    assert list(row.unkeyed) == [
        f"{POOL}: variable POOL_API_KEY (removed)",
        f"{POOL}: variable POOL_MIN_IDLE",
        f"{POOL}: deploy.startCommand",
        "postgres: the service is removed",
        "shared variable REGION",
    ]
    assert told.next_steps[-1].startswith("staged changes: apply or discard them on Railway")
    assert MARK not in json.dumps(told.document()) + "\n".join(told.lines())
    before = emulator.documents()["staged"]
    stack = Stack(emulator)
    stack.up(settings)
    stack.up(settings.model_copy(update={"keys": {**settings.keys, "BANKR_API_KEY": "new"}}))
    assert emulator.documents()["staged"] == before
    _, again, _ = adopted(emulator, made, fixture)
    assert again.pool.min_idle == 3
    stack.destroy()
    assert emulator.documents()["staged"] == before
