"""The ledger of requests and of the deployments that each one caused; tests and `make local` read it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Call:
    """One request.

    Attributes:
        index: 1 for the first since the ledger was emptied.
        operation: the first root field; empty if the request has none.
        fields: all root fields.
        type: query, mutation, subscription, or invalid if it was refused with HTTP 400 before anything ran.
        at: seconds since the epoch.
        seconds: how long the answer took.
        error: the first error's message, or the empty string.
        fault: the kind of the planted fault that hit, or the empty string.
        deployments: the ids of the deployments that it caused.
        client: the product name in the User-Agent.
        disputed: the disputed settings that decided something.
        bytes: the length of the answer's body.
    """

    index: int
    operation: str
    fields: Sequence[str]
    type: str
    at: float
    seconds: float
    error: str
    fault: str
    deployments: Sequence[str]
    client: str
    disputed: Sequence[str] = ()
    bytes: int = 0


class Ledger:
    """The requests so far, without their variables, which contain secrets."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[Call] = []

    def add(self, **values: Any) -> Call:
        """Record a request."""
        with self._lock:
            call = Call(index=len(self._calls) + 1, **values)
            self._calls.append(call)
            return call

    def calls(self) -> list[dict[str, Any]]:
        """Return the requests, oldest first."""
        with self._lock:
            return [asdict(call) for call in self._calls]

    def version(self) -> str:
        """Return a text that changes whenever a request is added or the ledger is emptied."""
        with self._lock:
            return f"{len(self._calls)} {self._calls[-1].at if self._calls else 0}"

    def clear(self) -> None:
        """Empty the ledger."""
        with self._lock:
            self._calls.clear()
