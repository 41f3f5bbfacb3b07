"""The remaining time that a call, and a whole command, may spend while Railway does not answer."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from railway_api.errors import RailwayError, Unreachable

if TYPE_CHECKING:
    from railway_api.timing import Timing


class Patience:
    """Deadlines of calls, per thread, and the time since Railway's last answer, across all threads.

    Args:
        timing: the limits.
        clock: seconds, monotonic.
    """

    def __init__(self, timing: Timing, clock: Callable[[], float]) -> None:
        self._timing = timing
        self._clock = clock
        self._local = threading.local()
        self._lock = threading.Lock()
        self._silent_since = math.inf

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Limit the total time of this thread's calls inside; an outer limit applies as well."""
        outer = self._deadline()
        self._local.deadline = min(outer, self._clock() + seconds)
        try:
            yield
        finally:
            self._local.deadline = outer

    def left(self) -> float:
        """Return the seconds that the next try may take; zero or less if there is no time for it."""
        now = self._clock()
        silence = max(self._silence_ends() - now, self._timing.probe_seconds)
        return min(self._deadline() - now, silence)

    def lasts(self, pause: float) -> bool:
        """Tell whether there is time for one more try after a pause."""
        return self._clock() + pause < min(self._deadline(), self._silence_ends())

    def heard(self) -> None:
        """Note that Railway answered something."""
        with self._lock:
            self._silent_since = math.inf

    def unheard(self, began: float, error: Unreachable) -> Unreachable:
        """Note that a try had no answer; return its error, with the total silence if that has reached the limit."""
        with self._lock:
            self._silent_since = min(self._silent_since, began)
            seconds = self._clock() - self._silent_since
        return error if seconds < self._timing.silence_seconds else _silent(error, seconds)

    def given_up(self, error: RailwayError, pause: float) -> RailwayError:
        """Return the error of the last try, with the total silence if the next pause would reach the limit of it."""
        with self._lock:
            seconds = self._clock() - self._silent_since
        limit = self._timing.silence_seconds
        is_new = seconds < limit <= seconds + pause  # beyond the limit, `unheard` has already added it
        return _silent(error, seconds) if isinstance(error, Unreachable) and is_new else error

    def _deadline(self) -> float:
        found: float = getattr(self._local, "deadline", math.inf)
        return found

    def _silence_ends(self) -> float:
        with self._lock:
            return self._silent_since + self._timing.silence_seconds


def _silent(error: Unreachable, seconds: float) -> Unreachable:
    problem = f"{error.problem}; it has answered nothing for {seconds:.0f} s"
    return Unreachable(error.subject, problem, error.next_step, sent=error.may_have_happened)
