"""Connections to PostgreSQL that are used again: a new one is a new process of the server, and a login, each time."""

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
"""How long an unused connection is kept: poolers and servers end idle ones after minutes."""
LIFE_SECONDS = 60.0
"""How long a connection is used at all: the name may lead to another server by now, and this one be a copy of it."""


class KeptConnections:
    """Connections of one database, each for one block at a time.

    Args:
        url: the database.
        first: the statement that begins each block. It has to change nothing, because it is sent again on a new
            connection if a kept one turns out to be closed.
        silence_seconds: how long one answer is waited for.
        clock: seconds that never go back.
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
                # Whoever used it has been told, by an error of its own.
                return
            connection.commit()
        except BaseException as error:
            # Whatever it was, no later block meets what is left of this one.
            _close([connection])
            if isinstance(error, psycopg.OperationalError | psycopg.errors.ReadOnlySqlTransaction):
                # The others lead to the same server.
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
                # A new one would be waited for just as long.
                self._forget()
                raise
            except psycopg.Error:
                # The server ended it while nobody used it, and most likely the others as well.
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
