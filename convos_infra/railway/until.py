"""Waits until a read shows what was changed: reads lag behind (fact: read-lag)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from railway_api.client import Client

_Seen = TypeVar("_Seen")


def until(client: Client, seen: Callable[[], _Seen | None], seconds: float, longest: float = 3.0) -> _Seen | None:
    """Ask until something shows; return it, or None if it does not show in time.

    Args:
        client: has the clock, and waits.
        seen: asks once; None if it does not show yet.
        seconds: the time limit, from now; it is asked once more after it.
        longest: the longest pause between two questions, in seconds.
    """
    deadline, pause = client.clock() + seconds, 0.2
    while True:
        found = seen()
        if found is not None or client.clock() > deadline:
            return found
        client.sleep(pause)
        pause = min(pause * 2, longest)
