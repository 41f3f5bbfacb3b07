"""Every variable is declared once: who gets it, and what it may be."""

from __future__ import annotations

import re

import pytest
from convos_pool.errors import SettingsError
from convos_pool.settings import Settings, read

from pool_contract import keys
from pool_contract.policy import Policy, policy_of, variables_of

REQUIRED = {
    "POOL_API_KEY": "k",
    "DATABASE_URL": "postgresql://u:hunter2@h/d",
    "RAILWAY_API_TOKEN": "t",
    "RAILWAY_PROJECT_ID": "p",
    "RAILWAY_ENVIRONMENT_ID": "e",
}
THEN = {
    *(
        "OPENCLAW_STATE_DIR",
        "CHROMIUM_PATH",
        "OPENCLAW_PRIMARY_MODEL",
        "XMTP_ENV",
        "AGENTMAIL_API_KEY",
        "BANKR_API_KEY",
    ),
    *(
        "TELNYX_API_KEY",
        "TELNYX_PHONE_NUMBER",
        "TELNYX_MESSAGING_PROFILE_ID",
        "OPENROUTER_API_KEY",
        "AGENTMAIL_INBOX_ID",
    ),
    *("OPENCLAW_GATEWAY_TOKEN", "SETUP_PASSWORD", "PRIVATE_WALLET_KEY", "POOL_API_KEY", "AGENTMAIL_DOMAIN"),
}
POOL_ONLY = {
    *("OPENROUTER_MANAGEMENT_KEY", "OPENROUTER_KEY_LIMIT", "DATABASE_URL", "RAILWAY_API_TOKEN", "POOL_MIN_IDLE"),
    *("POOL_ENVIRONMENT", "TICK_INTERVAL_MS", "POOL_STUCK_TIMEOUT_MS", "RAILWAY_RUNTIME_IMAGE", "PORT"),
}


def settings(**more: str) -> Settings:
    return read({**REQUIRED, **more})


def test_agents_get_what_the_contract_says_and_the_pool_keeps_the_rest() -> None:
    assert {one.name for one in keys.DECLARATIONS if one.for_agents} >= THEN
    assert not any(keys.declaration_of(name).for_agents for name in POOL_ONLY)


def test_each_key_is_declared_once_with_a_description_and_a_default_that_it_may_have() -> None:
    names = [one.name for one in keys.DECLARATIONS]
    assert len(names) == len(set(names)) > 40
    for one in keys.DECLARATIONS:
        assert one.description.endswith("."), one.name
        assert re.fullmatch(r"[A-Z][A-Z0-9_]*", one.name)
        assert not one.default or one.allowed.problem(one.default) == "", one.name
        assert not (one.secret and one.default), one.name


def test_an_unknown_key_is_a_secret_for_agents_and_the_canary() -> None:
    found = keys.declaration_of("EXA_API_KEY")
    assert (found.given_to, found.secret, found.set_by) == ("agents", True, "keys")
    assert keys.handed_to_agents({"EXA_API_KEY": "1"})["EXA_API_KEY"] == "1"
    assert keys.undeclared(["EXA_API_KEY", "XMTP_ENV", "OPENROUTER_MANAGEMENT_KEY", "A"]) == "A,EXA_API_KEY"


@pytest.mark.parametrize(
    "name",
    ["DATABASE_URL", "RAILWAY_API_TOKEN", "RAILWAY_NEW", "POOL_ROLLOUT_NEW", "PORT", "POOL_API_KEY", "SETUP_PASSWORD"],
)
def test_what_the_program_or_railway_sets_is_nobodys_key(name: str) -> None:
    assert keys.is_reserved(name)
    assert name not in keys.handed_to_agents({name: "x"})
    assert [one.name for one in keys.problems({"POOL_AGENT_KEYS": f"EXA,{name}"})] == ["POOL_AGENT_KEYS"]


def test_the_management_key_and_the_pools_own_variables_reach_no_agent() -> None:
    given = {one.name: one.default or "1" for one in keys.DECLARATIONS}
    handed = keys.handed_to_agents(given)
    assert handed.keys() == {one.name for one in keys.DECLARATIONS if one.for_agents and one.set_by == "keys"}
    assert handed.keys().isdisjoint(POOL_ONLY)
    assert handed.keys() >= {name for name in THEN if keys.declaration_of(name).set_by == "keys"}


def test_the_pool_manager_hands_on_undeclared_keys_that_are_named_and_no_others() -> None:
    found = settings(POOL_AGENT_KEYS="EXA_API_KEY, FOO", EXA_API_KEY="1", FOO="2", BAR="3", PATH="/bin", XMTP_ENV="dev")
    assert found.agent_variables == {
        "OPENCLAW_STATE_DIR": "/app",
        "CHROMIUM_PATH": "/usr/bin/chromium",
        "XMTP_ENV": "dev",
        "EXA_API_KEY": "1",
        "FOO": "2",
    }


