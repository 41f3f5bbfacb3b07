"""What Pulumi has sent to this process, and how fast: from it follows how long to wait for more."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

PARALLEL_VARIABLE = "PULUMI_PARALLEL"
_MOST_SECONDS = 0.5
_HALF_LIFE = 2.0
_ASKED_SHARE = 0.25
"""How much of a pause counts during which Railway was asked: Pulumi may have waited for that answer, or the machine may
have had much else to do."""


class Traffic:
    """The operations of one run.

    Args:
        clock: seconds, monotonic.
        most: how many operations Pulumi carries out at once.
        asked: for how many seconds Railway was asked until now; see `InFlight.seconds`.

    Attributes:
        news: how often Pulumi was heard of.
    """

    def __init__(self, clock: Callable[[], float], most: int, asked: Callable[[], float] = lambda: 0.0) -> None:
        self.news = 0
        self._clock = clock
        self._most = most
        self._asked = asked
        self._lock = threading.Lock()
        self._under_way = 0
        self._heard_at, self._asked_at = 0.0, 0.0
        self._slowest, self._slowest_at = 0.0, 0.0

    def heard(self) -> None:
        """Note that Pulumi has sent something."""
        now = self._clock()
        with self._lock:
            asked = self._asked()
            pause = now - self._heard_at - (asked - self._asked_at) * (1 - _ASKED_SHARE)
            pause = min(max(pause, 0.0), _MOST_SECONDS) if self.news else 0.0
            if pause > self._slowness(now):
                self._slowest, self._slowest_at = pause, now
            self._heard_at, self._asked_at = now, asked
            self.news += 1

    @contextmanager
    def operation(self) -> Iterator[None]:
        """Count an operation of Pulumi's as long as the block runs."""
        self.heard()
        with self._lock:
            self._under_way += 1
        try:
            yield
        finally:
            now = self._clock()
            with self._lock:
                self._under_way -= 1
                # How fast Pulumi is shows in what it sends after this; the time of the operation itself is Railway's.
                self._heard_at, self._asked_at = now, self._asked()
                self.news += 1

    @property
    def is_full(self) -> bool:
        """Whether as many operations are under way as Pulumi carries out at once."""
        with self._lock:
            return self._under_way >= self._most

    @property
    def slowness(self) -> float:
        """How many seconds Pulumi takes to send what is next: the longest pause of the last seconds, fading."""
        with self._lock:
            return self._slowness(self._clock())

    def _slowness(self, now: float) -> float:
        return self._slowest * math.exp2((self._slowest_at - now) / _HALF_LIFE)


def most_at_once(variables: Mapping[str, str]) -> int:
    """Return how many operations Pulumi carries out at once, where `--parallel` does not say otherwise.

    Args:
        variables: the process's environment variables.
    """
    said = variables.get(PARALLEL_VARIABLE, "")
    return int(said) if said.isdecimal() and int(said) else 4 * (os.cpu_count() or 1)
