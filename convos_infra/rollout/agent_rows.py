"""Reads the agents from a pool manager's status, in the format of this project or of another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def agent_rows(status: Mapping[str, Any]) -> list[Mapping[str, Any]] | None:
    """Return every agent with at least `id`, `service` and `state`; None if the status contains no list of agents.

    Args:
        status: of this project's pool manager, which lists `agents`, or of another one, which lists `instances`.
    """
    rows, instances = status.get("agents"), status.get("instances")
    if isinstance(rows, list):
        return [row for row in rows if isinstance(row, Mapping)]
    if not isinstance(instances, list):
        return None
    return [
        {"id": row.get("id"), "service": row.get("name"), "state": row.get("status")}
        for row in instances
        if isinstance(row, Mapping)
    ]
