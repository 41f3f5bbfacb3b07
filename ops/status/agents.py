"""Every agent of a stack's pool, and the last acts of its pool manager with their reasons: `make agents STACK=…`.

python -m ops agents --stack STACK [--json]; read-only.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from convos_infra.rollout.pool_api import NoRoute
from ops import stacks
from ops.ci import workflow
from ops.plan.rollout_rows import columns
from ops.printable import escaped, log_line
from ops.status import live_stack
from ops.status.report import short

HEAD = ("agent", "state", "name", "image", "reason")
EVENTS_HEAD = ("at", "act", "agent", "reason")
NEWEST = 20


def lines(status: Mapping[str, Any], events: Sequence[Mapping[str, Any]] | None) -> list[str]:
    """Return both for people.

    Args:
        status: the pool manager's answer to `GET /api/pool/status`.
        events: of its answer to `GET /api/pool/events`, the newest first; None where it keeps none.
    """
    agents = sorted(status["instances"], key=lambda one: (_state(one), str(one["id"])))
    found = [*_table([HEAD, *(_agent(one) for one in agents)]), f"{len(agents)} agents"]
    if status.get("problem"):
        found.append(log_line(escaped(str(status["problem"]))))
    if events is None:
        return [*found, "", "this pool manager keeps no events"]
    rows = [
        (str(one["at"]), str(one["act"]), str(one.get("agentId") or "-"), str(one["reason"])) for one in events[:NEWEST]
    ]
    return [*found, "", *_table([EVENTS_HEAD, *rows])]


def _agent(one: Mapping[str, Any]) -> tuple[str, ...]:
    name, reason = str(one.get("agentName") or "-"), str(one.get("reason") or "-")
    return str(one["id"]), _state(one), name, short(str(one.get("image") or "")) or "-", reason


def _state(one: Mapping[str, Any]) -> str:
    # Other pool managers have no finer word than their status.
    return str(one.get("state") or one["status"])


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    # Names are what users wrote: a line break in one begins no row.
    return [log_line(line) for line in columns([[escaped(cell) for cell in row] for row in rows])]


def main(argv: Sequence[str] | None = None) -> int:
    """Print agents and events."""
    parser = argparse.ArgumentParser(prog="ops agents", description=__doc__)
    parser.add_argument("--stack", default=os.environ.get("STACK", ""))
    parser.add_argument("--json", action="store_true", help="for scripts")
    chosen = parser.parse_args(argv)
    state = live_stack.recorded(stacks.checked(chosen.stack))
    api = live_stack.pool_api(state, live_stack.railway(state))
    status = api.status()
    try:
        events = api.events()
    except NoRoute:
        # Another pool manager than ours has no such route.
        events = None
    text = (
        json.dumps({"status": status, "events": events}, indent=2) if chosen.json else "\n".join(lines(status, events))
    )
    sys.stdout.write(f"{text}\n")
    return 0


if __name__ == "__main__":
    sys.exit(workflow.run(main))
