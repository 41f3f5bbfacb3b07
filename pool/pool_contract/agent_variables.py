"""The environment variables of an agent, for the pool manager's agents and the program's canary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from pool_contract.key_declaration import Generated
from pool_contract.keys import (
    DECLARATIONS,
    is_declared,
    is_handed_to_agents,
    keys_of_agents,
    names_in,
    undeclared,
)

API_KEY = "POOL_API_KEY"
UNDECLARED_NAMES = "POOL_AGENT_KEYS"
OPENROUTER_KEY, AGENTMAIL_INBOX = "OPENROUTER_API_KEY", "AGENTMAIL_INBOX_ID"
PORT = 8080
_API_KEY_FORM = Generated("", 32)
_Value = TypeVar("_Value")


def own_secrets() -> dict[str, Generated]:
    """Return the names of the secrets of which each agent has its own value, with the format of each."""
    made = {
        one.name: one.runtime.generated
        for one in DECLARATIONS
        if one.set_by == "pool" and one.runtime is not None and one.runtime.generated is not None
    }
    return {API_KEY: _API_KEY_FORM, **made}


def shared_variables(keys: Mapping[str, _Value]) -> dict[str, _Value | str]:
    """Return the variables that all agents have with the same values.

    Args:
        keys: the stack's keys; those that are not for agents are left out, and missing ones get their defaults.
    """
    defaults = {one.name: one.default for one in DECLARATIONS if one.default and is_handed_to_agents(one.name)}
    names = undeclared(keys)
    return {**defaults, **keys_of_agents(keys), **({UNDECLARED_NAMES: names} if names else {}), "PORT": str(PORT)}


def taken_out(keys: Mapping[str, object], stored: Mapping[str, str]) -> list[str]:
    """Return the names of the variables that an agent has but a new one would not get: keys that were removed.

    A variable that was never set as a key belongs to the agent and stays: an undeclared name counts only if the
    agent's POOL_AGENT_KEYS contains it. A value that is made for each agent stays, because a shared one looks the same,
    and so does a sealed (empty) one.

    Args:
        keys: the stack's keys.
        stored: the variables of the agent's service.
    """
    now = shared_variables(keys)
    declared = {one.name for one in DECLARATIONS if is_handed_to_agents(one.name) and not one.made_per_agent}
    named = {name for name in names_in(stored.get(UNDECLARED_NAMES, "")) if not is_declared(name)}
    once = declared | {name for name in named if is_handed_to_agents(name)} | {UNDECLARED_NAMES}
    return sorted(name for name in once if stored.get(name) and name not in now)


def agent_variables(
    keys: Mapping[str, _Value], secret: Callable[[str, Generated], _Value | str]
) -> dict[str, _Value | str]:
    """Return all variables of an agent.

    Args:
        keys: the stack's keys, and the values that were made for this agent.
        secret: returns the agent's own value of a secret, by its name and format.
    """
    own = {name: secret(name, form) for name, form in own_secrets().items()}
    return {**shared_variables(keys), **own}


def made_per_agent(keys: Mapping[str, object]) -> dict[str, str]:
    """Return the variables of which each agent, and the canary, gets its own value from an account.

    A runtime image that has an AGENTMAIL_API_KEY but no AGENTMAIL_INBOX_ID creates an inbox at each start, and nothing
    deletes it. So the pool manager and the program create these values before the start, and delete them with the
    agent.

    Args:
        keys: the stack's keys; a value that is set there is shared, and none is created.

    Returns:
        The name of the account's key, by the variable's name.
    """
    makers = {one.name: one.made_with for one in DECLARATIONS if one.made_with}
    return {name: maker for name, maker in makers.items() if maker in keys and name not in keys}
