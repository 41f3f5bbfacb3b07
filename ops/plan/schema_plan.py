"""The migrations that an update of a stack would apply, as text: `make schema-plan STACK=…`."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from ops import pulumi_cli, stacks
from ops.ci import workflow
from ops.pulumi_cli import CHECKOUT, Pulumi
from ops.stack_command import say, stack_parser
from ops.status import live_stack

if TYPE_CHECKING:
    from collections.abc import Sequence

PENDING = 2
"""The plan's exit code if something is pending, which is not an error here."""


def database_url(stack: str) -> str:
    """Return the URL of a stack's database; empty if there is none yet.

    Raises:
        PulumiError: the backend does not answer.
    """
    if all(row["name"] != stack for row in pulumi_cli.stacks()):
        say(f"no state of {stack} in {live_stack.where()}: this is what its first update would apply")
        return ""
    outputs = Pulumi(stack).read("stack", "output", "--show-secrets")
    return str((outputs.get("database") or {}).get("url") or "")


def main(argv: Sequence[str] | None = None) -> int:
    """Print the plan."""
    parser = stack_parser("schema-plan", __doc__)
    stack = stacks.checked(parser.parse_args(argv).stack)
    config = stacks.config(CHECKOUT, stack)
    command = [sys.executable, "-m", "convos_infra.schema", "plan"]
    command += [f"--target={config.get('schemaTarget') or ''}", f"--baseline={config.get('schemaBaseline') or ''}"]
    if config.get("schemaStatementTimeout"):
        command.append(f"--statement-timeout={config['schemaStatementTimeout']}")
    # Pass it in the environment, because everybody can read arguments.
    environment = {**os.environ, "DATABASE_URL": database_url(stack)}
    code = subprocess.run(command, cwd=CHECKOUT, env=environment, stdin=subprocess.DEVNULL, check=False).returncode
    return 0 if code == PENDING else code


if __name__ == "__main__":
    sys.exit(workflow.run(main))
