"""Converts a pool manager's variables to the config keys that set them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pool_contract.keys import declaration_of
from stack.pool_manager import default_environment
from stack.section import config_keys
from stack.settings import Settings


def pool_settings(stack: str, told: Mapping[str, str | None]) -> dict[str, str]:
    """Return the keys that are not secret; defaults, and values that a key cannot have, are left out.

    Args:
        stack: the name of the new stack.
        told: the pool manager's variables; None for a sealed one.
    """
    return dict(_pool_settings(stack, told))


def _pool_settings(stack: str, told: Mapping[str, str | None]) -> Iterator[tuple[str, str]]:
    for declared in config_keys(Settings):
        value = told.get(declared.variable) or ""
        if (
            not declared.variable
            or declared.secret
            or not value
            or declaration_of(declared.variable).allowed.problem(value)
        ):
            continue
        text = str(int(value) // declared.units) if declared.units else value
        default = default_environment(stack) if declared.name == "poolEnvironment" else str(declared.default)
        if text != default:
            yield declared.name, text
