"""Connections to PostgreSQL that never wait endlessly.

If a server goes silent (a network that drops packets, a frozen host), the connection does not break: without our own
limits, libpq waits for it forever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import psycopg

if TYPE_CHECKING:
    from psycopg.abc import PQGen

CONNECT_SECONDS = 5
SILENCE_SECONDS = 8.0
"""How long, in seconds, to wait for one answer; longer than the server's own statement timeout (`STATEMENT_MS`)."""
_Answer = TypeVar("_Answer")
_INTERVAL = 0.1
"""psycopg's default: how often, in seconds, a waiting thread can be interrupted."""


class SilentError(psycopg.OperationalError):
    """No answer came in time."""


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that is closed if an answer does not arrive in time."""

    silence_seconds: float = SILENCE_SECONDS

    def __del__(self, _warn: Any = None) -> None:
        """Do not warn as psycopg does: unused connections are kept on purpose, and libpq closes them at the end."""

    def wait(self, gen: PQGen[_Answer], interval: float = _INTERVAL, timeout: float | None = None) -> _Answer:
        """Wait for an answer.

        Raises:
            SilentError: none came in time. The connection is closed, as its answer may come later.
        """
        seconds = self.silence_seconds if timeout is None else timeout
        try:
            return super().wait(gen, interval, seconds)
        except psycopg.errors._WaitTimeout:  # noqa: SLF001 - the only name that psycopg has for it
            self.pgconn.finish()
            raise SilentError(f"no answer for {seconds:.0f} s") from None


def connected(url: str, silence_seconds: float = SILENCE_SECONDS) -> BoundedConnection:
    """Connect.

    Args:
        url: the database.
        silence_seconds: how long to wait for one answer.

    Raises:
        psycopg.Error: the database does not answer, or refuses.
    """
    found = BoundedConnection.connect(
        url,
        connect_timeout=CONNECT_SECONDS,
        application_name="convos-pool",
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
        tcp_user_timeout=int(SILENCE_SECONDS * 1000),
        # Behind a pooler, the next statement may run on another server connection, which lacks the prepared one.
        prepare_threshold=None,
    )
    found.silence_seconds = silence_seconds
    return found
