"""Removes the file backend's locks of killed Pulumi processes; a lock names its process, so a running one keeps its."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

from ops.toolchain.store import read_json

if TYPE_CHECKING:
    from pathlib import Path


def release_dead(state: Path) -> int:
    """Remove the locks of processes that no longer run, and return their number; a running Pulumi keeps its lock."""
    released = 0
    for file in (state / ".pulumi" / "locks").rglob("*.json"):
        if _is_dead(read_json(file)):
            file.unlink(missing_ok=True)
            released += 1
    return released


def _is_dead(holder: Any) -> bool:
    if not isinstance(holder, dict) or holder.get("hostname") != socket.gethostname():
        return False
    try:
        os.kill(int(holder["pid"]), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return False
