"""The pace of a client's calls: as many in a short window as Railway lets through, so that none meets a 429."""

from __future__ import annotations

import re
import threading
from collections import deque

SHORT_SECONDS = 60
"""Windows up to this long are kept to by pausing; a longer one is used up only by a run that needs all of it."""
_MARGIN, _STEP = 0.02, 0.05
"""The seconds that a window is longer here than Railway's, for the precision of clocks; and between two questions."""
_REMEMBERED = 1000
_QUOTA, _WINDOW = re.compile(r'^\s*(?:"[^"]*"\s*;\s*q=)?(\d+)'), re.compile(r";\s*w=(\d+)")
Policy = tuple[tuple[int, int], ...]


def policy(header: str | None) -> Policy:
    """Parse a `RateLimit-Policy` header: pairs of calls and seconds; without what cannot be read.

    Its spelling is that of the IETF's drafts, `10;w=1, 1000;w=3600` or `"second";q=10;w=1` (fact: rate-limit-headers).
    """
    found = []
    for item in (header or "").split(","):
        quota, window = _QUOTA.search(item), _WINDOW.search(item)
        if quota and window and int(quota[1]) > 0 and int(window[1]) > 0:
            found.append((int(quota[1]), int(window[1])))
    return tuple(found)


class CallPace:
    """The calls of a client, across all threads: those under way, and when the last ones were answered.

    Railway has seen a call at some moment before its answer. So a call that leaves a whole window after the answer to
    the one so many calls before is in no window with more than so many, however slowly the calls between travel.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way = 0
        self._answered: deque[float] = deque(maxlen=_REMEMBERED)
        self._windows: Policy = ()

    def learn(self, windows: Policy) -> None:
        """Keep to the short ones of these windows from now on; none change nothing."""
        short = tuple((calls, seconds) for calls, seconds in windows if seconds <= SHORT_SECONDS)
        if short:
            self._windows = short

    def take(self, now: float) -> float:
        """Return 0 if a call may leave, which counts as under way then; otherwise the seconds to wait and ask again.

        Args:
            now: seconds of any clock, the same for each call.
        """
        with self._lock:
            pause = max([self._pause(now, calls, seconds) for calls, seconds in self._windows], default=0.0)
            self._under_way += not pause
            return pause

    def force(self) -> None:
        """Count a call as under way that does not wait."""
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
        # Of those that are under way nobody knows when they will be answered.
        return recent[too_many - 1] + seconds + _MARGIN - now if too_many <= len(recent) else _STEP
