"""Every variable of the pool manager and of agents, declared once.

The program's config, the canary, the pool manager, `make keys` and the documentation use this table. A key that is not
in the table is handed to agents and the canary, as a secret: the runtime image decides what it needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pool_contract.agent_keys import AGENT_KEYS
from pool_contract.agent_projects import token_problems
from pool_contract.key_declaration import KeyDeclaration, key
from pool_contract.key_values import Url
from pool_contract.pool_keys import POOL_KEYS, PROGRAM_KEYS

__all__ = [
    "DECLARATIONS",
    "KeyDeclaration",
    "KeyProblem",
    "declaration_of",
    "endpoints_with_a_key",
    "handed_to_agents",
    "is_declared",
    "is_handed_to_agents",
    "is_reserved",
    "keys_of_agents",
    "names_in",
    "problems",
    "undeclared",
]
DECLARATIONS: tuple[KeyDeclaration, ...] = AGENT_KEYS + POOL_KEYS + PROGRAM_KEYS
"""Every declared key, in the order of the documentation."""
_BY_NAME: Mapping[str, KeyDeclaration] = {declared.name: declared for declared in DECLARATIONS}
_Value = TypeVar("_Value")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def declaration_of(name: str) -> KeyDeclaration:
    """Return the declaration of a variable; an undeclared one is a secret for agents."""
    return _BY_NAME.get(name) or key(name, "agents", "", secret=True)


def is_declared(name: str) -> bool:
    """Tell whether the table contains this variable."""
    return name in _BY_NAME


def is_reserved(name: str) -> bool:
    """Tell whether `keys.NAME` is refused because the program, the pool manager or Railway sets this variable."""
    declared = _BY_NAME.get(name)
    if declared is not None:
        return declared.set_by != "keys"
    return name.startswith(("RAILWAY_", "POOL_ROLLOUT_"))


def is_handed_to_agents(name: str) -> bool:
    """Tell whether agents and the canary get the value of `keys.NAME` unchanged."""
    return declaration_of(name).for_agents and not is_reserved(name)


def handed_to_agents(keys: Mapping[str, str]) -> dict[str, str]:
    """Return those of a stack's `keys` that agents and the canary get, with the defaults of missing ones."""
    defaults = {one.name: one.default for one in DECLARATIONS if one.default and is_handed_to_agents(one.name)}
    return defaults | {name: value for name, value in keys.items() if value and is_handed_to_agents(name)}


def keys_of_agents(keys: Mapping[str, _Value]) -> dict[str, _Value]:
    """Return those of a stack's `keys` that agents and the canary get, whatever their values are wrapped in."""
    return {name: value for name, value in keys.items() if is_handed_to_agents(name)}


def endpoints_with_a_key(values: Mapping[str, str]) -> dict[str, str]:
    """Return those of these variables that are endpoints to which the pool manager sends a key: they need https."""
    urls = {one.name for one in DECLARATIONS if isinstance(one.allowed, Url) and one.allowed.carries_key}
    return {name: value for name, value in values.items() if name in urls and value.strip()}


def undeclared(names: Iterable[str]) -> str:
    """Return POOL_AGENT_KEYS for these keys: the names that agents get although they are not in the table."""
    return ",".join(sorted(name for name in names if not is_declared(name) and is_handed_to_agents(name)))


@dataclass(frozen=True)
class KeyProblem:
    """The problem of one variable; never its value.

    Attributes:
        name: the variable.
        what: the problem.
        next_step: what to do, or empty.
    """

    name: str
    what: str
    next_step: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.what}" + (f"; {self.next_step}" if self.next_step else "")


def problems(values: Mapping[str, str]) -> Iterator[KeyProblem]:
    """Yield the problems of the pool manager's variables; an empty variable counts as not set.

    Missing variables are not reported: some are set by the program later, and only the pool manager requires them.
    """
    given = {name: value for name, value in values.items() if value.strip()}
    for name in sorted(given):
        declared = declaration_of(name)
        what = declared.allowed.problem(given[name])
        if what:
            # A URL may contain a password.
            hidden = declared.secret or isinstance(declared.allowed, Url)
            yield KeyProblem(name, what if hidden else f"{what}, not {given[name][:40]!r}")
    if given.get("XMTP_ENV") == "production" and given.get("POOL_ENVIRONMENT", "dev") != "production":
        yield KeyProblem("XMTP_ENV", "production is only for POOL_ENVIRONMENT=production", "set dev")
    if "TELNYX_API_KEY" in given and "TELNYX_PHONE_NUMBER" not in given:
        step = "set it, or remove TELNYX_API_KEY"
        yield KeyProblem("TELNYX_PHONE_NUMBER", "missing: without a number, each agent would buy one", step)
    for name in names_in(given.get("POOL_AGENT_KEYS", "")):
        if not is_handed_to_agents(name):
            yield KeyProblem("POOL_AGENT_KEYS", f"{name[:80]} is not given to agents", "remove it")
    for name, what, step in token_problems(given):
        yield KeyProblem(name, what, step)
    yield from _batch_problems(given)


def names_in(text: str) -> list[str]:
    """Return the names in a value of POOL_AGENT_KEYS."""
    return _NAME.findall(text)


def _batch_problems(given: Mapping[str, str]) -> Iterator[KeyProblem]:
    largest = _number(given, "POOL_ROLLOUT_MAX_UNAVAILABLE")
    for name in ("POOL_ROLLOUT_CANARY", "POOL_ROLLOUT_BATCH"):
        size = _number(given, name)
        if size is not None and largest is not None and size > largest:
            yield KeyProblem(name, f"{size} is more than POOL_ROLLOUT_MAX_UNAVAILABLE ({largest})")


def _number(given: Mapping[str, str], name: str) -> int | None:
    text = given.get(name) or declaration_of(name).default
    return int(text) if re.fullmatch(r"\d{1,12}", text) else None
