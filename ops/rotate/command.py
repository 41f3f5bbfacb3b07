"""Replaces a key of a stack everywhere: `make rotate STACK=… KEY=NAME < file`.

python -m ops rotate --stack STACK --key NAME [--claimed redeploy] [--resume] [--with-image] [--json]

The new value comes from standard input, or is asked for in a terminal. In this order: the stack's config, the canary
(the pool manager stays as it is until the canary is ready), the pool manager, idle agents one batch after the other,
and with `--claimed redeploy` the agents that somebody has. Exit code 3 where something still has the old value. It can
be run again: --resume goes on with the value that the config has. An empty POOL_API_KEY is made at random.
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
"""What a pool manager can do that also names the keys that agents have to change."""
NOT_COMPLETE = 3
"""The exit code where something still has the old value."""


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
    """Return the value that is to go: the config's, or the one that the stack made for itself."""
    if place.is_set:
        return str(cli.read("config", "get", "--path", place.path)["value"])
    return str((state.outputs.get("poolManager") or {}).get("apiKey") or "")


def _finish(stack: str, place: KeyPlace, old: str, chosen: argparse.Namespace, *, wrote: bool) -> Rotation:
    """Bring the value to agents, and look who has the old one still."""
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
    """Return the question whether an agent has another value of a variable than a new one would get."""
    return lambda agent: None if agent.keys_behind is None else variable in agent.keys_behind


def _parser() -> argparse.ArgumentParser:
    parser = stack_parser("rotate", __doc__)
    parser.add_argument("--key", default=os.environ.get("KEY", ""), help="a name of make keys, or POOL_API_KEY")
    parser.add_argument("--claimed", default=LEAVE, choices=[LEAVE, REDEPLOY], help="agents that somebody has")
    parser.add_argument("--resume", action="store_true", help="go on with the value that the config has")
    parser.add_argument("--with-image", action="store_true", help="the update may bring another image, too")
    parser.add_argument("--wait", default=300.0, type=float, metavar="SECONDS", help="for each batch of agents")
    add_json(parser)
    return parser


if __name__ == "__main__":
    sys.exit(workflow.run(main))
