"""Removes everything from a stack's state without changing anything on Railway: `make release`.

python -m ops release --stack STACK [--force]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from convos_infra.errors import InfraError
from ops import pulumi_cli, stacks
from ops.adopt import file
from ops.adopt.command import REPORTS
from ops.ci import workflow
from ops.printable import log_line
from ops.pulumi_cli import CHECKOUT, Pulumi
from ops.stack_command import agrees, stack_parser

BACKUPS = REPORTS / "backups"


def main(argv: Sequence[str] | None = None) -> int:
    """List what the stack would stop managing, back up its state, and empty it."""
    parser = stack_parser("release", __doc__)
    parser.add_argument("--force", action="store_true")
    chosen = parser.parse_args(argv)
    stack = stacks.checked(chosen.stack)
    if not any(row.get("name") == stack for row in pulumi_cli.stacks(CHECKOUT)):
        raise InfraError("STACK", f"the backend has no stack {stack}", "pulumi stack ls lists them")
    exported = Pulumi(stack).exported()
    names = managed(exported)
    if not names:
        sys.stdout.write(f"{stack}: its state is empty, so there is nothing to release\n")
        return 0
    sys.stdout.write(f"{stack} stops managing these resources, and Railway keeps them unchanged:\n")
    sys.stdout.writelines(log_line(f"  {name}\n") for name in names)
    if not chosen.force and not (sys.stdin.isatty() and agrees(f"Release {stack}?")):
        raise InfraError("STACK", f"the state of {stack} is unchanged", "set FORCE=1 to skip the question")
    name = f"{stack}.state.{file.next_number(BACKUPS, f'{stack}.state')}"
    file.keep(BACKUPS, name, json.dumps(exported))
    backup = (BACKUPS / name).relative_to(CHECKOUT)
    Pulumi(stack).do("state", "delete", "--all", "--force", "--yes")
    sys.stdout.write(f"released {len(names)} resources; nothing was sent to Railway\n")
    sys.stdout.write(f"  state backup, secrets encrypted: {backup}\n")
    sys.stdout.write(f"  to undo: pulumi stack import --stack {stack} --file {backup}, or make adopt\n")
    return 0


def managed(exported: dict[str, object]) -> list[str]:
    """Return the resources in a state that exist outside Pulumi, as kind and name."""
    deployment = exported.get("deployment")
    rows = deployment.get("resources") or () if isinstance(deployment, dict) else ()
    return [f"{row['type'].rpartition(':')[2]} {row['urn'].rpartition('::')[2]}" for row in rows if row.get("custom")]


if __name__ == "__main__":
    sys.exit(workflow.run(main))
