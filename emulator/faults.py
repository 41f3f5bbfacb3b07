"""Planted faults: what can go wrong between a client and Railway, for a number of calls."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

KINDS = (
    "lost_answer",
    "drop_before",
    "gateway_timeout",
    "429",
    "502",
    "html",
    "opaque",
    "null_data",
    "empty",
    "not_authorized",
    "throttled",
    "slow",
)
"""`lost_answer` and `gateway_timeout` happen after the work, `slow` before it; all others happen instead of it."""

_LONGEST_SECONDS = 3600


@dataclass
class Fault:
    """One planted fault.

    Attributes:
        kind: one of KINDS.
        operation: the root field that it waits for, or the empty string for any.
        times: how many calls it still hits.
        after: how many matching calls it lets pass first.
        seconds: how long `slow` takes; for 429, the value of Retry-After.
    """

    kind: str
    operation: str = ""
    times: int = 1
    after: int = 0
    seconds: float = 1.0


class Faults:
    """The planted faults; the first that matches a call is taken."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planted: list[Fault] = []

    def plant(self, values: Mapping[str, Any]) -> Fault:
        """Plant a fault.

        Args:
            values: the fields of `Fault`.

        Raises:
            ValueError: the kind or a field is unknown, or a value is not valid.
        """
        try:
            fault = Fault(**{**values, "kind": str(values.get("kind"))})
        except TypeError as error:
            raise ValueError(f"a fault has kind, operation, times, after, seconds: {error}") from error
        _check(fault)
        if fault.kind not in KINDS:
            raise ValueError(f"unknown fault {fault.kind!r}; there are {', '.join(KINDS)}")
        with self._lock:
            self._planted.append(fault)
        return fault

    def take(self, operation: str) -> Fault | None:
        """Return the fault that hits this call, if one does."""
        with self._lock:
            for fault in self._planted:
                if fault.operation and fault.operation != operation:
                    continue
                if fault.after > 0:
                    fault.after -= 1
                    continue
                fault.times -= 1
                if fault.times <= 0:
                    self._planted.remove(fault)
                return fault
        return None

    def planted(self) -> list[Fault]:
        """Return copies of the faults that still wait for a call."""
        with self._lock:
            return [replace(fault) for fault in self._planted]

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._planted.clear()


def _check(fault: Fault) -> None:
    """Refuse values of the wrong type or range: they come from a caller's JSON."""
    given: dict[str, Any] = vars(fault)
    for name, lowest in (("times", 1), ("after", 0)):
        if type(given[name]) is not int or given[name] < lowest:
            raise ValueError(f"{name} is a whole number from {lowest}, not {str(given[name])[:40]!r}")
    seconds = given["seconds"]
    if type(seconds) not in (int, float) or not 0 <= seconds <= _LONGEST_SECONDS:
        raise ValueError(f"seconds is a number from 0 to {_LONGEST_SECONDS}, not {str(seconds)[:40]!r}")
    if type(given["operation"]) is not str:
        raise ValueError("operation is the name of a root field")
