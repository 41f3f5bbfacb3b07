"""A stack's first deploy, step by step: `make first-deploy STACK=…` (docs/first-deploy.md).

python -m ops first-deploy --stack STACK. It asks what it needs, in a terminal or from standard input, one answer
a line, and checks each step. Completed steps are skipped: after an interruption, run the same command to continue.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from convos_infra.errors import InfraError
from ops import stacks
from ops.ci import workflow
from ops.first_deploy.interview import Interview
from ops.first_deploy.shell import ShellSteps
from ops.first_deploy.stack_steps import StackSteps
from ops.first_deploy.walk import walk
from ops.stack_command import stack_parser


def main(argv: Sequence[str] | None = None) -> int:
    """Walk through the steps."""
    chosen = stack_parser("first-deploy", __doc__).parse_args(argv)
    stack = stacks.checked(chosen.stack)
    if stack == stacks.LOCAL:
        raise InfraError("first-deploy", "the stack local is made by make local", "name another stack")
    interview, shell = Interview(), ShellSteps(os.environ)
    try:
        walk([*shell.steps(), *StackSteps(stack, shell).steps()], interview)
    except KeyboardInterrupt:
        raise InfraError("first-deploy", "interrupted", "run the same command again: it goes on here") from None
    interview.say(f"done. Commit Pulumi.{stack}.yaml. Day two: docs/runbook.md; CI: docs/ci.md")
    return 0


if __name__ == "__main__":
    sys.exit(workflow.run(main))
