"""Keeping agents warm: real process, real database, the emulator in Railway's place."""

from __future__ import annotations

import re
import signal

import pytest

from tests.emulator.fix_emulator import until
from tests.pool.pool_process import IMAGE, running_pool
from tests.pool.surroundings import NEXT_IMAGE, Surroundings, agents, counts, until_idle


def test_the_pool_fills_up_with_agents_of_the_image_that_it_was_given(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="3") as pool:
        assert until_idle(pool, 3)["latest"] == 3
        for service in around.services():
            assert service["source"]["image"] == IMAGE
            assert service["volumes"] == 1
            assert len(service["domains"]["serviceDomains"]) == 1


def test_an_agent_is_deployed_once_and_its_first_boot_knows_everything(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1", XMTP_ENV="dev", AGENTMAIL_API_KEY="am_secret") as pool:
        until_idle(pool, 1)
        (service,) = around.services()
        assert len(around.world.deployments(service["serviceId"], around.environment_id)) == 1
        config = around.world.service_config(service["serviceId"], environment_id=around.environment_id)
        values = {name: entry["value"] for name, entry in config["variables"].items()}
        assert values["XMTP_ENV"] == "dev"
        assert values["AGENTMAIL_API_KEY"] == "am_secret"
        assert values["OPENCLAW_STATE_DIR"] == "/app"
        assert len(values["OPENCLAW_GATEWAY_TOKEN"]) == 64
        assert len(values["SETUP_PASSWORD"]) == 32
        assert re.fullmatch("0x[0-9a-f]{64}", values["PRIVATE_WALLET_KEY"])
        assert config["deploy"]["startCommand"] == "node scripts/pool-server.js"
        assert config["deploy"]["limitOverride"]["containers"] == {"cpu": 4, "memoryBytes": 8_000_000_000}
        calls = [call["operation"] for call in around.emulator.calls() if call["type"] == "mutation"][-4:]
        assert calls == ["serviceCreate", "volumeCreate", "serviceDomainCreate", "environmentPatchCommit"]


def test_two_agents_share_no_secret(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="2") as pool:
        until_idle(pool, 2)
        config = around.world.config(environment_id=around.environment_id)
        for name in ("OPENCLAW_GATEWAY_TOKEN", "SETUP_PASSWORD", "PRIVATE_WALLET_KEY"):
            assert len({service["variables"][name]["value"] for service in config["services"].values()}) == 2


def test_a_full_pool_costs_one_query_a_tick_and_no_mutation(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="2") as pool:
        until_idle(pool, 2)
        around.emulator.forget_calls()
        before = pool.json("GET", "/api/pool/status")["seenAt"]
        until(lambda: pool.json("GET", "/api/pool/status")["seenAt"] > before + 1.0, 20)
        calls = around.emulator.calls()
        assert {call["type"] for call in calls} == {"query"}
        assert {tuple(call["fields"]) for call in calls} == {("environment",)}


def test_a_restart_makes_no_agent_twice(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="3") as pool:
        until_idle(pool, 3)
        before = {service["serviceId"] for service in around.services()}
        for sign in (signal.SIGTERM, signal.SIGKILL):
            pool.restart(sign)
            until_idle(pool, 3)
            assert {service["serviceId"] for service in around.services()} == before


def test_an_agent_that_was_deleted_by_hand_is_replaced(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="2") as pool:
        until_idle(pool, 2)
        gone = around.services()[0]["serviceId"]
        around.world.run(
            "mutation gone($id: String!, $e: String!) { serviceDelete(id: $id, environmentId: $e) }",
            id=gone,
            e=around.environment_id,
        )
        until(lambda: gone not in {one["serviceId"] for one in around.services()} and len(around.services()) == 2, 20)


def test_an_agent_that_never_gets_ready_is_deleted_with_its_volume_and_replaced(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1", POOL_STUCK_TIMEOUT_MS="1500") as pool:
        until_idle(pool, 1)
        (bad,) = agents(pool)
        around.farm.unready.add(bad["id"])
        until(lambda: bad["id"] not in {agent["id"] for agent in agents(pool)}, 30)
        until_idle(pool, 1)
        assert around.orphans() == []


def test_an_agent_that_crashed_is_replaced(around: Surroundings) -> None:
    around.emulator.settings(outcomes={IMAGE: "crash"})
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until(lambda: "deleted, because it was dead" in pool.printed(), 30)
        around.emulator.settings(outcomes={})
        until_idle(pool, 1)
        assert around.orphans() == []


def test_a_broken_image_does_not_make_agents_in_a_hot_loop(around: Surroundings) -> None:
    around.emulator.settings(outcomes={IMAGE: "crash"})
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until(lambda: pool.printed().count("deleted, because it was dead") >= 3, 40)
        around.emulator.forget_calls()
        before = counts(pool)
        until(lambda: counts(pool) is not before and len(around.emulator.calls()) > 12, 20)
        made = [call for call in around.emulator.calls() if call["operation"] == "serviceCreate"]
        assert len(made) <= 1


FAULTS = ["lost_answer", "drop_before", "gateway_timeout", "502", "opaque", "null_data", "throttled", "429"]
CREATING = ["serviceCreate", "volumeCreate", "serviceDomainCreate", "environmentPatchCommit"]


@pytest.mark.parametrize("operation", CREATING)
@pytest.mark.parametrize("kind", FAULTS[:2] + FAULTS[4:5])
def test_a_call_that_fails_while_an_agent_is_made_leaves_no_half_one_and_no_second_one(
    around: Surroundings, kind: str, operation: str
) -> None:
    around.emulator.fault(kind, operation=operation)
    with around.pool(POOL_MIN_IDLE="2") as pool:
        until_idle(pool, 2)
        services = around.services()
        assert len(services) == 2
        assert [service["volumes"] for service in services] == [1, 1]
        assert around.orphans() == []
        for service in services:
            deployments = around.world.deployments(service["serviceId"], around.environment_id)
            assert len(deployments) == 1, "one patch, one deployment"


def test_a_rate_limit_is_waited_out(around: Surroundings) -> None:
    for operation in CREATING:
        around.emulator.fault("429", operation=operation, seconds=1)
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        assert len(around.services()) == 1


@pytest.mark.parametrize("after", range(1, 8))
def test_killed_after_any_call_the_next_pool_manager_finishes_the_work(around: Surroundings, after: int) -> None:
    around.emulator.settings(latency_ms=30)
    with around.pool(POOL_MIN_IDLE="2") as pool:

        def mutations() -> int:
            return sum(call["type"] == "mutation" for call in around.emulator.calls())

        until(lambda: mutations() >= after, 30)
        pool.restart(signal.SIGKILL)
        until_idle(pool, 2)
        services = around.services()
        assert len(services) == 2
        assert [service["volumes"] for service in services] == [1, 1]
        assert around.orphans() == []


def test_two_pool_managers_at_once_make_no_agent_too_many(
    around: Surroundings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    more = around.variables(POOL_MIN_IDLE="3")
    with around.pool(POOL_MIN_IDLE="3") as one, running_pool(tmp_path_factory.mktemp("second"), more) as other:
        until_idle(one, 3)
        until(lambda: counts(other).get("idle") == 3, 20)
        assert len(around.services()) == 3


def test_an_older_pool_manager_stands_back_and_new_agents_get_the_newer_ones_image(
    around: Surroundings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    newer = around.variables(POOL_MIN_IDLE="3", RAILWAY_RUNTIME_IMAGE=NEXT_IMAGE)
    with around.pool(POOL_MIN_IDLE="2") as old:
        until_idle(old, 2)
        with running_pool(tmp_path_factory.mktemp("newer"), newer) as new:
            until_idle(new, 3)
            until(lambda: "a newer pool manager is in charge" in old.printed(), 20)
            assert around.images() == {IMAGE: 2, NEXT_IMAGE: 1}


def test_services_of_others_are_left_alone(around: Surroundings) -> None:
    names = ["convos-agent-pool-manager", "convos-runtime-canary", "postgres", "convos-agent-short"]
    given = {"projectId": around.world.project_id, "environmentId": around.environment_id}
    create = "mutation s($input: ServiceCreateInput!) { serviceCreate(input: $input) { id } }"
    for name in names:
        around.world.run(create, input={**given, "name": name})
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        assert set(names) <= {service["serviceName"] for service in around.services()}
        assert len(agents(pool)) == 1


def test_a_project_token_is_enough_and_is_recognised_as_one(around: Surroundings) -> None:
    token = around.project_token()
    with around.pool(POOL_MIN_IDLE="1", RAILWAY_API_TOKEN=token) as pool:
        until_idle(pool, 1)


def test_the_log_and_the_page_hold_no_secret(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1", BANKR_API_KEY="bk_canary_value") as pool:
        until_idle(pool, 1)
        config = around.world.config(environment_id=around.environment_id)
        (service,) = config["services"].values()
        secrets = [service["variables"][name]["value"] for name in ("OPENCLAW_GATEWAY_TOKEN", "PRIVATE_WALLET_KEY")]
        secrets += ["bk_canary_value", around.token, around.database.url]
        shown = pool.printed() + pool.call("GET", "/", headers={}).text + pool.call("GET", "/api/pool/status").text
        assert not [secret for secret in secrets if secret in shown]


def test_a_key_that_nobody_declared_reaches_agents_by_its_name(around: Surroundings) -> None:
    given = {"POOL_AGENT_KEYS": "EXA_API_KEY", "EXA_API_KEY": "exa_secret", "SOMETHING_ELSE": "no"}
    with around.pool(POOL_MIN_IDLE="1", OPENROUTER_MANAGEMENT_KEY="", **given) as pool:
        until_idle(pool, 1)
        variables = around.variables_of(agents(pool)[0]["id"])
        assert variables["EXA_API_KEY"] == "exa_secret"
        # By the names it is known later which of an agent's variables are keys that its stack has taken out.
        assert variables["POOL_AGENT_KEYS"] == "EXA_API_KEY"
        assert not {"SOMETHING_ELSE", "DATABASE_URL", "RAILWAY_API_TOKEN"} & set(variables)


def test_how_an_agent_runs_is_what_the_settings_say(around: Surroundings) -> None:
    more = {
        "POOL_AGENT_START_COMMAND": "node convos-platform/pool-server/dist/index.js",
        "POOL_AGENT_HEALTHCHECK_PATH": "/pool/health",
        "POOL_AGENT_VOLUME": "none",
        "POOL_AGENT_MEMORY_MB": "4000",
        "POOL_AGENT_VCPUS": "2",
    }
    with around.pool(POOL_MIN_IDLE="1", **more) as pool:
        until_idle(pool, 1)
        (service,) = around.services()
        config = around.world.service_config(service["serviceId"], environment_id=around.environment_id)
        assert config["deploy"]["startCommand"] == more["POOL_AGENT_START_COMMAND"]
        assert config["deploy"]["healthcheckPath"] == "/pool/health"
        assert config["deploy"]["limitOverride"]["containers"] == {"cpu": 2, "memoryBytes": 4_000_000_000}
        assert service["volumes"] == 0
        pool.json("POST", "/api/pool/drain", {})
        until_idle(pool, 1)


def test_ready_is_believed_of_the_body_alone(around: Surroundings) -> None:
    with around.pool(POOL_MIN_IDLE="1") as pool:
        until_idle(pool, 1)
        (agent,) = agents(pool)
        around.farm.unready.add(agent["id"])
        until(lambda: counts(pool)["starting"] == 1, 20)
        (service,) = around.services()
        assert service["latestDeployment"]["status"] == "SUCCESS"
        config = around.world.service_config(service["serviceId"], environment_id=around.environment_id)
        assert not config["deploy"].get("healthcheckPath")
        answer = pool.call("POST", "/api/pool/claim", {"agentName": "Ada", "instructions": "Be brief."})
        assert answer.status_code == 503