WRONG = [
    ({"XMTP_ENV": "qa"}, "XMTP_ENV: must be one of dev, production, not 'qa'"),
    ({"XMTP_ENV": "production"}, "XMTP_ENV: production is only for POOL_ENVIRONMENT=production; set dev"),
    ({"TICK_INTERVAL_MS": "fast"}, "TICK_INTERVAL_MS: must be a whole number from 100 to 3600000, not 'fast'"),
    ({"POOL_STUCK_TIMEOUT_MS": "10"}, "POOL_STUCK_TIMEOUT_MS: must be a whole number from 1000"),
    ({"POOL_MIN_IDLE": "٣"}, "POOL_MIN_IDLE: must be a whole number"),
    ({"OPENROUTER_KEY_LIMIT_RESET": "yearly"}, "OPENROUTER_KEY_LIMIT_RESET: must be one of daily, weekly, monthly"),
    ({"OPENROUTER_API_URL": "http://evil.example/v1"}, "OPENROUTER_API_URL: would send its key unencrypted; use https"),
    ({"AGENTMAIL_API_URL": "api.agentmail.to"}, "AGENTMAIL_API_URL: must be a URL"),
    ({"TELNYX_API_KEY": "x"}, "TELNYX_PHONE_NUMBER: missing: without a number, each agent would buy one"),
    ({"POOL_AGENT_VOLUME": "data"}, "POOL_AGENT_VOLUME: must be none, or an absolute path"),
    ({"POOL_AGENT_READINESS_PATH": "none"}, "POOL_AGENT_READINESS_PATH: must be a path that starts with /"),
    ({"POOL_AGENT_HEALTHCHECK_PATH": "/a b"}, "POOL_AGENT_HEALTHCHECK_PATH: must be none, or a path"),
    ({"POOL_AGENT_START_COMMAND": "node a\nrm"}, "POOL_AGENT_START_COMMAND: must be one line of text"),
    ({"POOL_AGENT_VCPUS": "0"}, "POOL_AGENT_VCPUS: must be a whole number from 1 to 32"),
    ({"POOL_AGENT_KEYS": "a;b"}, "POOL_AGENT_KEYS: must be names separated by commas"),
    ({"POOL_ROLLOUT_BATCH": "20"}, "POOL_ROLLOUT_BATCH: 20 is more than POOL_ROLLOUT_MAX_UNAVAILABLE (10)"),
]


@pytest.mark.parametrize(("given", "line"), WRONG)
def test_what_the_pool_manager_refuses_is_known_to_everybody_who_asks(given: dict[str, str], line: str) -> None:
    with pytest.raises(SettingsError) as refused:
        settings(**given)
    assert line in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_no_value_of_a_secret_or_of_a_url_is_in_a_problem() -> None:
    given = {one.name: "\x01hunter2" for one in keys.DECLARATIONS}
    found = [str(one) for one in keys.problems(given)]
    secret = [one.name for one in keys.DECLARATIONS if one.secret]
    assert len(found) > 15
    assert not [line for line in found if line.split(":")[0] in secret and "hunter2" in line]
    assert not [line for line in found if "URL:" in line and "hunter2" in line]


def test_an_agents_way_to_run_is_a_setting_with_the_contracts_defaults() -> None:
    usual = settings().agent
    assert (usual.start_command, usual.healthcheck_path) == ("node scripts/pool-server.js", "")
    assert (usual.readiness_path, usual.volume) == ("/pool/health", "/data")
    assert (usual.vcpus, usual.memory_bytes) == (4, 8_000_000_000)
    more = {"POOL_AGENT_VOLUME": "none", "POOL_AGENT_HEALTHCHECK_PATH": "/h", "POOL_AGENT_MEMORY_MB": "4000"}
    found = settings(**more, POOL_AGENT_READINESS_PATH="/ready", POOL_AGENT_VCPUS="2").agent
    assert (found.volume, found.healthcheck_path, found.memory_bytes) == ("", "/h", 4_000_000_000)
    assert (found.readiness_path, found.vcpus) == ("/ready", 2)


def test_a_policy_is_the_same_in_variables_and_as_a_value() -> None:
    for policy in (Policy(), Policy("drain-and-replace", 2, 3, 4, 5.0, 6.0, True, 7.0)):
        assert policy_of(variables_of(policy)) == policy
        assert set(variables_of(policy)) <= {one.name for one in keys.DECLARATIONS}
    assert policy_of({}) == Policy()
