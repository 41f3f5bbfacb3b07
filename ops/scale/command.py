"""Changes how many agents a pool keeps idle: `make scale STACK=… IDLE=5`.

python -m ops scale --stack STACK --idle N [--wait 300] [--with-image] [--json]

The number goes into the stack's config (poolMinIdle), and one deployment of the pool manager brings it; no agent is
moved. Missing agents are made, and surplus idle ones are drained; agents that somebody has are not touched. Exit code 3
if the pool is still making agents when the wait is over; it continues by itself.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from convos_infra.errors import InfraError
from convos_infra.rollout.pool_api import NoAnswer
from ops import stacks
from ops.agents.living_agent import living
from ops.ci import workflow
from ops.guarded_update import GuardedUpdate
from ops.pulumi_cli import CHECKOUT, Pulumi, PulumiError, last_error
from ops.stack_command import add_json, number, say, stack_parser
from ops.status import live_stack
from pool_contract.requests import MOST_AT_ONCE

if TYPE_CHECKING:
    import argparse

    from convos_infra.rollout.pool_api import PoolApi

CONFIG_KEY = "poolMinIdle"
MOST = 1000
"""As many as POOL_MIN_IDLE allows."""
PAUSE_SECONDS = 1.0
UNDER_WAY = 3
"""The exit code if the pool is still making agents when the wait is over."""


def main(argv: Sequence[str] | None = None) -> int:
    """Change the number, and wait for the agents."""
    chosen = _parser().parse_args(argv)
    stack = stacks.checked(chosen.stack)
    before = stacks.config(CHECKOUT, stack).get(CONFIG_KEY)
    if not live_stack.recorded(stack).is_deployed:
        raise InfraError(stack, "nothing is deployed", f"pulumi up --stack {stack}")
    cli = Pulumi(stack)
    ran = cli.run("config", "set", CONFIG_KEY, str(chosen.idle), show=False)
    if ran.code != 0:
        raise PulumiError(stack, f"pulumi config set {CONFIG_KEY}: {last_error(ran.text)}")
    again = f"make scale STACK={stack} IDLE={chosen.idle}"
    GuardedUpdate(cli, again, say, shows=not chosen.json, with_image=chosen.with_image).run()
    state = live_stack.recorded(stack)
    idle = settled(live_stack.pool_api(state, live_stack.railway(state)), chosen.idle, chosen.wait)
    document = {"stack": stack, "wanted": chosen.idle, "idle": idle, "before": None if before is None else int(before)}
    text = f"{stack}: {idle} agents are idle, {chosen.idle} are kept; commit Pulumi.{stack}.yaml"
    sys.stdout.write(f"{json.dumps(document, indent=2) if chosen.json else text}\n")
    return 0 if idle == chosen.idle else UNDER_WAY


def settled(api: PoolApi, wanted: int, seconds: float) -> int:
    """Wait until that many agents are idle, drain surplus ones, and return how many are idle.

    Args:
        api: the pool manager.
        wanted: how many.
        seconds: how long agents are waited for.
    """
    end, idle = time.monotonic() + seconds, -1
    while time.monotonic() < end:
        try:
            found = Counter(one.state for one in living(api.status()))
        except NoAnswer:
            # A pool manager that has just started has not read its agents yet.
            time.sleep(PAUSE_SECONDS)
            continue
        if found["idle"] != idle:
            idle = found["idle"]
            say(f"{idle} idle, {found['starting'] + found['unfinished']} on their way")
        if idle == wanted and not found["starting"]:
            break
        if idle > wanted:
            api.drain(min(MOST_AT_ONCE, idle - wanted))
        time.sleep(PAUSE_SECONDS)
    return max(idle, 0)


def _parser() -> argparse.ArgumentParser:
    parser = stack_parser("scale", __doc__)
    parser.add_argument(
        "--idle", required=True, type=number(0, MOST, "; IDLE=n"), metavar="N", help="how many are kept idle"
    )
    parser.add_argument("--with-image", action="store_true", help="the update may also deploy another image")
    parser.add_argument("--wait", default=300.0, type=float, metavar="SECONDS", help="for agents to get ready")
    add_json(parser)
    return parser


if __name__ == "__main__":
    sys.exit(workflow.run(main))
