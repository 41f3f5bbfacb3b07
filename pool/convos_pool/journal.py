"""The log: each line is printed at once, and acts are kept in the database beside what the pool manager does."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import log_line
from .act import Act
from .errors import UnavailableError
from .event_store import MOST_KEPT, KeptEvent
from .printable import printable

if TYPE_CHECKING:
    from .event_store import EventStore

PAUSE_SECONDS = 1.0
"""Events of so long are kept in one go, and a database that does not answer is asked again after it."""
REFRESH_SECONDS = 30.0
"""How often it is read what other pool managers have done."""
STOP_SECONDS = 2.0
LONGEST_REASON = 1000


def printed(line: str) -> None:
    """Print one line of the log: one line, whatever agents and callers have put into it."""
    text = log_line.plain(line) if sys.stdout.isatty() else log_line.structured(line, time.time())
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class LibraryLog(logging.Handler):
    """Takes what libraries say of themselves, so that every line of the log has one form.

    Args:
        say: prints one line.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record without its traceback, which would be many lines."""
        error = record.exc_info[1] if record.exc_info else None
        self._say(f"{record.name}: {record.getMessage()}" + (f": {type(error).__name__}" if error else ""))


class Journal:
    """Takes lines of the log; nobody who writes one waits for the database.

    Args:
        store: where events are kept.
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
        """Print a line; an act is kept as well."""
        self._write(line)
        if isinstance(line, Act):
            reason = printable(line.reason)[:LONGEST_REASON]
            event = KeptEvent(time.time(), line.kind, printable(line.agent_id), reason)
            with self._lock:
                self._pending.append(event)
            self._wake.set()

    def recent(self) -> list[KeptEvent]:
        """Return the newest events first, without asking the database."""
        with self._lock:
            return [*reversed(self._pending), *self._kept][:MOST_KEPT]

    def start(self) -> None:
        """Begin to keep events."""
        self._thread.start()

    def stop(self) -> None:
        """Keep what is left, if the database answers soon."""
        self._ends.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)

    def exchange(self) -> bool:
        """Write pending events down and read all that are kept; return whether the database took them."""
        with self._exchanging:
            with self._lock:
                taken = list(self._pending)
            try:
                kept = self._store.exchange(taken)
            except UnavailableError:
                # They stay in memory; the tick says what is wrong with the database.
                return False
            with self._lock:
                self._kept = tuple(kept)
                # Where more came meanwhile than are kept, the oldest have made room.
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
