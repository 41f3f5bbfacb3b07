"""Who may write to one environment at once: several that make something new, or one that changes what is there.

Two patches at once were seen to race (fact: patch-race), and so may a patch with what is made beside it. What is made
side by side only has to be found by its name again. Other processes are not held.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Writers:
    """The writers of one environment in this process."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._makers = 0
        self._waiting = 0
        self._owner = 0
        self._depth = 0

    @contextmanager
    def making(self) -> Iterator[None]:
        """Hold the environment beside others that make something; whoever waits to change it goes first."""
        with self._changed:
            self._changed.wait_for(lambda: not self._owner and not self._waiting)
            self._makers += 1
        try:
            yield
        finally:
            with self._changed:
                self._makers -= 1
                self._changed.notify_all()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the environment alone; whoever holds it so may do it again."""
        me = threading.get_ident()
        with self._changed:
            if self._owner != me:
                self._waiting += 1
                try:
                    self._changed.wait_for(lambda: not self._owner and not self._makers)
                finally:
                    self._waiting -= 1
                self._owner = me
            self._depth += 1
        try:
            yield
        finally:
            with self._changed:
                self._depth -= 1
                if not self._depth:
                    self._owner = 0
                    self._changed.notify_all()
