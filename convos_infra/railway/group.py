"""What waits while something is under way is carried out together in the next turn: databases call it group commit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Member = TypeVar("Member")
STEP_SECONDS = 0.05
LEAST_SECONDS, MOST_QUIET_SECONDS, MOST_SECONDS = 0.1, 1.0, 4.0
"""How long a turn waits for others to join: until nobody has for a while, which is the longer the slower they come, so
that a loaded machine takes no more turns; and never longer than the last of these."""
_GAPS = 3.0


class Group(Generic[Member]):
    """Members that wait for their turn; one of them carries it out for all.

    Args:
        carry_out: does what the members of one turn are there for, and tells each of them; it never raises.
        sleep: waits so many seconds.
        clock: seconds, monotonic.
    """

    def __init__(
        self, carry_out: Callable[[list[Member]], None], sleep: Callable[[float], None], clock: Callable[[], float]
    ) -> None:
        self._carry_out = carry_out
        self._sleep = sleep
        self._clock = clock
        self._joined: list[float] = []
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
            self._joined.append(self._clock())
            # Whoever leads a turn takes everybody along who waits then, so a member that is gone is done.
            self._changed.wait_for(lambda: not self._is_led or not self._waits(member))
            if not self._waits(member):
                return
            self._is_led = True
        if not alone:
            self._gather()
        with self._changed:
            turn, self._waiting, self._joined = self._waiting, [], []
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
        for _ in range(round(MOST_SECONDS / STEP_SECONDS)):
            if self._clock() >= self._quiet_at():
                return
            self._sleep(STEP_SECONDS)

    def _quiet_at(self) -> float:
        """Return when others would have joined, if they still came as those did that wait."""
        with self._changed:
            first, last, count = self._joined[0], self._joined[-1], len(self._joined)
        gap = (last - first) / max(1, count - 1)
        return last + min(max(LEAST_SECONDS, _GAPS * gap), MOST_QUIET_SECONDS)
