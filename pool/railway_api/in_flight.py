"""The total time during which a client had calls in progress."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class InFlight:
    """The calls of one client that were sent and are not answered yet, across all threads.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._calls = 0
        self._since = 0.0
        self._before = 0.0

    @property
    def seconds(self) -> float:
        """For how many seconds, in all, at least one call was in progress."""
        with self._lock:
            return self._before + (self._clock() - self._since if self._calls else 0.0)

    @contextmanager
    def call(self) -> Iterator[None]:
        """Count a call as long as the block runs."""
        with self._lock:
            if not self._calls:
                self._since = self._clock()
            self._calls += 1
        try:
            yield
        finally:
            with self._lock:
                self._calls -= 1
                if not self._calls:
                    self._before += self._clock() - self._since
