"""Login sessions of the console, which last as long as the emulator runs."""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections.abc import Callable

COOKIE = "railway_emulator_console"
SESSION_SECONDS = 12 * 3600
MOST_SESSIONS = 100


class ConsoleSessions:
    """Sessions by cookie; if there are too many, the oldest ends.

    Args:
        token: the account token.
        clock: monotonic seconds.
    """

    def __init__(self, token: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._token, self._clock = token, clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[str, float]] = {}

    def begin(self, token: str) -> str | None:
        """Return a new login's cookie; None if that is not the account token."""
        if not hmac.compare_digest(token.strip().encode(), self._token.encode()):
            return None
        cookie = secrets.token_urlsafe(24)
        with self._lock:
            self._known[cookie] = secrets.token_urlsafe(24), self._clock() + SESSION_SECONDS
            while len(self._known) > MOST_SESSIONS:
                self._known.pop(next(iter(self._known)))
        return cookie

    def form_token(self, cookie: str) -> str:
        """Return the session's CSRF token, which each of its forms contains; empty if there is no such session."""
        with self._lock:
            token, until = self._known.get(cookie, ("", 0.0))
        return token if until > self._clock() else ""

    def end(self, cookie: str) -> None:
        """End a login."""
        with self._lock:
            self._known.pop(cookie, None)
