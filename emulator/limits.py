"""Railway's rate limits: requests per second and per hour of each credential."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.settings import LiveSettings


@dataclass(frozen=True)
class Allowance:
    """Whether a request may pass.

    Attributes:
        retry_after: how many seconds to wait; 0 if it may pass.
        headers: Railway's headers about the limits.
    """

    retry_after: int
    headers: dict[str, str]


class Edge:
    """Limits all requests together whose URL names no source (fact: source-by-query)."""

    def __init__(self, settings: LiveSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._seen = deque[float]()

    def passes(self) -> bool:
        """Count a request, and tell whether it may pass."""
        limit = self._settings.current.edge_requests_per_second
        if not limit:
            return True
        now = time.monotonic()
        with self._lock:
            while self._seen and self._seen[0] < now - 1:
                self._seen.popleft()
            if len(self._seen) >= limit:
                return False
            self._seen.append(now)
        return True


class Limits:
    """Limits requests by credential, in sliding windows."""

    def __init__(self, settings: LiveSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._seen: dict[str, deque[float]] = {}

    def take(self, credential: str) -> Allowance:
        """Count a request, and return whether it may pass; if no limit is set, there are no headers."""
        limits = [
            (limit, seconds)
            for limit, seconds in (
                (self._settings.current.requests_per_second, 1.0),
                (self._settings.current.requests_per_hour, self._settings.current.hour_seconds),
            )
            if limit
        ]
        if not limits or self._settings.current.limited_token not in ("", credential.removeprefix("Bearer ")):
            return Allowance(0, {})
        now = time.monotonic()
        with self._lock:
            seen = self._seen.setdefault(credential, deque())
            while seen and seen[0] < now - max(seconds for _, seconds in limits):
                seen.popleft()
            wait, remaining, reset = 0.0, limits[-1][0], 0.0
            for limit, seconds in limits:
                inside = [moment for moment in seen if moment > now - seconds]
                # All three headers are about the hour if it has a limit (fact: rate-limit-headers).
                remaining = max(0, limit - len(inside) - 1)
                if len(inside) >= limit:
                    wait = max(wait, inside[-limit] + seconds - now)
                reset = seconds if not inside else inside[0] + seconds - now
            if not wait:
                seen.append(now)
        headers = {
            "X-RateLimit-Limit": str(limits[-1][0]),
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": str(int(time.time() + reset)),
            # Railway sends it (fact: rate-limit-headers); its format is not documented, this is the IETF draft's.
            "RateLimit-Policy": ", ".join(f"{limit};w={int(seconds)}" for limit, seconds in limits),
        }
        # Whole seconds, and only once exhausted: docs.railway.com, integrations/api.
        return Allowance(int(wait) + 1 if wait else 0, headers)
