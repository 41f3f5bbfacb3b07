"""When a registry is asked again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convos_infra.registry.retry import RegistryBudget, delay, is_worth_asking_again, retry_after

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_trouble_is_worth_asking_again(status: int) -> None:
    assert is_worth_asking_again(status)


@pytest.mark.parametrize("status", [200, 202, 301, 400, 401, 403, 404, 405, 501])
def test_an_answer_is_an_answer(status: int) -> None:
    assert not is_worth_asking_again(status)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


budgets = st.builds(
    RegistryBudget,
    attempts=st.integers(1, 50),
    seconds=st.floats(0, 300),
    base_delay=st.floats(0, 10),
    max_delay=st.floats(0, 60),
)


@given(budgets, st.floats(0, 1, exclude_max=True))
def test_backoff_stays_inside_its_budget(budget: RegistryBudget, random: float) -> None:
    spent, attempt = 0.0, 1
    while (pause := delay(budget, attempt, spent, random)) is not None:
        assert 0 <= pause <= budget.max_delay
        spent, attempt = spent + pause, attempt + 1
    assert attempt <= budget.attempts
    assert spent <= budget.seconds


def test_jitter_spreads_the_delay_over_its_upper_half() -> None:
    assert [delay(RegistryBudget(), 1, 0, random) for random in (0.0, 0.5)] == pytest.approx([0.1, 0.15])


def test_what_the_registry_asks_for_is_waited_or_given_up() -> None:
    assert delay(RegistryBudget(seconds=30), 1, 0, 0.5, told=29) == 29
    assert delay(RegistryBudget(seconds=30), 1, 2, 0.5, told=29) is None
