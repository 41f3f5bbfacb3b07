"""The agents of a stack's pool, and the last acts of its pool manager: `make agents STACK=…`.

python -m ops agents --stack STACK [--json]
python -m ops agents --stack STACK --move ID|idle [--claimed yes]
python -m ops agents --stack STACK --add N
python -m ops agents --stack STACK --drain N
python -m ops agents --stack STACK --end ID [--claimed yes]

Without an act it is read-only. --move gives an agent, or every idle one that is behind, the newest image and current
keys; --add makes idle agents beside those that the pool keeps, without a deployment; --drain deletes idle agents,
those on an old image first; --end deletes one. An agent that somebody has is moved or ended only by its id together
with --claimed yes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from convos_infra.errors import InfraError
from convos_infra.rollout.pool_api import NoRoute
from ops import stacks
from ops.agents.listing import lines
from ops.agents.moving import Mover, ReadyWait
from ops.ci import workflow
from ops.stack_command import add_json, number, say, stack_parser
from ops.status import live_stack
from pool_contract.requests import MOST_AT_ONCE

if TYPE_CHECKING:
    import argparse

    from convos_infra.rollout.pool_api import PoolApi
    from ops.agents.living_agent import LivingAgent

IDLE = "idle"
WORD = "yes"


def main(argv: Sequence[str] | None = None) -> int:
    """Act if an act is named, then print agents and events."""
    chosen = parser().parse_args(argv)
    if sum(bool(act) for act in (chosen.move, chosen.add, chosen.drain, chosen.end)) > 1:
        raise InfraError("agents", "one act at a time: MOVE=, ADD=, DRAIN= or END=")
    state = live_stack.recorded(stacks.checked(chosen.stack))
    api = live_stack.pool_api(state, live_stack.railway(state))
    done = act(api, chosen)
    status, events = api.status(), _events(api)
    document = {"done": done, "status": status, "events": events}
    text = json.dumps(document, indent=2) if chosen.json else "\n".join(lines(status, events))
    sys.stdout.write(f"{text}\n")
    return 0


def act(api: PoolApi, chosen: argparse.Namespace) -> dict[str, Any]:
    """Do what was chosen, and return which agents were moved, added, drained or ended.

    Raises:
        InfraError: the id names no agent, or a claimed one without CLAIMED=yes; or an agent does not get ready.
    """
    mover = Mover(api, say, ReadyWait(ready_seconds=chosen.wait))
    if chosen.move == IDLE:
        return {"moved": mover.move_free(lambda one: one.is_behind)}
    if chosen.move:
        agent = named(mover.agents(), chosen.move, chosen.claimed)
        return {"moved": [mover.move(agent, lambda one: one.is_behind)]}
    if chosen.add:
        added = api.replenish(chosen.add)
        say(f"making {added} agents beside those that are kept idle; make agents STACK={chosen.stack} shows them")
        return {"added": added}
    if chosen.drain:
        drained = api.drain(chosen.drain)
        say(f"{drained} idle agents were deleted")
        return {"drained": drained}
    if chosen.end:
        agent = named(mover.agents(), chosen.end, chosen.claimed)
        api.kill(agent.id)
        say(f"ended {agent}")
        return {"ended": [agent.id]}
    return {}


def named(agents: Sequence[LivingAgent], agent_id: str, word: str) -> LivingAgent:
    """Return the agent of an id, if it may be acted on.

    Raises:
        InfraError: there is none, or somebody has it and CLAIMED=yes is missing.
    """
    agent = next((one for one in agents if one.id == agent_id), None)
    if agent is None:
        raise InfraError("agents", f"there is no agent {agent_id[:40]!r}", "make agents STACK=… lists them")
    if not (agent.is_free or agent.is_coming) and word != WORD:
        raise InfraError("agents", f"{agent} belongs to somebody", f"say CLAIMED={WORD} if that is meant")
    return agent


def _events(api: PoolApi) -> list[dict[str, Any]] | None:
    try:
        return api.events()
    except NoRoute:
        # Pool managers other than this repository's have no such route.
        return None


def _count(text: str) -> int:
    return number(1, MOST_AT_ONCE)(text) if text else 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command's arguments."""
    found = stack_parser("agents", __doc__)
    found.add_argument("--move", default="", metavar="ID", help=f"redeploy one, or `{IDLE}` for all that are behind")
    found.add_argument(
        "--add", default=0, type=_count, metavar="N", help="make N agents in addition to those that are kept idle"
    )
    found.add_argument("--drain", default=0, type=_count, metavar="N", help="delete N idle agents")
    found.add_argument("--end", default="", metavar="ID", help="delete one with everything that is its own")
    found.add_argument("--claimed", default="", metavar=WORD, help=f"`{WORD}`: the one that is named may be somebody's")
    found.add_argument("--wait", default=300.0, type=float, metavar="SECONDS", help="for agents to get ready")
    add_json(found)
    return found


if __name__ == "__main__":
    sys.exit(workflow.run(main))
