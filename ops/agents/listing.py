"""Every agent of a pool, and the last acts of its pool manager with their reasons, as lines. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ops.plan.rollout_rows import columns
from ops.printable import escaped, log_line
from ops.status.report import short

HEAD = ("agent", "state", "name", "image", "older keys", "reason")
EVENTS_HEAD = ("at", "act", "agent", "reason")
NEWEST = 20


def lines(status: Mapping[str, Any], events: Sequence[Mapping[str, Any]] | None) -> list[str]:
    """Return both for people.

    Args:
        status: the pool manager's answer to `GET /api/pool/status`.
        events: of its answer to `GET /api/pool/events`, the newest first; None if it keeps none.
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
    keys = ", ".join(map(str, one.get("keysBehind") or ())) or "-"
    return str(one["id"]), _state(one), name, short(str(one.get("image") or "")) or "-", keys, reason


def _state(one: Mapping[str, Any]) -> str:
    # Other pool managers have no finer word than their status.
    return str(one.get("state") or one["status"])


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    # Names are what users wrote: a line break in one begins no row.
    return [log_line(line) for line in columns([[escaped(cell) for cell in row] for row in rows])]
