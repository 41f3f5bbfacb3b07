"""Keeps the transactions of held locks alive, so that the server can end those of pool managers that went silent.

A lock lives as long as its transaction. If a pool manager freezes, or its network drops all packets, the server would
keep the transaction, and no other pool manager could act. So the server ends transactions that are idle for a while,
and the holder of a lock regularly sends a statement.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from .connection import BoundedConnection

IDLE_SECONDS = 25.0
"""The silence in seconds after which the server releases a lock."""
BEAT_SECONDS = 5.0
"""The interval of the statements, in seconds."""


class Heartbeat:
    """One thread for all locks of this process; it runs while there are any.

    Args:
        beat_seconds: see BEAT_SECONDS.
    """

    def __init__(self, beat_seconds: float = BEAT_SECONDS) -> None:
        self._beat_seconds = beat_seconds
        self._lock = threading.Lock()
        self._held: dict[BoundedConnection, threading.Lock] = {}
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def keeps(self, connection: BoundedConnection) -> Iterator[None]:
        """Keep a connection's transaction alive for a block."""
        beating = threading.Lock()
        with self._lock:
            self._held[connection] = beating
            if self._thread is None:
                self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._held.pop(connection, None)
            # Wait for a statement in progress: after the block, the connection is used for something else.
            with beating:
                pass

    def _beat(self) -> None:
        while not self._ended.wait(self._beat_seconds):
            with self._lock:
                held = list(self._held.items())
            for connection, beating in held:
                # An error needs no handling here: the holder of the lock confirms it before each act.
                with beating, suppress(psycopg.Error):
                    if connection in self._held:
                        connection.execute("SELECT 1")
