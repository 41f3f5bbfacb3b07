"""The environment of an agent: what the pool manager gives its agents, and the program its canary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from pool_contract.key_declaration import Generated
from pool_contract.keys import DECLARATIONS, is_handed_to_agents, keys_of_agents

API_KEY = "POOL_API_KEY"
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


def agent_variables(
    keys: Mapping[str, _Value], secret: Callable[[str, Generated], _Value | str]
) -> dict[str, _Value | str]:
    """Return all variables of an agent.

    Args:
        keys: of the stack; those that are not for agents are left out, and defaults take the place of missing ones.
        secret: returns the agent's own value of a secret, by its name and form.
    """
    defaults = {one.name: one.default for one in DECLARATIONS if one.default and is_handed_to_agents(one.name)}
    own = {name: secret(name, form) for name, form in own_secrets().items()}
    return {**defaults, **keys_of_agents(keys), "PORT": str(PORT), **own}


def without_makers(keys: Mapping[str, _Value]) -> dict[str, _Value]:
    """Return a stack's keys without those with which an agent's first start would make what it lacks.

    A runtime image that has an AGENTMAIL_API_KEY and no AGENTMAIL_INBOX_ID makes an inbox at each start. The pool
    manager makes these things for its agents; nobody makes them for the canary, and nobody would delete them.
    """
    makers = {one.made_with for one in DECLARATIONS if one.made_with and one.name not in keys}
    return {name: value for name, value in keys.items() if name not in makers}
