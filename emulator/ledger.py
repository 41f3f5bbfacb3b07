"""What was asked of the emulator and what it cost: tests and `make local` count calls and deployments by it."""

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
        operation: the first root field, empty for a request that is none; `fields` are all of them.
        type: query, mutation, or invalid: refused with HTTP 400 before anything ran.
        at: seconds since the epoch.
        seconds: how long the answer took.
        error: the first error's message, or the empty string; `fault` the planted fault that hit.
        deployments: the ids of the deployments that it caused.
        client: who asked, as the product in its User-Agent says.
        disputed: the settings that decided between behaviours of a disputed belief.
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
    """The calls so far; no variables are kept, they hold secrets."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[Call] = []

    def add(self, **values: Any) -> Call:
        """Write a call down."""
        with self._lock:
            call = Call(index=len(self._calls) + 1, **values)
            self._calls.append(call)
            return call

    def calls(self) -> list[dict[str, Any]]:
        """Return them, oldest first."""
        with self._lock:
            return [asdict(call) for call in self._calls]

    def version(self) -> str:
        """Return a text that is another one whenever a call was added or the calls were forgotten."""
        with self._lock:
            return f"{len(self._calls)} {self._calls[-1].at if self._calls else 0}"

    def clear(self) -> None:
        """Forget them."""
        with self._lock:
            self._calls.clear()
