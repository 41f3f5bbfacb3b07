"""The warm agents, as the local pool manager counts them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from ops.local.probe import NO_PROXY

WAIT_SECONDS = 120.0
"""An agent is ready 3 s after the request; three at once on two busy cores took 20 s."""
PAUSE_SECONDS = 0.5
CONTAINER = "container"


def pool_manager(outputs: Mapping[str, Any]) -> tuple[str, int]:
    """Return the pool manager's address and how many agents it keeps idle; an empty address if it does not run."""
    pool, agents = outputs.get("poolManager") or {}, outputs.get("agents") or {}
    runs = pool.get("mode") == CONTAINER
    return str(pool.get("url") or "") if runs else "", int(agents.get("keptIdle") or 0)


def counts(url: str) -> dict[str, int] | None:
    """Return the number of agents in each state; None if the pool manager does not answer."""
    try:
        with NO_PROXY.open(f"{url}/api/pool/counts", timeout=5.0) as answer:
            found = json.load(answer)
    except (OSError, ValueError):
        return None
    return {str(name): int(count) for name, count in found.items()} if isinstance(found, dict) else None


def wait(
    url: str, wanted: int, seconds: float = WAIT_SECONDS, ask: Callable[[str], dict[str, int] | None] = counts
) -> dict[str, int] | None:
    """Wait until that many agents are idle, or for so many seconds; return the last counts."""
    until = time.monotonic() + seconds
    while True:
        found = ask(url)
        if (found is not None and found.get("idle", 0) >= wanted) or time.monotonic() > until:
            return found
        time.sleep(PAUSE_SECONDS)
