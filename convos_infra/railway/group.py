"""What waits while something is under way is carried out together in the next turn: databases call it group commit."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from convos_infra.railway.traffic import Traffic

Member = TypeVar("Member")
STEP_SECONDS = 0.02
MOST_SECONDS = 10.0
"""How long a turn waits for others to join, at most."""
_QUIET = (0.05, 2.0)
"""How long Pulumi sends nothing before a turn begins that no other member is expected in: at least so many seconds, and
so many times the longest pause that Pulumi made lately, which grows with the load of the machine."""
_EXPECTED = (0.25, 6.0)
"""The same where other members are expected: they may depend on one of those that wait."""
_LONGEST_QUIET = 3.0
_FEW = 20
"""So many members are few: a second turn for one that comes late costs less than the wait of all for it."""


class Group(Generic[Member]):
    """Members that wait for their turn; one of them carries it out for all.

    Args:
        carry_out: does what the members of one turn are there for, and tells each of them; it never raises.
        sleep: waits so many seconds.
        clock: seconds, monotonic.
        traffic: tells what Pulumi has sent.
    """

    def __init__(
        self,
        carry_out: Callable[[list[Member]], None],
        sleep: Callable[[float], None],
        clock: Callable[[], float],
        traffic: Traffic,
    ) -> None:
        self._carry_out = carry_out
        self._sleep = sleep
        self._clock = clock
        self._traffic = traffic
        self._changed = threading.Condition()
        self._waiting: list[Member] = []
        self._turn: list[Member] = []
        self._is_led = False
        self._coming: dict[str, bool] = {}
        self._known: set[str] = set()

    def expect(self, name: str) -> None:
        """Note a member that Pulumi will send, which its program has declared."""
        with self._changed:
            self._coming.setdefault(name, False)
            self._known.add(name)

    def send(self, name: str) -> None:
        """Note a member that Pulumi has sent, and that has something else to do before it joins."""
        with self._changed:
            self._coming[name] = True

    def drop(self, name: str) -> None:
        """Note that a member does not come."""
        with self._changed:
            self._coming.pop(name, None)

    def join(self, member: Member, name: str, *, goes_ahead: bool = False) -> None:
        """Return once a turn with the member in it is over.

        Args:
            member: who joins.
            name: its name, if it was expected.
            goes_ahead: whether its turn may begin without those that Pulumi has sent and that have something else to
                do first, where they are few.
        """
        with self._changed:
            self._coming.pop(name, None)
            self._waiting.append(member)
            # Whoever leads a turn takes everybody along who waits then, so a member that is gone is done.
            self._changed.wait_for(lambda: not self._is_led or not self._waits(member))
            if not self._waits(member):
                return
            self._is_led = True
        self._gather(goes_ahead=goes_ahead)
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

    def _gather(self, *, goes_ahead: bool) -> None:
        """Wait for those that are still coming.

        The pauses are counted in steps, not by the clock: a step takes longer where the machine has much to do.
        """
        heard, quiet, until = self._heard(), 0, self._clock() + MOST_SECONDS
        while quiet * STEP_SECONDS < self._patience(goes_ahead=goes_ahead) and self._clock() < until:
            self._sleep(STEP_SECONDS)
            now = self._heard()
            quiet = quiet + 1 if now == heard else 0
            heard = now

    def _heard(self) -> tuple[int, int]:
        with self._changed:
            return self._traffic.news, len(self._waiting)

    def _patience(self, *, goes_ahead: bool) -> float:
        """Return for how many seconds nothing is to be heard before the turn begins."""
        with self._changed:
            coming, known = list(self._coming.values()), len(self._known)
        are_few = 0 < known <= _FEW
        if (known == 1 and not coming) or (goes_ahead and are_few and all(coming)):
            return 0.0
        if any(coming):
            return MOST_SECONDS
        if are_few and not coming:
            return max(STEP_SECONDS, self._traffic.slowness)
        least, pauses = _EXPECTED if coming and not self._traffic.is_full else _QUIET
        return min(max(least, pauses * self._traffic.slowness), _LONGEST_QUIET)


class Groups:
    """The groups of one process, by what carries them out and where.

    Args:
        sleep: waits so many seconds.
        clock: seconds, monotonic.
        traffic: tells what Pulumi has sent.
    """

    def __init__(self, sleep: Callable[[float], None], clock: Callable[[], float], traffic: Traffic) -> None:
        self._parts = (sleep, clock, traffic)
        self._lock = threading.Lock()
        self._groups: dict[Any, Group[Any]] = {}

    def of(self, carry_out: Callable[..., None], first: Any, environment_id: str) -> Group[Any]:
        """Return those that wait for their turn in an environment, to be carried out together.

        Args:
            carry_out: does it for all of one turn.
            first: its first argument.
            environment_id: where.
        """
        with self._lock:
            key = (carry_out, environment_id)
            if key not in self._groups:
                self._groups[key] = Group(functools.partial(carry_out, first), *self._parts)
            return self._groups[key]
