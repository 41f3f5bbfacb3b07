"""The counters of a running pool manager, for `/metrics`."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from .errors import (
    AgentError,
    CredentialError,
    DatabaseUnavailableError,
    PoolError,
    RailwayCallError,
    ThrottledError,
)


@dataclass(frozen=True)
class Counted:
    """The counters since the start of the process.

    Attributes:
        totals: (name, label) -> the count.
        seconds: name -> the total duration.
    """

    totals: Mapping[tuple[str, str], int]
    seconds: Mapping[str, float]


class Tally:
    """Counts; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._totals: Counter[tuple[str, str]] = Counter()
        self._seconds: dict[str, float] = {}

    def add(self, name: str, label: str, seconds: float = 0.0) -> None:
        """Count one.

        Args:
            name: `claims`, `ticks` or `failures`.
            label: the outcome, or the kind.
            seconds: its duration.
        """
        with self._lock:
            self._totals[name, label] += 1
            self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    def failed(self, error: Exception) -> None:
        """Count a failure by its kind."""
        self.add("failures", failure_kind(error))

    def counted(self) -> Counted:
        """Return all counters."""
        with self._lock:
            return Counted(dict(self._totals), dict(self._seconds))


def failure_kind(error: Exception) -> str:
    """Return which part failed: one of FAILURE_KINDS."""
    for kind, classes in _KINDS.items():
        if isinstance(error, classes):
            return kind
    return "internal"


_KINDS: Mapping[str, type[Exception]] = {
    "throttled": ThrottledError,
    "railway": RailwayCallError,
    "agent": AgentError,
    "account": CredentialError,
    "database": DatabaseUnavailableError,
    "refused": PoolError,
}
FAILURE_KINDS = (*_KINDS, "internal")
