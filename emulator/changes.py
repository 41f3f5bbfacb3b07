"""Wakes those who wait for the state to change."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

Wake = Callable[[], None]


class Changes:
    """Who wants to know that something changed; what changed, each finds out by a look."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: frozenset[Wake] = frozenset()

    def tell(self) -> None:
        """Wake every listener; from any thread."""
        for wake in self._listeners:
            wake()

    @contextlib.contextmanager
    def heard(self, wake: Wake) -> Iterator[None]:
        """Call `wake` at each change for as long as the context lasts; it must not block."""
        with self._lock:
            self._listeners |= {wake}
        try:
            yield
        finally:
            with self._lock:
                self._listeners -= {wake}
