"""The pace of a client's calls: in a short window, no more than Railway allows, so that none is refused (HTTP 429)."""

from __future__ import annotations

import re
import threading
from collections import deque

SHORT_SECONDS = 60
"""Limits with a window up to this long are kept by pausing. A longer window is rarely used up, so it is not paced."""
_MARGIN, _STEP = 0.02, 0.05
"""In seconds: what is added to each window because clocks are imprecise; and how soon a caller asks again if the length
of its pause is not known."""
_REMEMBERED = 1000
_QUOTA, _WINDOW = re.compile(r'^\s*(?:"[^"]*"\s*;\s*q=)?(\d+)'), re.compile(r";\s*w=(\d+)")
Policy = tuple[tuple[int, int], ...]


def policy(header: str | None) -> Policy:
    """Parse a `RateLimit-Policy` header into pairs of calls and seconds; unreadable parts are left out.

    The syntax is that of the IETF's drafts: `10;w=1, 1000;w=3600` or `"second";q=10;w=1` (fact: rate-limit-headers).
    """
    found = []
    for item in (header or "").split(","):
        quota, window = _QUOTA.search(item), _WINDOW.search(item)
        if quota and window and int(quota[1]) > 0 and int(window[1]) > 0:
            found.append((int(quota[1]), int(window[1])))
    return tuple(found)


class CallPace:
    """The calls of a client, across all threads: those in progress, and when the last ones were answered.

    Railway counts a call at some moment before its answer. So with a limit of N calls in a window, a call may leave if
    fewer than N calls are in progress or were answered within the last window, however long each of them takes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way = 0
        self._answered: deque[float] = deque(maxlen=_REMEMBERED)
        self._windows: Policy = ()

    def learn(self, windows: Policy) -> None:
        """Keep the limits with short windows from now on; if there are none, the previous ones still apply."""
        short = tuple((calls, seconds) for calls, seconds in windows if seconds <= SHORT_SECONDS)
        if short:
            self._windows = short

    def take(self, now: float) -> float:
        """Return 0 if a call may leave, and count it as in progress; otherwise the seconds until the caller asks again.

        Args:
            now: the time in seconds; every method must get it from the same clock.
        """
        with self._lock:
            pause = max([self._pause(now, calls, seconds) for calls, seconds in self._windows], default=0.0)
            self._under_way += not pause
            return pause

    def force(self) -> None:
        """Count a call as in progress that leaves without waiting, because its caller has no time left."""
        with self._lock:
            self._under_way += 1

    def answered(self, now: float) -> None:
        """Count a call as answered, or as given up."""
        with self._lock:
            self._under_way -= 1
            self._answered.append(now)

    def _pause(self, now: float, calls: int, seconds: int) -> float:
        recent = [moment for moment in self._answered if moment > now - seconds - _MARGIN]
        too_many = self._under_way + len(recent) - calls + 1
        if too_many <= 0:
            return 0.0
        # If calls in progress fill the window alone, the length of the pause is not known.
        return recent[too_many - 1] + seconds + _MARGIN - now if too_many <= len(recent) else _STEP
