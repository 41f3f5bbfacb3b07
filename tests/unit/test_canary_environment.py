"""The canary proves the environment that agents get: the same names, values of its own, and nothing is made for it."""

from __future__ import annotations

import re

import pytest
from convos_pool import agents
from convos_pool import settings as pool_settings

from pool_contract.agent_settings import agent_settings
from pool_contract.agent_variables import agent_variables, own_secrets, without_makers
from pool_contract.key_declaration import Generated, KeyDeclaration
from pool_contract.keys import DECLARATIONS, declaration_of
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
    return agents.variables(pool_settings.read({**OF_THE_POOL, **told}), "abcdefghijkm", {})


def of_the_canary(keys: dict[str, str]) -> dict[str, str]:
    return agent_variables(without_makers(keys), lambda name, _: f"own {name}")


@pytest.mark.parametrize("keys", [{}, FULL, {"EXA_API_KEY": "x"}, {"OPENROUTER_MANAGEMENT_KEY": "m"}])
def test_the_canary_has_the_variables_of_an_agent_by_name_and_value(keys: dict[str, str]) -> None:
    agent, canary = of_an_agent(keys), of_the_canary(keys)
    assert canary.keys() == agent.keys()
    shared = canary.keys() - own_secrets().keys()
    assert {name: canary[name] for name in shared} == {name: agent[name] for name in shared}


def test_no_agent_and_no_canary_has_the_pool_managers_key_or_the_management_key() -> None:
    for values in (of_an_agent(FULL), of_the_canary(FULL)):
        assert not {"the-pools-own-key", "management"} & set(values.values())


@pytest.mark.parametrize("made", [one for one in DECLARATIONS if one.made_with], ids=lambda one: one.name)
def test_the_canary_gets_no_key_with_which_its_first_start_would_make_something(made: KeyDeclaration) -> None:
    name, maker = made.name, made.made_with
    assert maker not in of_the_canary({maker: "x"})
    is_for_agents = declaration_of(maker).for_agents
    assert (maker in of_the_canary({maker: "x", name: "shared"})) == is_for_agents


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
