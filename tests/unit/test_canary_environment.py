"""The canary proves the environment that agents get: the same names, and values of its own."""

from __future__ import annotations

import re

import pytest
from convos_pool import agents
from convos_pool import settings as pool_settings
from convos_pool.credential_record import CredentialRecord
from convos_pool.credentials import Credentials, providers
from convos_pool.database import Database

from pool_contract.agent_settings import agent_settings
from pool_contract.agent_variables import (
    AGENTMAIL_INBOX,
    OPENROUTER_KEY,
    agent_variables,
    made_per_agent,
    own_secrets,
)
from pool_contract.key_declaration import Generated
from stack import agent_keys

OF_THE_POOL = {
    "POOL_API_KEY": "the-pools-own-key",
    "DATABASE_URL": "postgresql://u@h/d",
    "RAILWAY_API_TOKEN": "t",
    "RAILWAY_PROJECT_ID": "p",
    "RAILWAY_ENVIRONMENT_ID": "e",
}
FULL = {
    "OPENROUTER_API_KEY": "shared",
    "OPENROUTER_MANAGEMENT_KEY": "management",
    "AGENTMAIL_API_KEY": "mail",
    "AGENTMAIL_INBOX_ID": "inbox",
    "TELNYX_API_KEY": "telnyx",
    "TELNYX_PHONE_NUMBER": "+15551234567",
    "EXA_API_KEY": "undeclared",
    "CHROMIUM_PATH": "/elsewhere",
    "POOL_AGENT_VOLUME": "none",
}


def of_an_agent(keys: dict[str, str]) -> dict[str, str]:
    """Return what a pool manager with these keys gives a new agent."""
    told = {name: str(value) for name, value in agent_keys.for_pool_manager(keys).items()}
    found = pool_settings.read({**OF_THE_POOL, **told})
    record = CredentialRecord(Database(found.database_url), found.environment_id)
    makes = Credentials(found, providers(found.providers), record, print).makes
    return agents.variables(found, "abcdefghijkm", {name: f"own {name}" for name in makes})


def of_the_canary(keys: dict[str, str]) -> dict[str, str]:
    made = {name: f"own {name}" for name in made_per_agent(keys)}
    return agent_variables({**keys, **made}, lambda name, _: f"own {name}")


@pytest.mark.parametrize("keys", [{}, FULL, {"EXA_API_KEY": "x"}, {"OPENROUTER_MANAGEMENT_KEY": "m"}])
def test_the_canary_has_the_variables_of_an_agent_by_name_and_value(keys: dict[str, str]) -> None:
    agent, canary = of_an_agent(keys), of_the_canary(keys)
    assert canary.keys() == agent.keys()
    shared = canary.keys() - own_secrets().keys()
    assert {name: canary[name] for name in shared} == {name: agent[name] for name in shared}


def test_no_agent_and_no_canary_has_the_pool_managers_key_or_the_management_key() -> None:
    for values in (of_an_agent(FULL), of_the_canary(FULL)):
        assert not {"the-pools-own-key", "management"} & set(values.values())


@pytest.mark.parametrize(
    ("keys", "made"),
    [
        ({}, set()),
        (FULL, set()),
        ({"OPENROUTER_MANAGEMENT_KEY": "m"}, {OPENROUTER_KEY}),
        ({"AGENTMAIL_API_KEY": "m"}, {AGENTMAIL_INBOX}),
        ({"AGENTMAIL_API_KEY": "m", "AGENTMAIL_INBOX_ID": "i", "OPENROUTER_MANAGEMENT_KEY": "m"}, {OPENROUTER_KEY}),
    ],
)
def test_canary_and_agents_have_a_key_and_an_inbox_of_their_own_by_the_same_rule(
    keys: dict[str, str], made: set[str]
) -> None:
    for values in (of_an_agent(keys), of_the_canary(keys)):
        assert {name for name in (OPENROUTER_KEY, AGENTMAIL_INBOX) if values.get(name) == f"own {name}"} == made
        assert "AGENTMAIL_API_KEY" not in values or AGENTMAIL_INBOX in values, "its first start would make an inbox"


def test_each_secret_of_an_agent_has_the_form_that_its_runtime_wants() -> None:
    found = of_an_agent({})
    forms = {
        "POOL_API_KEY": "[0-9a-f]{64}",
        "OPENCLAW_GATEWAY_TOKEN": "[0-9a-f]{64}",
        "SETUP_PASSWORD": "[0-9a-f]{32}",
        "PRIVATE_WALLET_KEY": "0x[0-9a-f]{64}",
    }
    assert own_secrets() == {
        "POOL_API_KEY": Generated("", 32),
        "OPENCLAW_GATEWAY_TOKEN": Generated("", 32),
        "SETUP_PASSWORD": Generated("", 16),
        "PRIVATE_WALLET_KEY": Generated("0x", 32),
    }
    assert all(re.fullmatch(form, found[name]) for name, form in forms.items())


def test_canary_and_agents_run_by_the_same_settings() -> None:
    keys = {"POOL_AGENT_START_COMMAND": "node dist/index.js", "POOL_AGENT_HEALTHCHECK_PATH": "/h"}
    assert agent_settings(keys) == pool_settings.read({**OF_THE_POOL, **keys}).agent
    assert agent_settings({}).healthcheck_path == "", "Railway sends no bearer, which the team's runtime wants"
