"""What a stack's rollout policy would do to which agents, if its image were deployed now: `make rollout-plan STACK=…`.

python -m ops rollout-plan --stack STACK [--image sha-1a2b3c4] [--policy drain-and-replace] [--json]

Read-only: the pool manager is asked the same question that a preview asks. Without --image it is the image that the
stack pins or follows; if the stack builds its image, it is the deployed one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from convos_infra.errors import InfraError
from convos_infra.rollout.resource import IMAGE
from ops import stacks
from ops.ci import workflow
from ops.plan.rollout_rows import lines
from ops.pulumi_cli import CHECKOUT
from ops.stack_command import add_json, stack_parser
from ops.status import live_stack
from stack.problem import ConfigError
from stack.rollout import KINDS, rollout_policy


def variables(
    config: Mapping[str, Any], outputs: Mapping[str, Any], stack: str, image: str, policy: str
) -> dict[str, str]:
    """Return the pool manager's variables as an update would set them.

    Args:
        config: the stack's.
        outputs: the stack's.
        stack: its name.
        image: a tag or digest instead of the stack's, or empty.
        policy: instead of the stack's, or empty.

    Raises:
        InfraError: the policy is invalid, or there is no such image.
    """
    try:
        wanted = rollout_policy({**config, **({"rolloutPolicy": policy} if policy else {})})
    except ConfigError as problems:
        raise InfraError("", problems.lines[0]) from None
    deployed = str((outputs.get("image") or {}).get("reference") or "")
    if not deployed:
        raise InfraError(stack, "it has no image yet", f"pulumi up --stack {stack}")
    builds = str(config.get("imageBuild") or "").lower() == "true"
    version = image or stacks.pinned(config) or ("" if builds else str(config.get("imageBranchTag") or stack))
    return {IMAGE: live_stack.named_now(deployed, version, "image") if version else deployed, **wanted.variables()}


def main(argv: Sequence[str] | None = None) -> int:
    """Print the plan."""
    parser = stack_parser("rollout-plan", __doc__)
    parser.add_argument("--image", default="", help="a tag or digest instead of the stack's")
    parser.add_argument("--policy", default="", help=f"instead of the stack's: {', '.join(KINDS)}")
    add_json(parser)
    chosen = parser.parse_args(argv)
    stack = stacks.checked(chosen.stack)
    config, state = stacks.config(CHECKOUT, stack), live_stack.recorded(stack)
    api = live_stack.pool_api(state, live_stack.railway(state))
    plan = api.plan(variables(config, state.outputs, stack, chosen.image, chosen.policy))
    text = json.dumps(plan, indent=2) if chosen.json else "\n".join(lines(plan, api.status()["agents"]))
    sys.stdout.write(f"{text}\n")
    return 0


if __name__ == "__main__":
    sys.exit(workflow.run(main))
