"""Which key of a stack's config sets a variable that is to be rotated. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from convos_infra.errors import InfraError
from ops.rotate.new_value import API_KEY
from pool_contract.keys import is_reserved
from stack.settings import variable_keys

BY_HAND = {
    "DATABASE_URL": "the password of the database has a section of its own in docs/runbook.md (Rotate a key)",
    "RAILWAY_API_TOKEN": "docs/runbook.md (Rotate the Railway token)",
}


@dataclass(frozen=True)
class KeyPlace:
    """Where the value of a variable is.

    Attributes:
        variable: its name, the same in the pool manager, the canary and agents.
        path: Pulumi's path of it in the config.
        is_set: whether the config has it now.
    """

    variable: str
    path: str
    is_set: bool


def key_place(variable: str, config: Mapping[str, Any]) -> KeyPlace:
    """Return where a variable's value is in a stack's config.

    Args:
        variable: such as EXA_API_KEY, or POOL_API_KEY.
        config: the stack's, secrets unopened.

    Raises:
        InfraError: the variable is not set by people, or not set in this stack.
    """
    name = variable.strip().removeprefix("keys.")
    if not name:
        raise InfraError("rotate", "KEY= is missing", "KEY=NAME is one of those that make keys STACK=… lists")
    if name in BY_HAND:
        raise InfraError(name, "is not rotated by this command", BY_HAND[name])
    config_key = variable_keys().get(name, "")
    if name == API_KEY:
        return KeyPlace(name, config_key, bool(config.get(config_key)))
    if config_key or is_reserved(name):
        raise InfraError(name[:80], "is not one of a stack's keys", "make keys STACK=… lists them")
    given = config.get("keys")
    if not isinstance(given, Mapping) or not given.get(name):
        step = f"a first value is set by: pulumi config set --secret --path keys.{name[:80]}, then pulumi up"
        raise InfraError(name[:80], "this stack has no such key to rotate", step)
    return KeyPlace(name, f"keys.{name}", is_set=True)
