"""docs/configuration.md, from the model of a stack's config and the declaration of the keys. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ops.config.pulumi_yaml import description
from pool_contract.key_values import Choice, Number, Pattern, Url
from stack.databases import ENTRY_KEYS

if TYPE_CHECKING:
    from pool_contract.key_declaration import KeyDeclaration
    from stack.section import ConfigKey

_GIVEN_TO = {"pool": "pool manager", "agents": "agents, canary", "both": "pool manager, agents, canary"}
_HEAD = """\
# Configuration

This page is written by `make config-docs` from the code that reads the configuration; a test compares. To change it,
edit `stack/settings.py` (a key of a stack) or `pool/pool_contract/` (a variable of the pool manager or of agents).

`pulumi config set KEY VALUE` sets a key of a stack. A secret must be encrypted: `pulumi config set --secret KEY`.
A key that is not listed is refused, and so is a value that is not allowed: `pulumi preview` lists all mistakes.

## Keys of a stack
"""
_AGENT_KEYS = """
## `keys`: variables of the pool manager and of agents

`pulumi config set --secret --path keys.NAME` sets a secret, `pulumi config set --path --type string keys.NAME VALUE`
sets any other key; without `--type string` Pulumi turns `+15551234567` into the number 15551234567. `make keys
STACK=…` shows which keys of a stack are set.

A key that is not listed here is handed to the pool manager, to agents and to the canary, as a secret: the runtime image
decides which variables it needs. `pulumi preview` refuses the values that the pool manager would refuse when it starts.
"""
_DATABASES = """
## `databases`: the other databases of an environment

Each entry of `databases` is one service, such as a second PostgreSQL or a Redis. The stack manages its volume, its TCP
proxy and its listed variables; `make adopt` writes the entries of an existing environment. Variables that an entry does
not list are not managed, and neither is a database without an entry.

`pulumi config set --path databases.NAME.image IMAGE` sets a key of an entry, `pulumi config set --secret --path
databases.NAME.variables.VARIABLE` a variable. Removing an entry does not delete a service that was adopted;
while `protect` is on, Pulumi refuses to remove it.
"""
_BY_PROGRAM = """
## Variables of the pool manager that are not `keys`

The program sets these variables; `keys.NAME` is refused for them. The third column is the key of the stack.
"""
_BY_POOL = """
## Variables of agents that the pool manager makes

Each agent gets its own value; `keys.NAME` is refused for them.
"""


def page(keys: Sequence[ConfigKey], declarations: Sequence[KeyDeclaration]) -> str:
    """Return the page."""
    by_variable = {one.variable: one.name for one in keys if one.variable}
    return "".join(
        [
            _HEAD,
            *table(("Key", "Type", "Default", "Allowed", "Description"), (_row(one) for one in keys)),
            _AGENT_KEYS,
            *table(
                ("Key", "Given to", "Secret", "Default", "Allowed", "Description"),
                (_key_row(one) for one in declarations if one.set_by == "keys"),
            ),
            _DATABASES,
            *table(("Key", "Type", "Default", "Allowed", "Description"), (_row(one) for one in ENTRY_KEYS.values())),
            _BY_PROGRAM,
            *table(
                ("Variable", "Required", "Set by", "Default", "Allowed", "Description"),
                (_program_row(one, by_variable) for one in declarations if one.set_by == "program"),
            ),
            _BY_POOL,
            *table(
                ("Variable", "Description"),
                ((f"`{one.name}`", one.description) for one in declarations if one.set_by == "pool"),
            ),
        ]
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table."""
    yield f"\n| {' | '.join(head)} |\n|{'---|' * len(head)}\n"
    for row in rows:
        cells = [cell.replace("|", "\\|") for cell in row]
        yield f"| {' | '.join(cells)} |\n"


def _row(key: ConfigKey) -> tuple[str, ...]:
    type_ = f"{key.type}, secret" if key.secret else key.type
    return f"`{key.name}`", type_, _code(key.default), key.allowed, description(key)


def _key_row(key: KeyDeclaration) -> tuple[str, ...]:
    secret = "yes" if key.secret else "no"
    needed = " The runtime image does not work without it." if key.runtime and key.runtime.required else ""
    return (
        f"`{key.name}`",
        _GIVEN_TO[key.given_to],
        secret,
        default_text(key),
        allowed_text(key),
        f"{key.description}{needed}",
    )


def _program_row(key: KeyDeclaration, by_variable: dict[str, str]) -> tuple[str, ...]:
    set_by = f"`{by_variable[key.name]}`" if key.name in by_variable else ""
    return (
        f"`{key.name}`",
        "yes" if key.required else "no",
        set_by,
        default_text(key),
        allowed_text(key),
        key.description,
    )


def default_text(key: KeyDeclaration) -> str:
    """Return the value that applies if a variable is not set, for a cell of a table."""
    in_runtime = key.runtime.default if key.runtime else ""
    if not key.default and in_runtime:
        return f"{_code(in_runtime)} (the runtime image's)"
    return _code(key.default)


def allowed_text(key: KeyDeclaration) -> str:
    """Return the allowed values of a variable, for a cell of a table."""
    allowed = key.allowed
    if isinstance(allowed, Choice):
        return ", ".join(f"`{value}`" for value in allowed.values)
    if isinstance(allowed, Number):
        return f"{allowed.lowest} to {allowed.highest}"
    if isinstance(allowed, Pattern):
        return allowed.form
    if isinstance(allowed, Url):
        return " or ".join(f"{scheme}://…" for scheme in allowed.schemes)
    return ""


def _code(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return "" if value in ("", {}) else f"`{value}`"
