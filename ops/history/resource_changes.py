"""How many resources an update changed, from Pulumi's history. Pure, and of the standard library alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_UNCHANGED = frozenset({"same", "read"})


def resource_changes(row: Mapping[str, Any]) -> dict[str, int]:
    """Return the numbers of resources by what was done to them, without those that stayed as they were.

    Args:
        row: an update in `pulumi stack history --json`.
    """
    return {op: int(count) for op, count in (row.get("resourceChanges") or {}).items() if op not in _UNCHANGED}
