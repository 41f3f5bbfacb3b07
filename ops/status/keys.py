"""Every key of a stack as set, default, missing or made: keys.sh for a stack. Never a value.

python -m ops keys --stack STACK [--check]; with --check, exit code 1 where a required one is missing.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from ops import stacks
from ops.ci import workflow
from ops.pulumi_cli import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

RUNTIME_LIST = CHECKOUT / "runtime" / "scripts" / "keys.list"
PER_AGENT = frozenset({"OPENROUTER_API_KEY", "AGENTMAIL_INBOX_ID"})
"""The pool manager makes these for each agent; those that keys.list says are generated are made as well."""
BY_THE_PROGRAM = {"DATABASE_URL": "the stack's database", "RAILWAY_RUNTIME_IMAGE": "the stack's image"}
IN_CONFIG = {
    "POOL_API_KEY": "poolApiKey",
    "POOL_ENVIRONMENT": "poolEnvironment",
    "POOL_MIN_IDLE": "poolMinIdle",
    "RAILWAY_API_TOKEN": "poolRailwayToken",
}
"""Variable of the pool manager -> the config key that it comes from."""
MADE = frozenset({"POOL_API_KEY", "RAILWAY_API_TOKEN"})
"""What the stack makes where nobody gives one."""
KEPT = {"RAILWAY_API_TOKEN": "poolKeepToken"}
"""Variable -> the config key by which the stack leaves it alone."""
IN_SHELL = {"RAILWAY_API_TOKEN": "POOL_RAILWAY_API_TOKEN"}
POOL = {
    "OPENROUTER_MANAGEMENT_KEY": "optional",
    "OPENROUTER_KEY_LIMIT": "default=20",
    "OPENROUTER_KEY_LIMIT_RESET": "default=monthly",
    "POOL_ENVIRONMENT": "default",
    "POOL_MIN_IDLE": "default=3",
    "POOL_STUCK_TIMEOUT_MS": "default=900000",
    "TICK_INTERVAL_MS": "default=30000",
    "RAILWAY_API_TOKEN": "optional",
    "DATABASE_URL": "program",
    "RAILWAY_RUNTIME_IMAGE": "program",
}
"""What the pool manager has beside the runtime's keys: name -> kind, as in keys.list."""


@dataclass(frozen=True)
class Key:
    """One key: its name, what is known of it, and whether its absence is a mistake."""

    name: str
    state: str
    is_missing: bool = False


def kinds(keys_list: Path = RUNTIME_LIST) -> dict[str, str]:
    """Return every key and its kind: the runtime's own list first, then the pool manager's."""
    lines = (line.split(maxsplit=1) for line in keys_list.read_text(encoding="utf-8").splitlines())
    return {row[0]: row[1] for row in lines if row and not row[0].startswith("#")} | POOL


def states(values: Mapping[str, Any], environ: Mapping[str, str]) -> Iterator[Key]:
    """Yield every key of a stack, in the order of the lists; then those of its config that no list has.

    Args:
        values: the stack's config, secrets unopened.
        environ: the process's environment.

    Raises:
        InfraError: the names of the keys are encrypted.
    """
    given = values.get("keys") or {}
    if not isinstance(given, Mapping) or "secure" in given:
        step = "set each by itself: pulumi config set --secret --path keys.NAME"
        raise InfraError("keys", "the whole object is encrypted, its names too", step)
    known = kinds()
    for name, kind in known.items():
        yield _key(name, kind, values, given, environ)
    for name in sorted(given.keys() - known.keys()):
        yield Key(name, f"{_set(given[name])} (in no list)")


def main(argv: Sequence[str] | None = None) -> int:
    """Print a line a key."""
    parser = argparse.ArgumentParser(prog="ops keys", description=__doc__)
    parser.add_argument("--stack", default=os.environ.get("STACK", ""))
    parser.add_argument("--check", action="store_true")
    chosen = parser.parse_args(argv)
    found = list(states(stacks.config(CHECKOUT, stacks.checked(chosen.stack)), os.environ))
    sys.stdout.write("".join(f"  {key.name:<28} {key.state}\n" for key in found))
    missing = [key.name for key in found if key.is_missing]
    if chosen.check and missing:
        problem = f"{len(missing)} required missing: {', '.join(missing)}"
        raise InfraError(chosen.stack, problem, "pulumi config set --secret --path keys.NAME")
    return 0


def _key(name: str, kind: str, values: Mapping[str, Any], given: Mapping[str, Any], environ: Mapping[str, str]) -> Key:
    mark = " (required)" if kind == "required" else ""
    if name in BY_THE_PROGRAM:
        return Key(name, f"set by {BY_THE_PROGRAM[name]}")
    in_config = values.get(IN_CONFIG[name]) if name in IN_CONFIG else given.get(name)
    if _set(in_config) == "set":
        return Key(name, f"set{mark}")
    if name in KEPT and values.get(KEPT[name]) in (True, "true"):
        return Key(name, f"kept as it is on Railway{mark}")
    if name in IN_SHELL and environ.get(IN_SHELL[name]):
        return Key(name, f"set by {IN_SHELL[name]}{mark}")
    if name in PER_AGENT or kind.startswith("generated="):
        return Key(name, "made for each agent")
    if name in MADE:
        return Key(name, "made by the stack")
    if kind.startswith("default"):
        return Key(name, "default")
    if kind == "required":
        return Key(name, "missing (required)", is_missing=True)
    return Key(name, "not set")


def _set(value: Any) -> str:
    """Return `set` or `not set`; an encrypted value is set, an empty one is not."""
    return "not set" if value is None or (isinstance(value, str) and not value.strip()) else "set"


if __name__ == "__main__":
    sys.exit(workflow.run(main))
