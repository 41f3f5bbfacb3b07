"""`keys` of a stack's config: variables of the pool manager and of agents, checked as the pool manager checks them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from pool_contract.key_values import Number
from pool_contract.keys import (
    DECLARATIONS,
    declaration_of,
    endpoints_with_a_key,
    is_reserved,
    problems,
    undeclared,
)
from railway_api.endpoint import checked_endpoint
from railway_api.failure import Failure
from stack.problem import Problem
from stack.section import was_date

FORBIDDEN_PREFIX = "INSTANCE_"
PLAIN_KEYS = frozenset(one.name for one in DECLARATIONS if not one.secret and one.set_by == "keys")
"""Keys that are settings; every other key is a secret."""
_DECLARED = frozenset(one.name for one in DECLARATIONS)
NAMES_FOR_AGENTS = "POOL_AGENT_KEYS"
_Value = TypeVar("_Value")
_KEY_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_LONGEST_KEY_NAME = 255
_LONGEST_SHOWN = 120


def read(values: Mapping[str, Any], *, is_secret: Callable[[str], bool]) -> tuple[dict[str, str], list[Problem]]:
    """Return the valid keys as text, and the problems of the others.

    Args:
        values: a stack's config.
        is_secret: tells whether `keys` has any encrypted value, and whether `keys.NAME` is encrypted.
    """
    given = values.get("keys") or {}
    if not isinstance(given, Mapping):
        what = "must be an object of names and values"
        return {}, [Problem("keys", what, "pulumi config set --path keys.NAME value")]
    found: dict[str, str] = {}
    wrong: list[Problem] = []
    by_case: dict[str, str] = {}
    for name, value in ((str(name), value) for name, value in given.items()):
        mistakes = list(_problems_of(name, value, is_encrypted=is_secret("keys") and is_secret(f"keys.{name}")))
        wrong += mistakes
        if name.lower() in by_case and name.upper() in _DECLARED:
            what = f"is also set as {by_case[name.lower()]}"
            wrong.append(Problem(where(name), what, "remove one of them"))
        by_case[name.lower()] = name
        if not mistakes:
            found[name] = str(value)
    return found, wrong


def where(name: str) -> str:
    """Return a key's path in the config, as a problem names it."""
    return f"keys.{name}"[:_LONGEST_SHOWN]


def _problems_of(name: str, value: Any, *, is_encrypted: bool) -> Iterator[Problem]:
    found = key_problem(name, value)
    if found:
        yield Problem(where(name), *found)
    elif declaration_of(name).secret and not is_encrypted:
        yield Problem(where(name), "is in plain text", f"pulumi config set --secret --path {where(name)}")


def key_problem(name: str, value: Any) -> tuple[str, ...]:
    """Return why a name and a value cannot be one of `keys`, and what to do; empty if they can."""
    if name.upper().startswith(FORBIDDEN_PREFIX):
        return (prefix_text(name),)
    if not _KEY_NAME.match(name) or len(name) > _LONGEST_KEY_NAME:
        return ("a name starts with a letter or '_' and contains letters, digits and '_'",)
    if is_reserved(name):
        if declaration_of(name).set_by == "pool":
            return ("is made by the pool manager for each agent", "remove it")
        return ("is set by the program or by Railway", "remove it")
    if value is None or (isinstance(value, str) and not value.strip()):
        return ("is empty", "set it, or remove it")
    if not _is_as_wanted(name, value):
        return _not_as_wanted(name, value)
    if isinstance(value, str) and value != value.strip():
        return ("begins or ends with a space or a line break", "set it again without them")
    return ()


def _is_as_wanted(name: str, value: Any) -> bool:
    """Check that YAML kept the value as it was written: text, or a whole number where one is expected."""
    if isinstance(value, str):
        return not was_date(value)
    return type(value) is int and isinstance(declaration_of(name).allowed, Number)


def _not_as_wanted(name: str, value: Any) -> tuple[str, ...]:
    declared = declaration_of(name)
    wanted = "a whole number" if isinstance(declared.allowed, Number) else "text"
    what = f"must be {wanted}, not {'date' if isinstance(value, str) else type(value).__name__}"
    if isinstance(value, list | dict):
        return (what,)
    how = "--secret --path" if declared.secret else "--path --type string"
    return (f"{what}: YAML did not keep it as it was written", f"pulumi config set {how} {where(name)}")


def prefix_text(name: str) -> str:
    """Return the problem of a name that has the old prefix INSTANCE_."""
    return f"the {FORBIDDEN_PREFIX} prefix is no longer supported; use {name.removeprefix(FORBIDDEN_PREFIX)}"


def refusals(keys: Mapping[str, str], variables: Mapping[str, str], key_of: Mapping[str, str]) -> Iterator[Problem]:
    """Yield what the pool manager would refuse when it starts, in the same words.

    Args:
        keys: the keys of agents and of the pool manager.
        variables: the pool manager's variables that other config keys set.
        key_of: the config key that sets a variable, by the variable's name.
    """
    given = {**variables, **for_pool_manager(keys)}
    for problem in problems(given):
        yield Problem(_named(problem.name, keys, key_of), problem.what, problem.next_step)
    for name, url in endpoints_with_a_key(given).items():
        if not declaration_of(name).allowed.problem(url):
            try:
                checked_endpoint(url)
            except Failure:
                yield Problem(_named(name, keys, key_of), "would send its key unencrypted", "use https")


def _named(variable: str, keys: Mapping[str, str], key_of: Mapping[str, str]) -> str:
    return where(variable) if variable in keys else key_of.get(variable) or where(variable)


def for_pool_manager(keys: Mapping[str, _Value]) -> dict[str, _Value | str]:
    """Return the keys, and the list of those that the pool manager does not know but passes to agents."""
    names = undeclared(keys)
    return {**keys, **({NAMES_FOR_AGENTS: names} if names else {})}
