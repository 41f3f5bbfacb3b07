"""Log lines of one deployment: what is new since the last poll, masked, for people or for scripts. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops.printable import escaped, log_line
from railway_api.redact import redact


@dataclass(frozen=True)
class LoggedLine:
    """One line.

    Attributes:
        at: when, as Railway has it.
        text: the line, masked.
    """

    at: str
    text: str

    def shown(self) -> str:
        """Return it for a terminal: nothing in it steers the terminal."""
        return log_line(escaped(f"{self.at[:23]:<23}  {self.text}"))

    def encoded(self, deployment: str) -> str:
        """Return it as one line of JSON."""
        return json.dumps({"at": self.at, "deployment": deployment, "message": self.text})


def parsed(rows: Iterable[Mapping[str, Any]], secrets: Sequence[str]) -> list[LoggedLine]:
    """Return lines from Railway's answer, secrets masked."""
    return [
        LoggedLine(str(row.get("timestamp") or ""), redact(str(row.get("message") or ""), secrets).rstrip())
        for row in rows
    ]


def added(before: Sequence[LoggedLine], now: Sequence[LoggedLine]) -> Sequence[LoggedLine]:
    """Return the lines of a poll that come after the end of the poll before."""
    for size in range(min(len(before), len(now)), 0, -1):
        if before[-size] == now[0] and before[-size:] == now[:size]:
            return now[size:]
    # A poll that reads further back contains the whole poll before.
    for end in range(len(before) + 1, len(now) + 1):
        if before and before[-1] == now[end - 1] and list(before) == list(now[end - len(before) : end]):
            return now[end:]
    return now
