"""When to try again, after how long, and how much is left of a rate limit."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from railway_api.retry import Allowance, Budget, allowance, backoff, retry_after_seconds, wait_as_told

NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("0.5", 0.5),
        ("Wed, 25 Nov 2026 12:00:30 GMT", 30.0),
        ("Wed, 25 Nov 2026 11:00:00 GMT", 0.0),
        ("-5", None),
        ("99999999", 99999999.0),
        ("inf", None),
        ("nan", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, NOW) == seconds


@pytest.mark.parametrize("header", ["Wed, 25 Nov 2026 12:00:30", "Wed, 25 Nov 2026 12:00:30 -0000"])
def test_a_date_without_a_time_zone_is_not_understood_and_does_not_crash(header: str) -> None:
    assert retry_after_seconds(header, NOW) in (None, 30.0)


BUDGETS = st.builds(
    Budget,
    attempts=st.integers(1, 40),
    seconds=st.floats(0, 600),
    base_delay=st.floats(0, 30),
    max_delay=st.floats(0, 60),
)


@settings(max_examples=1000)
@given(BUDGETS, st.integers(0, 2**32))
def test_backoff_stays_inside_its_budget(budget: Budget, seed: int) -> None:
    spent, attempt, chance = 0.0, 1, random.Random(seed)
    for _ in range(50):
        delay = backoff(budget, attempt, spent, chance.random())
        if delay is None:
            break
        assert 0 <= delay <= budget.max_delay
        spent += delay
        attempt += 1
    assert attempt <= budget.attempts
    assert spent <= budget.seconds
    assert attempt < 50, "it never gave up"


@given(st.integers(1, 8))
def test_jitter_spreads_over_the_upper_half_of_a_delay(attempt: int) -> None:
    budget = Budget(attempts=20, seconds=1e6)
    least, most = backoff(budget, attempt, 0, 0.0), backoff(budget, attempt, 0, 0.999)
    assert least is not None
    assert most is not None
    assert most / least > 1.9


def test_a_base_delay_of_zero_does_not_crash() -> None:
    assert backoff(Budget(base_delay=0), 1, 0, 0.5) == 0.0


@pytest.mark.parametrize(("told", "waits"), [(0.0, 0.0), (30.0, 30.0), (90.0, 90.0), (91.0, None), (99999999.0, None)])
def test_what_railway_asks_for_is_waited_if_the_budget_has_it(told: float, waits: float | None) -> None:
    assert wait_as_told(Budget(seconds=90), 1, 0.0, told) == waits


def test_the_last_attempt_is_followed_by_none() -> None:
    assert wait_as_told(Budget(attempts=2), 2, 0.0, 0.0) is None


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({}, None),
        ({"X-RateLimit-Limit": "1000"}, None),
        ({"X-RateLimit-Remaining": "many"}, None),
        ({"X-RateLimit-Remaining": "5"}, Allowance(5)),
        (
            {"X-RateLimit-Remaining": "-1", "X-RateLimit-Limit": "10", "X-RateLimit-Reset": "17"},
            Allowance(0, 10, 17.0),
        ),
        ({"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "inf"}, Allowance(1)),
    ],
)
def test_the_allowance_is_read_from_railways_headers(headers: dict[str, str], found: Allowance | None) -> None:
    assert allowance(headers) == found


@pytest.mark.parametrize(
    ("left", "seconds"),
    [
        (Allowance(1, 10, 1030.0), 0.0),
        (Allowance(0, 10, 1030.0), 30.0),
        (Allowance(0, 10, 999.0), 0.0),
        (Allowance(0, 1000, 1000.0 + 3600), 0.0),
    ],
)
def test_a_used_up_window_is_waited_for_if_it_ends_in_time(left: Allowance, seconds: float) -> None:
    assert left.pause(Budget(seconds=90), 1000.0) == seconds
