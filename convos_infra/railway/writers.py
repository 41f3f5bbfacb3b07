"""Limits the writers of one environment: several may create things at the same time, or one may patch.

Two patches at once were seen to race (fact: patch-race), and a patch beside a creation may race as well. Creations side
by side are safe, because each is found again by its own name or place. Writers in other processes are not limited.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

MAKERS = 20
"""How many may create something at the same time. The client limits the calls of a second (railway_api/pace.py)."""


@dataclass
class Holding:
    """What one writer has done.

    Attributes:
        is_settled: whether it has read back what it wrote; otherwise everything that was read before is out of date.
    """

    is_settled: bool = False


class Writers:
    """The writers of one environment in this process.

    Attributes:
        changes: how often something was changed that no read is known to show.
    """

    def __init__(self) -> None:
        self.changes = 0
        self._changed = threading.Condition()
        self._making: set[str] = set()
        self._waiting = 0
        self._owner = 0
        self._depth = 0

    @contextmanager
    def making(self, of: str) -> Iterator[Holding]:
        """Hold the environment beside others that create something in it; a writer that waits goes first.

        Args:
            of: the service, by id or name, that something is created in: one part of a service is created at a time.
        """
        holding = Holding()
        with self._changed:
            self._changed.wait_for(lambda: self._may_make(of))
            self._making.add(of)
        try:
            yield holding
        finally:
            with self._changed:
                self._making.remove(of)
                self.changes += not holding.is_settled
                self._changed.notify_all()

    def _may_make(self, of: str) -> bool:
        return not (self._owner or self._waiting or of in self._making or len(self._making) >= MAKERS)

    @contextmanager
    def writing(self) -> Iterator[Holding]:
        """Hold the environment alone; the thread that holds it may do so again."""
        me, holding = threading.get_ident(), Holding()
        with self._changed:
            if self._owner != me:
                self._waiting += 1
                try:
                    self._changed.wait_for(lambda: not self._owner and not self._making)
                finally:
                    self._waiting -= 1
                self._owner = me
            self._depth += 1
        try:
            yield holding
        finally:
            with self._changed:
                self._depth -= 1
                self.changes += not holding.is_settled
                if not self._depth:
                    self._owner = 0
                    self._changed.notify_all()

    def changed(self) -> None:
        """Record a change that was made without holding the environment."""
        with self._changed:
            self.changes += 1
