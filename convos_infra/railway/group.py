"""What waits while something is under way is carried out together in the next turn: databases call it group commit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Member = TypeVar("Member")
GATHER_SECONDS = 0.05
"""How long a turn waits for others to join, again and again as long as some do: the engine sends them side by side."""
MOST_SECONDS = 1.0


class Group(Generic[Member]):
    """Members that wait for their turn; one of them carries it out for all.

    Args:
        carry_out: does what the members of one turn are there for, and tells each of them; it never raises.
        sleep: waits so many seconds.
    """

    def __init__(self, carry_out: Callable[[list[Member]], None], sleep: Callable[[float], None]) -> None:
        self._carry_out = carry_out
        self._sleep = sleep
        self._changed = threading.Condition()
        self._waiting: list[Member] = []
        self._turn: list[Member] = []
        self._is_led = False

    def join(self, member: Member, *, alone: bool = False) -> None:
        """Return once a turn with the member in it is over.

        Args:
            member: who joins.
            alone: whether nobody else is expected, so that a turn need not wait for others.
        """
        with self._changed:
            self._waiting.append(member)
            # Whoever leads a turn takes everybody along who waits then, so a member that is gone is done.
            self._changed.wait_for(lambda: not self._is_led or not self._waits(member))
            if not self._waits(member):
                return
            self._is_led = True
        if not alone:
            self._gather()
        with self._changed:
            turn, self._waiting = self._waiting, []
            self._turn = turn
        try:
            self._carry_out(turn)
        finally:
            with self._changed:
                self._turn = []
                self._is_led = False
                self._changed.notify_all()

    def _waits(self, member: Member) -> bool:
        return any(one is member for one in (*self._waiting, *self._turn))

    def _gather(self) -> None:
        waited, before = 0.0, 0
        while waited < MOST_SECONDS and len(self._waiting) > before:
            before = len(self._waiting)
            self._sleep(GATHER_SECONDS)
            waited += GATHER_SECONDS
