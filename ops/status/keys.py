"""Lists every key of a stack as set, default, missing or generated: keys.sh for a stack. Never a value.

python -m ops keys --stack STACK [--check]; with --check, exit code 1 if a required one is missing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from ops import stacks
from ops.ci import workflow
from ops.pulumi_cli import CHECKOUT
from ops.stack_command import stack_parser
from pool_contract.keys import DECLARATIONS, is_declared
from stack.settings import KEYS, variable_keys

if TYPE_CHECKING:
    from pool_contract.key_declaration import KeyDeclaration

BY_THE_PROGRAM = {
    "DATABASE_URL": "the stack's database",
    "RAILWAY_RUNTIME_IMAGE": "the stack's image",
    "RAILWAY_PROJECT_ID": "the stack's environment",
    "RAILWAY_ENVIRONMENT_ID": "the stack's environment",
    "POOL_AGENT_KEYS": "the program",
}
MADE = frozenset({"POOL_API_KEY", "RAILWAY_API_TOKEN"})
"""Keys that the stack generates if none is given."""
KEPT = {"RAILWAY_API_TOKEN": "poolKeepToken"}
"""Variable -> the config key by which the stack leaves it alone."""


@dataclass(frozen=True)
class Key:
    """One key: its name, its state, and whether it is missing although it is required."""

    name: str
    state: str
    is_missing: bool = False


def states(values: Mapping[str, Any], environ: Mapping[str, str]) -> Iterator[Key]:
    """Yield every declared key, in the order of the declarations; then the undeclared ones of the stack's config.

    Args:
        values: the stack's config, with its secrets still encrypted.
        environ: the process's environment.

    Raises:
        InfraError: the names of the keys are encrypted.
    """
    given = values.get("keys") or {}
    if not isinstance(given, Mapping) or "secure" in given:
        step = "set each by itself: pulumi config set --secret --path keys.NAME"
        raise InfraError("keys", "the whole object is encrypted, its names too", step)
    for declared in DECLARATIONS:
        yield _key(declared, values, given, environ)
    for name in sorted(name for name in given if not is_declared(name)):
        yield Key(name, f"{_set(given[name])} (not declared: agents get it)")


def main(argv: Sequence[str] | None = None) -> int:
    """Print one line per key."""
    parser = stack_parser("keys", __doc__)
    parser.add_argument("--check", action="store_true")
    chosen = parser.parse_args(argv)
    found = list(states(stacks.config(CHECKOUT, stacks.checked(chosen.stack)), os.environ))
    sys.stdout.write("".join(f"  {key.name:<30} {key.state}\n" for key in found))
    missing = [key.name for key in found if key.is_missing]
    if chosen.check and missing:
        problem = f"{len(missing)} required missing: {', '.join(missing)}"
        raise InfraError(chosen.stack, problem, "pulumi config set --secret --path keys.NAME")
    return 0


def _key(
    declared: KeyDeclaration, values: Mapping[str, Any], given: Mapping[str, Any], environ: Mapping[str, str]
) -> Key:
    name = declared.name
    is_required = declared.set_by == "keys" and declared.runtime is not None and declared.runtime.required
    # A key that is generated for each agent is not missing if the stack sets none for all agents.
    is_required = is_required and not declared.made_per_agent
    mark = " (required)" if is_required else ""
    config_key = variable_keys().get(name, "")
    if name in BY_THE_PROGRAM:
        return Key(name, f"set by {BY_THE_PROGRAM[name]}")
    if _set(values.get(config_key) if config_key else given.get(name)) == "set":
        return Key(name, f"set{mark}")
    if name in KEPT and values.get(KEPT[name]) in (True, "true"):
        return Key(name, "kept as it is on Railway")
    for variable in KEYS[config_key].env if config_key else ():
        if environ.get(variable):
            return Key(name, f"set by {variable}")
    if name in MADE:
        return Key(name, "made by the stack")
    if declared.made_per_agent:
        return Key(name, _made(declared, given))
    if declared.default or (declared.runtime is not None and declared.runtime.default):
        return Key(name, "default")
    return Key(name, "missing (required)", is_missing=True) if is_required else Key(name, "not set")


def _made(declared: KeyDeclaration, given: Mapping[str, Any]) -> str:
    if not declared.made_with or _set(given.get(declared.made_with)) == "set":
        return "made for each agent"
    return f"not set ({declared.made_with} would make one for each agent)"


def _set(value: Any) -> str:
    """Return `set` or `not set`; an encrypted value is set, an empty one is not."""
    return "not set" if value is None or (isinstance(value, str) and not value.strip()) else "set"


if __name__ == "__main__":
    sys.exit(workflow.run(main))
