"""What a stack costs a month, as an estimate: `make cost STACK=… [AGENTS=n]`.

python -m ops cost --stack STACK [--agents N] [--json]; read-only, from the stack's config file and Railway's public
prices. Without --agents, the agents that the pool keeps idle are counted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from ops import stacks
from ops.ci import workflow
from ops.cost.estimate import AGENT, DATABASE, POOL_MANAGER, CostEstimate, estimate
from ops.pulumi_cli import CHECKOUT
from ops.stack_command import add_json, number, stack_parser

MOST_AGENTS = 100_000


def lines(stack: str, found: CostEstimate) -> list[str]:
    """Return the estimate as lines of text."""
    rows = [f"  {row.subject:<14}{row.count:>6} x ${row.each:>8.2f}  = ${row.total:>9.2f}" for row in found.rows]
    uses = (("an agent", AGENT), ("the pool manager", POOL_MANAGER), ("a database", DATABASE))
    told = "; ".join(f"{name} {use.vcpu} vCPU, {use.memory} GB, {use.volume:g} GB of volume" for name, use in uses)
    return [
        f"{stack}: an estimate, in USD a month",
        *rows,
        f"  {'together':<14}{'':>19}  = ${found.total:>9.2f}",
        f"  each further agent ${found.agent:.2f}; one that always uses all of its limits ${found.agent_at_most:.2f}",
        f"  assumed on average: {told}",
        "  not counted: egress, databases outside of Railway, and the plan's fee, which includes that much usage",
        f"  prices as of {found.prices_read} by {found.source}; what you pay is on Railway's page of usage",
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the estimate."""
    parser = stack_parser("cost", __doc__)
    add_json(parser)
    parser.add_argument("--agents", default=None, type=number(0, MOST_AGENTS), metavar="N", help="how many are counted")
    chosen = parser.parse_args(argv)
    stack = stacks.checked(chosen.stack)
    found = estimate(stacks.config(CHECKOUT, stack), chosen.agents)
    sys.stdout.write(f"{json.dumps(asdict(found), indent=2) if chosen.json else chr(10).join(lines(stack, found))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(workflow.run(main))
