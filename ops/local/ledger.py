"""Reads from the emulator's ledger how many deployments it has made, to check what an update cost."""

from __future__ import annotations

import json
from typing import Any

from ops.local.probe import NO_PROXY

POOL_MANAGER = "convos-pool"
"""The pool manager's agents come and go without updates."""


def deployments(address: str) -> int | None:
    """Return the deployments made since the emulator's state began; None when its ledger cannot be read."""
    try:
        with NO_PROXY.open(f"http://{address}/_emulator/calls", timeout=5.0) as answer:
            return count(json.load(answer))
    except (OSError, ValueError):
        return None


def count(ledger: Any) -> int | None:
    """Return the number of deployments that all calls caused, except those of the pool manager."""
    calls = ledger.get("calls") if isinstance(ledger, dict) else ledger
    if not isinstance(calls, list):
        return None
    ours = [call for call in calls if isinstance(call, dict) and call.get("client") != POOL_MANAGER]
    return sum(_number(call.get("deployments")) for call in ours)


def _number(value: Any) -> int:
    """A ledger may list the deployments or count them."""
    return len(value) if isinstance(value, list) else int(value or 0)
