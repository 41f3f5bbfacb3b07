"""When to ask a registry again, and after how long. Pure: time and randomness come in as numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

TOO_MANY_REQUESTS = 429
# 500 too: distribution answers it while its storage hiccups. 501 and 505 will not change their mind.
_WORTH_ASKING_AGAIN = frozenset({408, TOO_MANY_REQUESTS, 500, 502, 503, 504})


@dataclass(frozen=True)
class RegistryBudget:
    """How long one request may try.

    Attributes:
        attempts: the most tries, the first included.
        seconds: the most time spent waiting between tries, in sum.
        base_delay: the first delay in seconds; it triples, as go-containerregistry's does (0.1 s, 0.3 s, …).
        max_delay: the longest delay of our own choice, in seconds.
    """

    attempts: int = 4
    seconds: float = 30.0
    base_delay: float = 0.2
    max_delay: float = 5.0


def is_worth_asking_again(status: int) -> bool:
    """Tell whether an answer with this status may be another one in a moment."""
    return status in _WORTH_ASKING_AGAIN


def delay(budget: RegistryBudget, attempt: int, spent: float, random: float, told: float | None = None) -> float | None:
    """Return the seconds to wait before try number `attempt + 1`, or None where the budget is used up.

    Args:
        budget: the limits.
        attempt: how many tries were made, from 1.
        spent: seconds waited so far.
        random: in [0, 1); spreads our own delays over their upper half, so that parallel jobs do not knock in step.
        told: what the registry asked for (`Retry-After`), if it did; taken as it is or not at all.
    """
    if attempt >= budget.attempts:
        return None
    ceiling = min(budget.max_delay, budget.base_delay * 3 ** min(attempt - 1, 20))
    chosen = ceiling * (0.5 + random / 2) if told is None else told
    return chosen if spent + chosen <= budget.seconds else None


def retry_after(header: str | None, now: datetime) -> float | None:
    """Parse `Retry-After`: seconds or an HTTP date; None where it is missing, negative or not understood."""
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
