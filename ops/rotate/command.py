"""Replaces a key of a stack everywhere: `make rotate STACK=… KEY=NAME < file`.

python -m ops rotate --stack STACK --key NAME [--claimed redeploy] [--resume] [--with-image] [--json]

The new value comes from standard input, or is asked for in a terminal. In this order: the stack's config, the canary
(the pool manager stays as it is until the canary is ready), the pool manager, idle agents one batch after the other,
and with `--claimed redeploy` the agents that somebody has. Exit code 3 if something still has the old value. It can be
run again: --resume continues with the value in the config. An empty POOL_API_KEY is generated at random.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from convos_infra.errors import InfraError
from ops import stacks
from ops.agents.moving import Mover, Need, ReadyWait
from ops.ci import workflow
from ops.guarded_update import GuardedUpdate
from ops.pulumi_cli import CHECKOUT, Pulumi
from ops.rotate import new_value
from ops.rotate.holders import holders
from ops.rotate.key_place import KeyPlace, key_place
from ops.rotate.rotation import Rotation
from ops.stack_command import add_json, say, stack_parser
from ops.status import live_stack

if TYPE_CHECKING:
    import argparse

    from ops.agents.living_agent import LivingAgent
    from ops.status.recorded import Recorded

LEAVE, REDEPLOY = "leave", "redeploy"
NAMES_KEYS = "redeploy-claimed"
"""The capability of pool managers that also list the keys each agent lacks."""
NOT_COMPLETE = 3
"""The exit code if something still has the old value."""


def main(argv: Sequence[str] | None = None) -> int:
    """Rotate one key."""
    chosen = _parser().parse_args(argv)
    stack = stacks.checked(chosen.stack)
    place = key_place(chosen.key, stacks.config(CHECKOUT, stack))
    cli = Pulumi(stack)
    before = live_stack.recorded(stack)
    if not before.is_deployed:
        raise InfraError(stack, "nothing is deployed", f"pulumi up --stack {stack}")
    old = _value_now(cli, place, before)
    value = old if chosen.resume else new_value.asked(place.variable, stack)
    if value != old:
        cli.encrypt(place.path, value)
        say(f"{place.path}: the new value is in Pulumi.{stack}.yaml, encrypted")
    again = f"make rotate STACK={stack} KEY={place.variable} RESUME=1"
    GuardedUpdate(cli, again, say, shows=not chosen.json, with_image=chosen.with_image).run([value])
    outcome = _finish(stack, place, old if value != old else "", chosen, wrote=value != old)
    text = json.dumps(outcome.document(), indent=2) if chosen.json else "\n".join(outcome.lines())
    sys.stdout.write(f"{text}\n")
    return 0 if outcome.is_complete else NOT_COMPLETE


def _value_now(cli: Pulumi, place: KeyPlace, state: Recorded) -> str:
    """Return the value to replace: the config's, or the one that the stack generated."""
    if place.is_set:
        return str(cli.read("config", "get", "--path", place.path)["value"])
    return str((state.outputs.get("poolManager") or {}).get("apiKey") or "")


def _finish(stack: str, place: KeyPlace, old: str, chosen: argparse.Namespace, *, wrote: bool) -> Rotation:
    """Give the new value to agents, and return what still has the old one."""
    state = live_stack.recorded(stack)
    now = live_stack.railway(state)
    moved: list[str] = []
    left: list[LivingAgent] = []
    if live_stack.pool_manager(state, now).is_simulated:
        say("the pool manager is simulated here: no agent runs")
    else:
        mover = Mover(live_stack.pool_api(state, now), say, ReadyWait(ready_seconds=chosen.wait))
        has_old = lacks(place.variable)
        if NAMES_KEYS not in mover.api.version().get("capabilities", ()):
            raise InfraError("pool-manager", "does not say which agents have which keys", "docs/pool.md (Keys)")
        moved = mover.move_free(has_old)
        left = [one for one in mover.agents() if has_old(one) is not False]
        if chosen.claimed == REDEPLOY:
            moved += [mover.move(one, has_old) for one in left]
            left = [one for one in mover.agents() if has_old(one) is not False]
    snapshot = live_stack.railway(state).snapshot
    found = holders(snapshot, old) if snapshot is not None else []
    return Rotation(stack, place.variable, moved, left, found, wrote_config=wrote)


def lacks(variable: str) -> Need:
    """Return a function that tells whether an agent's value of a variable differs from that of a new agent."""
    return lambda agent: None if agent.keys_behind is None else variable in agent.keys_behind


def _parser() -> argparse.ArgumentParser:
    parser = stack_parser("rotate", __doc__)
    parser.add_argument("--key", default=os.environ.get("KEY", ""), help="a name of make keys, or POOL_API_KEY")
    parser.add_argument("--claimed", default=LEAVE, choices=[LEAVE, REDEPLOY], help="agents that somebody has")
    parser.add_argument("--resume", action="store_true", help="continue with the value in the config")
    parser.add_argument("--with-image", action="store_true", help="the update may also deploy another image")
    parser.add_argument("--wait", default=300.0, type=float, metavar="SECONDS", help="for each batch of agents")
    add_json(parser)
    return parser


if __name__ == "__main__":
    sys.exit(workflow.run(main))
