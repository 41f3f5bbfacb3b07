"""`RateLimit`: the remaining rate limit that Railway's answers report, and the wait when it is used up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from railway_api.errors import RateLimited
from railway_api.pace import CallPace

if TYPE_CHECKING:
    from railway_api.patience import Patience
    from railway_api.retry import Allowance
    from railway_api.timing import Timing


class RateLimit:
    """A client's knowledge of its rate limit.

    Args:
        timing: limits; see `Timing`.
        patience: how long the calls of this thread may take.
        wall: the time of day, in seconds since the epoch.
        sleep: waits for a number of seconds.
        progress: receives a line about each wait.
    """

    def __init__(
        self,
        timing: Timing,
        patience: Patience,
        wall: Callable[[], float],
        sleep: Callable[[float], None],
        progress: Callable[[str], None],
    ) -> None:
        self._timing = timing
        self._patience = patience
        self._wall = wall
        self._sleep = sleep
        self._progress = progress
        self._allowance: Allowance | None = None
        self._warned_until = 0.0
        self._pace = CallPace()

    @property
    def allowance(self) -> Allowance | None:
        """The remaining rate limit that the last answer reported; None before the first one, and after a wait."""
        return self._allowance

    @contextmanager
    def keeping(self, operation: str, subject: str) -> Iterator[None]:
        """Wait until a call may leave; the call is made inside the block. Raises the errors of `wait`."""
        while pace := self._pace.take(self._wall()):
            if not self._patience.lasts(pace):
                self._pace.force()
                break
            self._sleep(pace)
        try:
            self.wait(operation, subject)
            yield
        finally:
            self._pace.answered(self._wall())

    def wait(self, operation: str, subject: str) -> None:
        """Wait for the next window if Railway has said that this one is used up.

        Args:
            operation: the name of the operation that waits.
            subject: what it is about, for errors.

        Raises:
            RateLimited: the next window begins later than the operation may wait.
        """
        pause = 0.0 if self._allowance is None else self._allowance.pause(self._timing.budget, self._wall())
        if not pause:
            return
        if not self._patience.lasts(pause):
            problem = f"Railway's rate limit is used up for {pause:.0f} s, which is longer than {operation} may take"
            raise RateLimited(subject, problem, "try again later", retry_after=pause)
        self._allowance = None
        if pause > 1:
            self._progress(f"Railway's rate limit is used up: {operation} waits {pause:.0f} s for the next window")
        self._sleep(pause)

    def record(self, left: Allowance) -> None:
        """Record the remaining rate limit, and warn once per window if it is low."""
        self._allowance = left
        self._pace.learn(left.policy)
        now = self._wall()
        # Windows of a second are used up all the time, which needs no warning.
        if left.is_low and left.reset_at - now > 2 and now >= self._warned_until:
            self._warned_until = left.reset_at
            until = datetime.fromtimestamp(left.reset_at, UTC).strftime("%H:%M:%S UTC")
            self._progress(f"Railway's rate limit: {left.remaining} of {left.limit} calls left until {until}")
