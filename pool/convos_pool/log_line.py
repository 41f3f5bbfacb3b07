"""Formats a line of the log: as text for a terminal, else as JSON, one object per line."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from railway_api.printable import escaped

from .act import Act

FAILURES = frozenset({"claim-failed", "failure", "set-aside", "unhealthy"})


def plain(text: str) -> str:
    """Return a line for a terminal."""
    return f"pool: {escaped(text)}"


def structured(text: str, at: float) -> str:
    """Return a line for a log that parses JSON, as Railway's does: it uses `message` and `level`.

    Args:
        text: the line; an act provides its parts.
        at: seconds since the epoch.
    """
    found = {
        "time": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds"),
        "level": "warn" if isinstance(text, Act) and text.kind in FAILURES else "info",
        "message": plain(text),
    }
    if isinstance(text, Act):
        found |= {"act": text.kind, "reason": escaped(text.reason)}
        if text.agent_id:
            found["agent"] = escaped(text.agent_id)
    return json.dumps(found, ensure_ascii=False)
