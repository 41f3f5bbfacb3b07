"""Estimates the calls to Railway that an update needs, before it starts: Railway limits the calls of an hour. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from railway_api.retry import Allowance

_EACH = {
    "Project": 3,
    "Environment": 4,
    "SharedVariables": 3,
    "Service": 1,
    "Volume": 2,
    "ServiceDomain": 2,
    "CustomDomain": 2,
    "TcpProxy": 4,
    "ProjectToken": 3,
}
"""By kind of resource: how many calls the creation of one takes."""
_TOGETHER = 32
"""How many services are assumed to share a patch, if that many change."""
_PER_TURN = 3
"""The calls of one turn of a group commit: the read before it, the patch, and the read that shows it."""
_READS = 6
"""The reads of a whole environment, and the first look at what is deployed."""


def calls(created: Mapping[str, int], changed: int) -> int:
    """Estimate how many calls an update needs, without the polls of deployments; 0 if it changes nothing.

    Args:
        created: how many resources of each kind are new.
        changed: how many services get another configuration, new ones included.
    """
    each = sum(_EACH.get(kind, 0) * count for kind, count in created.items())
    turns = math.ceil(changed / _TOGETHER) + math.ceil(created.get("Service", 0) / _TOGETHER)
    return each + turns * _PER_TURN + _READS if each or changed else 0


def text(needed: int, left: Allowance | None) -> str:
    """Return the line for people.

    Args:
        needed: as `calls` returns it.
        left: what Railway's last answer says of the limit; None if it says nothing.
    """
    line = f"this update takes about {needed} calls to Railway, not counting the waits for deployments"
    hourly = max((calls for calls, seconds in left.policy if seconds >= 3600), default=left.limit) if left else 0
    if left is None or not hourly:
        return line
    line += f"; {hourly} an hour are allowed, and {left.remaining} are left"
    if needed <= left.remaining:
        return line
    until = datetime.fromtimestamp(left.reset_at, UTC).strftime("%H:%M:%S UTC")
    return f"{line}: it will stop when they are used up, and pulumi up after {until} goes on"
