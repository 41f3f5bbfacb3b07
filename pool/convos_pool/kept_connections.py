"""Connections to PostgreSQL that are used again, because each new one costs a login and a process of the server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import psycopg

from .connection import SILENCE_SECONDS, SilentError, connected

if TYPE_CHECKING:
    from .connection import BoundedConnection

KEPT_SECONDS = 30.0
"""How long, in seconds, an unused connection is kept: poolers and servers close idle ones after minutes."""
LIFE_SECONDS = 60.0
"""The longest life of a connection, in seconds: after a failover, an old one may still lead to the former server."""


class KeptConnections:
    """Connections of one database, each for one block at a time.

    Args:
        url: the database.
        first: the statement that begins each block. It must change nothing, because it is sent again on a new
            connection if a kept one turns out to be closed.
        silence_seconds: how long to wait for one answer.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        url: str,
        first: str,
        silence_seconds: float = SILENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url = url
        self._first = first.encode()
        self._silence_seconds = silence_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._free: list[tuple[BoundedConnection, float, float]] = []

    @contextmanager
    def block(self) -> Iterator[BoundedConnection]:
        """Use a connection for a block: what was written is committed at its end, and rolled back by any error.

        Raises:
            psycopg.Error: the database does not answer, or refuses.
        """
        connection, made_at = self._begun()
        try:
            yield connection
            if connection.closed:
                # It broke during the block or a heartbeat, and the server has rolled its transaction back.
                return
            connection.commit()
        except BaseException as error:
            # No later block may find the rest of this one's transaction.
            _close([connection])
            if isinstance(error, psycopg.OperationalError | psycopg.errors.ReadOnlySqlTransaction):
                # The other kept connections lead to the same server.
                self._forget()
            raise
        self._keep(connection, made_at)

    def _begun(self) -> tuple[BoundedConnection, float]:
        found = self._kept()
        if found is not None:
            kept, made_at = found
            try:
                kept.execute(self._first)
            except SilentError:
                # A new connection would most likely be silent as well.
                self._forget()
                raise
            except psycopg.Error:
                # The server closed it while it was unused, and most likely the others as well.
                kept.close()
                self._forget()
            else:
                return kept, made_at
        made = connected(self.url, self._silence_seconds)
        try:
            made.execute(self._first)
        except BaseException:
            made.close()
            raise
        return made, self._clock()

    def _keep(self, connection: BoundedConnection, made_at: float) -> None:
        now = self._clock()
        with self._lock:
            self._free.append((connection, made_at, min(now + KEPT_SECONDS, made_at + LIFE_SECONDS)))

    def _kept(self) -> tuple[BoundedConnection, float] | None:
        """Return the connection that was used last, and when it was made; those whose time is over are closed."""
        now = self._clock()
        with self._lock:
            old = [one for one, _, until in self._free if until < now]
            self._free = [kept for kept in self._free if kept[2] >= now]
            found = self._free.pop()[:2] if self._free else None
        _close(old)
        return found

    def _forget(self) -> None:
        with self._lock:
            free, self._free = self._free, []
        _close([one for one, *_ in free])


def _close(connections: list[BoundedConnection]) -> None:
    for one in connections:
        with suppress(psycopg.Error):
            one.close()
