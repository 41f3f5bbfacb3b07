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
        self._free: list[tuple[BoundedConnection, float]] = []

    @contextmanager
    def block(self) -> Iterator[BoundedConnection]:
        """Use a connection for a block: what was written is committed at its end, and rolled back by any error.

        Raises:
            psycopg.Error: the database does not answer, or refuses.
        """
        connection = self._begun()
        try:
            yield connection
            if connection.closed:
                # Whoever used it has been told, by an error of its own.
                return
            connection.commit()
        except BaseException:
            # Whatever it was, no later block meets what is left of this one.
            with suppress(psycopg.Error):
                connection.close()
            raise
        with self._lock:
            self._free.append((connection, self._clock()))

    def _begun(self) -> BoundedConnection:
        kept = self._kept()
        if kept is not None:
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
                return kept
        made = connected(self.url, self._silence_seconds)
        try:
            made.execute(self._first)
        except BaseException:
            made.close()
            raise
        return made

    def _kept(self) -> BoundedConnection | None:
        """Return the connection that was used last; those that nobody has used for long are closed."""
        since = self._clock() - KEPT_SECONDS
        with self._lock:
            old = [one for one, at in self._free if at < since]
            self._free = [(one, at) for one, at in self._free if at >= since]
            found = self._free.pop()[0] if self._free else None
        _close(old)
        return found

    def _forget(self) -> None:
        with self._lock:
            free, self._free = self._free, []
        _close([one for one, _ in free])


def _close(connections: list[BoundedConnection]) -> None:
    for one in connections:
        with suppress(psycopg.Error):
            one.close()
