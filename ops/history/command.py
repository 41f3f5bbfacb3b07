"""A stack's updates: who, when, from which commit, which image, with what result: `make history STACK=…`.

python -m ops history --stack STACK [--most 20] [--json]; read-only. The updates are Pulumi's, from any backend. The
image is what Railway lists of the canary's deployments: the newest one that was made before the update ended.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from convos_infra.railway.listing import nodes
from ops import stacks
from ops.ci import workflow
from ops.history.past_updates import PastDeployment, lines, moment, parsed
from ops.printable import log_line
from ops.pulumi_cli import Pulumi
from ops.stack_command import add_json, number, stack_parser
from ops.status import live_stack
from ops.status.recorded import Role
from railway_api import documents
from railway_api.failure import Failure

if TYPE_CHECKING:
    import argparse

    from ops.status.recorded import Recorded

MOST = 20
LISTED = 200
"""How many deployments of the canary are read."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the updates."""
    chosen = _parser().parse_args(argv)
    stack = stacks.checked(chosen.stack)
    state = live_stack.recorded(stack)
    history: list[Mapping[str, Any]] = Pulumi(stack).read(
        "stack", "history", "--page-size", str(chosen.most), "--page", "1"
    )
    try:
        deployments = _of_canary(state)
    except Failure as error:
        # Pulumi's part is worth reading even if Railway does not answer.
        sys.stderr.write(log_line(f"  images are not known: {error}\n"))
        deployments = []
    updates = parsed(history, deployments)
    document = {"stack": stack, "updates": [one.document() for one in updates]}
    sys.stdout.write(f"{json.dumps(document, indent=2) if chosen.json else chr(10).join(lines(updates))}\n")
    return 0


def _of_canary(state: Recorded) -> list[PastDeployment]:
    instance = state.of_role("ServiceInstance", Role.CANARY)
    if instance is None:
        return []
    where = {name: str(instance.values[name]) for name in ("projectId", "environmentId", "serviceId")}
    asked = {"input": where, "first": LISTED}
    answer = live_stack.client(state).query(documents.DEPLOYMENT_LIST, asked, subject="deployments")
    found = []
    for row in nodes(answer.get("deployments")):
        created_at, image = moment(row.get("createdAt")), (row.get("meta") or {}).get("image")
        if created_at is not None and image:
            found.append(PastDeployment(created_at, str(image)))
    return found


def _parser() -> argparse.ArgumentParser:
    parser = stack_parser("history", __doc__)
    parser.add_argument("--most", default=MOST, type=number(1, 1000), metavar="N", help="the newest N updates")
    add_json(parser)
    return parser


if __name__ == "__main__":
    sys.exit(workflow.run(main))
