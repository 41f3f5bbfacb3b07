"""Wakes the subscriptions that wait for a change of the state."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

Wake = Callable[[], None]


class Changes:
    """The listeners that are woken at each change; each reads from the store what has changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: frozenset[Wake] = frozenset()

    def notify(self) -> None:
        """Wake every listener; any thread may call this."""
        for wake in self._listeners:
            wake()

    @contextlib.contextmanager
    def listening(self, wake: Wake) -> Iterator[None]:
        """Call `wake` at each change until the context ends; it must not block."""
        with self._lock:
            self._listeners |= {wake}
        try:
            yield
        finally:
            with self._lock:
                self._listeners -= {wake}
