"""The log: each line is printed at once, and acts are stored in the database in the background."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from railway_api.printable import escaped

from . import log_line
from .act import Act
from .errors import DatabaseUnavailableError
from .event_store import MOST_KEPT, KeptEvent

if TYPE_CHECKING:
    from .event_store import EventStore

PAUSE_SECONDS = 1.0
"""The interval, in seconds, in which events are stored together, and after which a failed database is tried again."""
REFRESH_SECONDS = 30.0
"""How often, in seconds, the acts of other pool managers are read."""
STOP_SECONDS = 2.0
LONGEST_REASON = 1000


def printed(line: str) -> None:
    """Print one line of the log; line breaks from agents and callers are escaped."""
    text = log_line.plain(line) if sys.stdout.isatty() else log_line.structured(line, time.time())
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class LibraryLog(logging.Handler):
    """Receives the messages of libraries, so that every line of the log has one format.

    Args:
        say: prints one line.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record without its traceback, which would be several lines."""
        error = record.exc_info[1] if record.exc_info else None
        self._say(f"{record.name}: {record.getMessage()}" + (f": {type(error).__name__}" if error else ""))


class Journal:
    """Receives lines of the log; writing one never waits for the database.

    Args:
        store: stores the events.
        write: prints one line.
    """

    def __init__(self, store: EventStore, write: Callable[[str], None] = printed) -> None:
        self._store = store
        self._write = write
        self._lock = threading.Lock()
        self._exchanging = threading.Lock()
        self._kept: tuple[KeptEvent, ...] = ()
        self._pending: deque[KeptEvent] = deque(maxlen=MOST_KEPT)
        self._wake = threading.Event()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="journal", daemon=True)

    def __call__(self, line: str) -> None:
        """Print a line; an act is stored as well."""
        self._write(line)
        if isinstance(line, Act):
            reason = escaped(line.reason)[:LONGEST_REASON]
            event = KeptEvent(time.time(), line.kind, escaped(line.agent_id), reason)
            with self._lock:
                self._pending.append(event)
            self._wake.set()

    def recent(self) -> list[KeptEvent]:
        """Return the newest events first, without a request to the database."""
        with self._lock:
            return [*reversed(self._pending), *self._kept][:MOST_KEPT]

    def start(self) -> None:
        """Start to store events."""
        self._thread.start()

    def stop(self) -> None:
        """Store the rest, if the database answers soon."""
        self._ends.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)

    def exchange(self) -> bool:
        """Write pending events and read all that are stored; return whether that succeeded."""
        with self._exchanging:
            with self._lock:
                taken = list(self._pending)
            try:
                kept = self._store.exchange(taken)
            except DatabaseUnavailableError:
                # They stay in memory; the tick reports the problem of the database.
                return False
            with self._lock:
                self._kept = tuple(kept)
                # If more events were added meanwhile than are kept, the oldest were dropped.
                for event in taken:
                    if self._pending and self._pending[0] is event:
                        self._pending.popleft()
            return True

    def _loop(self) -> None:
        while not self._ends.is_set():
            self._wake.clear()
            self.exchange()
            self._ends.wait(PAUSE_SECONDS)
            self._wake.wait(REFRESH_SECONDS)
        self.exchange()
