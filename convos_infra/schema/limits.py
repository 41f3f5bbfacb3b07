"""The longest waits of a run. Pure."""

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
    """The longest waits of a run.

    Attributes:
        connect_seconds: for a connection: on its first boot, a database on Railway initialises its volume.
        wait_seconds: for another migrator.
        lock_timeout: for a lock on a table, in PostgreSQL's notation.
        statement_timeout: for a statement.
        attempts: how often a migration is started if a table is locked.
        pause_seconds: the pause before the second attempt; doubled before each further one.
        answer_seconds: for the server's answer, in addition to a statement's timeout; then the connection is closed.
        idle_seconds: after which the server ends one of our sessions that is silent. Keepalives cannot detect that, as
            a proxy in between answers them long after the client has died.
        progress_seconds: after which a running statement is reported, and the interval of further reports.
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
    """The timeouts of one migration's statements: for a lock, for the statement, and for the server's answer."""

    lock: str
    statement: str
    answer_seconds: float

    @property
    def seconds(self) -> float:
        """The seconds after which a server that has not answered a statement counts as dead."""
        return in_seconds(self.statement) + self.answer_seconds


def is_duration(text: str) -> bool:
    """Tell whether `text` is a valid timeout for PostgreSQL and not zero, such as `500ms`, `5s` or `2min`."""
    return _DURATION.fullmatch(text) is not None and in_seconds(text) <= _LONGEST_SECONDS


def in_seconds(duration: str) -> float:
    """Convert `500ms`, `5s` or `2min` to seconds."""
    match = _DURATION.fullmatch(duration)
    if match is None:
        raise ValueError(f"not a duration: {duration!r}")
    return int(match[1]) * _UNITS[match[2]]
