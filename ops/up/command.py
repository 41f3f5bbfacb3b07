"""Updates a stack: shows the plan, asks, shows a line for each service while it runs, and says what happened.

python -m ops up --stack STACK [--yes]: `make up STACK=… [YES=1]`. The exit code is 0 if there was nothing to do or all
of it was done. Without a terminal --yes is needed, and each line of Pulumi is printed as it comes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from convos_infra.errors import InfraError
from ops import stacks
from ops.ci import workflow
from ops.ci.preview import shown
from ops.plan.previewed import previewed
from ops.progress.reported_update import update
from ops.pulumi_cli import Pulumi
from ops.stack_command import say, stack_parser


def main(argv: Sequence[str] | None = None) -> int:
    """Preview, ask, update."""
    parser = stack_parser("up", __doc__)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    chosen = parser.parse_args(argv)
    stack = stacks.checked(chosen.stack)
    can_ask = sys.stdin.isatty() and sys.stdout.isatty()
    if not (chosen.yes or can_ask):
        raise InfraError("up", "there is no terminal to ask at", "look at make preview, then say YES=1")
    pulumi = Pulumi(stack)
    say(f"previewing {stack}")
    found = previewed(pulumi)
    sys.stdout.write(shown(found.plan))
    if not found.preview.changes:
        return 0
    if not chosen.yes and not agreed(f"Update {stack}? Only yes updates it: "):
        say("nothing was changed")
        return 1
    update(pulumi, found)
    return 0


def agreed(question: str) -> bool:
    """Ask at the terminal, and return whether the answer is the whole word yes; anything else changes nothing."""
    try:
        return input(question).strip() == "yes"
    except EOFError:
        return False


if __name__ == "__main__":
    sys.exit(workflow.run(main))
