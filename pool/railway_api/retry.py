"""Whether to retry, and after how long: pure decisions on injected numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from railway_api.pace import Policy, policy

if TYPE_CHECKING:
    from datetime import datetime

CREATION_THROTTLE_SECONDS = 31.0
"""The wait, in seconds, after a creation throttle: a little more than the 30 s of Railway (fact: creation-throttle)."""
LOW_SHARE = 0.1
"""The share of a window's calls at which the user is warned."""


@dataclass(frozen=True)
class Budget:
    """How often and how long one call may be retried.

    Attributes:
        attempts: the maximum number of tries, including the first.
        seconds: the maximum total time between tries, in seconds.
        base_delay: the first delay in seconds; doubles with each try.
        max_delay: the longest single delay of a backoff, in seconds.
    """

    attempts: int = 6
    seconds: float = 90.0
    base_delay: float = 0.5
    max_delay: float = 15.0


def backoff(budget: Budget, attempt: int, spent: float, random: float) -> float | None:
    """Return the seconds to wait before try number `attempt + 1`, or None if the budget is used up.

    Args:
        budget: the limits.
        attempt: how many tries were made, from 1.
        spent: seconds waited so far.
        random: in [0, 1); spreads the delay over its upper half, so that parallel runs are not synchronised.
    """
    if attempt >= budget.attempts:
        return None
    ceiling = min(budget.max_delay, budget.base_delay * 2 ** min(attempt - 1, 30))
    delay = ceiling * (0.5 + random / 2)
    return delay if spent + delay <= budget.seconds else None


def wait_as_told(budget: Budget, attempt: int, spent: float, told: float) -> float | None:
    """Return `told` seconds if the budget allows try number `attempt + 1` after them; None otherwise."""
    if attempt >= budget.attempts or spent + told > budget.seconds:
        return None
    return told


def retry_after_seconds(header: str | None, now: datetime) -> float | None:
    """Parse a `Retry-After` header: seconds or an HTTP date; None if it is missing, negative or malformed."""
    if header is None:
        return None
    text = header.strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - now).total_seconds()
        except (TypeError, ValueError):
            return None
        seconds = max(seconds, 0.0)
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


@dataclass(frozen=True)
class Allowance:
    """The rest of a rate limit's window, as the headers of an answer report it.

    Attributes:
        remaining: the remaining calls.
        limit: the calls of a whole window; 0 if Railway did not say.
        reset_at: when the next window begins, in seconds since the epoch; 0 if Railway did not say.
        policy: the calls and seconds of each of Railway's limits; empty if Railway did not say.
    """

    remaining: int
    limit: int = 0
    reset_at: float = 0.0
    policy: Policy = ()

    @property
    def is_low(self) -> bool:
        """Whether to warn the user."""
        return self.remaining <= self.limit * LOW_SHARE

    def pause(self, budget: Budget, now: float) -> float:
        """Return the seconds to wait before the next call: until the window ends if it is used up.

        There is no wait for a window that ends after the budget: Railway's 429 then reports how long to wait.
        """
        left = self.reset_at - now
        return left if self.remaining <= 0 and 0 < left <= budget.seconds else 0.0


def allowance(headers: Mapping[str, str]) -> Allowance | None:
    """Read `X-RateLimit-*`; None if they are missing or malformed. Only authenticated answers have them."""
    try:
        remaining = int(headers["X-RateLimit-Remaining"])
        limit = int(headers.get("X-RateLimit-Limit") or 0)
        reset = float(headers.get("X-RateLimit-Reset") or 0)
    except (KeyError, ValueError):
        return None
    return Allowance(
        max(remaining, 0),
        max(limit, 0),
        reset if math.isfinite(reset) else 0.0,
        policy(headers.get("RateLimit-Policy")),
    )
