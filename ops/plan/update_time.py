"""How long the last updates of a stack took, from its history. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ops.history.resource_changes import resource_changes

_LOOKED_AT = 5


@dataclass(frozen=True)
class UpdateTime:
    """How many seconds the last updates that changed something took.

    Attributes:
        updates: how many there were.
        typical: the median.
        shortest, longest: the extremes.
    """

    updates: int
    typical: int
    shortest: int
    longest: int


def of_history(rows: Sequence[Mapping[str, Any]]) -> UpdateTime | None:
    """Return the time of the last updates; None if no such update is known.

    Args:
        rows: what `pulumi stack history --json` prints, newest first.
    """
    taken: list[int] = []
    for row in rows:
        changes = row.get("resourceChanges") or {}
        is_update = row.get("kind") == "update" and row.get("result") == "succeeded"
        # The first one makes everything, and builds images from nothing.
        is_first = changes.get("create", 0) > sum(count for op, count in changes.items() if op != "create")
        if is_update and not is_first and any(resource_changes(row).values()):
            seconds = _seconds(row)
            taken += [] if seconds is None else [seconds]
        if len(taken) == _LOOKED_AT:
            break
    if not taken:
        return None
    return UpdateTime(len(taken), int(statistics.median(taken)), min(taken), max(taken))


def _seconds(row: Mapping[str, Any]) -> int | None:
    try:
        start, end = (datetime.fromisoformat(str(row[name])) for name in ("startTime", "endTime"))
        return max(0, round((end - start).total_seconds()))
    except (KeyError, ValueError, TypeError):
        return None
