"""Decides whether and when to retry a request to a registry. Pure: time and randomness are arguments."""

from __future__ import annotations

import math
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

TOO_MANY_REQUESTS = 429
# 500 too: distribution answers it during a failure of its storage. 501 and 505 are permanent.
_WORTH_ASKING_AGAIN = frozenset({408, TOO_MANY_REQUESTS, 500, 502, 503, 504})


@dataclass(frozen=True)
class RegistryBudget:
    """The limits for retries of one request.

    Attributes:
        attempts: the most attempts, including the first.
        seconds: the longest total time between attempts, in seconds.
        base_delay: the first delay in seconds; it triples, like go-containerregistry's (0.1 s, 0.3 s, …).
        max_delay: the longest delay in seconds, unless the registry asks for one.
    """

    attempts: int = 4
    seconds: float = 30.0
    base_delay: float = 0.2
    max_delay: float = 5.0


def is_worth_asking_again(status: int) -> bool:
    """Tell whether a request that was answered with this status may succeed later."""
    return status in _WORTH_ASKING_AGAIN


def delay(budget: RegistryBudget, attempt: int, spent: float, random: float, told: float | None = None) -> float | None:
    """Return the seconds to wait before attempt number `attempt + 1`, or None if the budget is used up.

    Args:
        budget: the limits.
        attempt: the number of attempts so far, from 1.
        spent: the seconds waited so far.
        random: in [0, 1); spreads the delays over their upper half, so that parallel jobs are not synchronised.
        told: the delay that the registry asked for (`Retry-After`), if any; it is used exactly or not at all.
    """
    if attempt >= budget.attempts:
        return None
    ceiling = min(budget.max_delay, budget.base_delay * 3 ** min(attempt - 1, 20))
    chosen = ceiling * (0.5 + random / 2) if told is None else told
    return chosen if spent + chosen <= budget.seconds else None


def retry_after(header: str | None, now: datetime) -> float | None:
    """Parse `Retry-After`: seconds or an HTTP date; None if it is missing, negative or malformed."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = max((parsedate_to_datetime(header) - now).total_seconds(), 0.0)
        except (TypeError, ValueError):
            return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
