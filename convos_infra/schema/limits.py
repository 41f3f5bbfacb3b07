"""How long a run may wait for what. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0}
_DURATION = re.compile(r"([1-9][0-9]{0,9})(ms|s|min)", re.ASCII)
_LONGEST_SECONDS = (2**31 - 1) / 1000
"""A timeout of PostgreSQL is a 32-bit number of milliseconds (guc_tables.c: statement_timeout, INT_MAX)."""
LONGEST_DAYS = int(_LONGEST_SECONDS // 86_400)


@dataclass(frozen=True)
class Limits:
    """How long a run may wait.

    Args:
        connect_seconds: for the database to accept a connection: Railway's first boot of one initialises its volume.
        wait_seconds: for another migrator.
        lock_timeout: for a lock of a table, in PostgreSQL's notation.
        statement_timeout: for a statement.
        attempts: how often a migration that found a table locked is begun.
        pause_seconds: before the second attempt; doubled before each further one.
        answer_seconds: for the server's answer, on top of what a statement may take; then the connection is cut.
        idle_seconds: after which the server ends a session of ours that says nothing any more. Keepalives cannot tell:
            a proxy in between answers them for a client that is long dead.
        progress_seconds: after which a statement that still runs is told of, and again at this interval.
    """

    connect_seconds: float = 120.0
    wait_seconds: float = 600.0
    lock_timeout: str = "5s"
    statement_timeout: str = "60s"
    attempts: int = 5
    pause_seconds: float = 1.0
    answer_seconds: float = 30.0
    idle_seconds: float = 60.0
    progress_seconds: float = 10.0


@dataclass(frozen=True)
class Timeouts:
    """How long one migration's statements may wait for a lock, run, and stay without an answer."""

    lock: str
    statement: str
    answer_seconds: float

    @property
    def seconds(self) -> float:
        """When a server that still has not answered a statement must be gone."""
        return in_seconds(self.statement) + self.answer_seconds


def is_duration(text: str) -> bool:
    """Tell whether `text` is a time that PostgreSQL takes as a timeout, and not zero: `500ms`, `5s`, `2min`."""
    return _DURATION.fullmatch(text) is not None and in_seconds(text) <= _LONGEST_SECONDS


def in_seconds(duration: str) -> float:
    """Return `500ms`, `5s` or `2min` in seconds."""
    match = _DURATION.fullmatch(duration)
    if match is None:
        raise ValueError(f"not a duration: {duration!r}")
    return int(match[1]) * _UNITS[match[2]]
