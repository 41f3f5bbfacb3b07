"""The environment of an agent: what the pool manager gives its agents, and the program its canary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from pool_contract.key_declaration import Generated
from pool_contract.keys import DECLARATIONS, is_handed_to_agents, keys_of_agents

API_KEY = "POOL_API_KEY"
OPENROUTER_KEY, AGENTMAIL_INBOX = "OPENROUTER_API_KEY", "AGENTMAIL_INBOX_ID"
PORT = 8080
_API_KEY_FORM = Generated("", 32)
_Value = TypeVar("_Value")


def own_secrets() -> dict[str, Generated]:
    """Return the secrets that each agent has a value of its own of, and how these values look."""
    made = {
        one.name: one.runtime.generated
        for one in DECLARATIONS
        if one.set_by == "pool" and one.runtime is not None and one.runtime.generated is not None
    }
    return {API_KEY: _API_KEY_FORM, **made}


def shared_variables(keys: Mapping[str, _Value]) -> dict[str, _Value | str]:
    """Return the variables that all agents have with the same values.

    Args:
        keys: of the stack; those that are not for agents are left out, and defaults take the place of missing ones.
    """
    defaults = {one.name: one.default for one in DECLARATIONS if one.default and is_handed_to_agents(one.name)}
    return {**defaults, **keys_of_agents(keys), "PORT": str(PORT)}


def agent_variables(
    keys: Mapping[str, _Value], secret: Callable[[str, Generated], _Value | str]
) -> dict[str, _Value | str]:
    """Return all variables of an agent.

    Args:
        keys: of the stack, and what was made for this agent.
        secret: returns the agent's own value of a secret, by its name and form.
    """
    own = {name: secret(name, form) for name, form in own_secrets().items()}
    return {**shared_variables(keys), **own}


def made_per_agent(keys: Mapping[str, object]) -> dict[str, str]:
    """Return the variables of which each agent, and the canary, gets a value that is made in an account of its own.

    A runtime image that has an AGENTMAIL_API_KEY and no AGENTMAIL_INBOX_ID makes an inbox at each start, which nobody
    deletes. So whoever starts one makes these things before, and deletes them with it.

    Args:
        keys: of the stack; a value that is set there is shared, and nothing is made.

    Returns:
        The name of the key that opens the account, by the variable's name.
    """
    makers = {one.name: one.made_with for one in DECLARATIONS if one.made_with}
    return {name: maker for name, maker in makers.items() if maker in keys and name not in keys}
