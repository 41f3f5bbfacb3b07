"""Logins: a signed cookie, a token for each session's forms, and a limit of attempts.

Only sessions that were logged out are stored, in memory: a session survives a restart of the pool manager, and ends if
the pool's key changes.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

COOKIE = "convos_pool_session"
SESSION_SECONDS = 12 * 3600
WINDOW_SECONDS = 60.0
"""The time, in seconds, for which a wrong key counts."""
MOST_FAILED = 10
"""The most wrong keys from one address in a window."""
MOST_FAILED_ALL = 100
"""The most wrong keys from all addresses in a window, because one attacker may use many addresses."""
MOST_KNOWN = 10_000
"""The most addresses that are remembered."""


@dataclass(frozen=True)
class Session:
    """A login.

    Attributes:
        nonce: its unique name.
        expires_at: seconds since the epoch.
        form_token: a part of each form of this session that no other site can know.
    """

    nonce: str
    expires_at: int
    form_token: str


class Sessions:
    """Creates and verifies cookies.

    Args:
        api_key: the pool's key, from which the signing key is derived.
        wall: the time of day, in seconds since the epoch.
    """

    def __init__(self, api_key: str, wall: Callable[[], float] = time.time) -> None:
        self._key = hmac.digest(api_key.encode(), b"convos-pool dashboard session", "sha256")
        self._wall = wall
        self._lock = threading.Lock()
        self._ended: dict[str, int] = {}

    def begin(self) -> str:
        """Return a new session's cookie."""
        nonce, expires_at = secrets.token_urlsafe(24), int(self._wall()) + SESSION_SECONDS
        return f"{nonce}.{expires_at}.{self._signed('cookie', nonce, expires_at)}"

    def read(self, cookie: str) -> Session | None:
        """Return the session of a cookie; None if its signature is invalid, it has expired, or it was ended."""
        nonce, _, rest = cookie.partition(".")
        expires, _, signature = rest.partition(".")
        if not expires.isascii() or not expires.isdigit() or len(expires) > len("9999999999"):
            return None
        expires_at = int(expires)
        if not hmac.compare_digest(signature.encode(), self._signed("cookie", nonce, expires_at).encode()):
            return None
        found = Session(nonce, expires_at, self._signed("form", nonce, expires_at))
        return found if self.is_alive(found) else None

    def is_alive(self, session: Session) -> bool:
        """Tell whether a session has neither expired nor been ended."""
        with self._lock:
            return session.expires_at > self._wall() and session.nonce not in self._ended

    def end(self, session: Session) -> None:
        """End a session: this process no longer accepts its cookie; another one does until it expires."""
        with self._lock:
            now = self._wall()
            self._ended = {nonce: until for nonce, until in self._ended.items() if until > now}
            self._ended[session.nonce] = session.expires_at

    def _signed(self, purpose: str, nonce: str, expires_at: int) -> str:
        return hmac.new(self._key, f"{purpose}.{nonce}.{expires_at}".encode(), hashlib.sha256).hexdigest()


class Attempts:
    """Counts wrong keys, to prevent guessing.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failed: dict[str, deque[float]] = {}

    def seconds_to_wait(self, address: str) -> float:
        """Return how many seconds an address has to wait before its next attempt; 0 if it may try now."""
        with self._lock:
            now = self._clock()
            self._forget(now)
            every = sorted(at for found in self._failed.values() for at in found)
            waits = [_wait(list(self._failed.get(address, ())), MOST_FAILED, now), _wait(every, MOST_FAILED_ALL, now)]
        return max(waits)

    def failed(self, address: str) -> None:
        """Count a wrong key."""
        with self._lock:
            self._failed.setdefault(address, deque(maxlen=MOST_FAILED)).append(self._clock())
            while len(self._failed) > MOST_KNOWN:
                self._failed.pop(next(iter(self._failed)))

    def _forget(self, now: float) -> None:
        for address, found in list(self._failed.items()):
            while found and now - found[0] >= WINDOW_SECONDS:
                found.popleft()
            if not found:
                del self._failed[address]


def _wait(failed: list[float], most: int, now: float) -> float:
    return failed[-most] + WINDOW_SECONDS - now if len(failed) >= most else 0.0
