"""Ages as people say them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from convos_infra.registry.resolve import age

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(days=2, hours=23), "2 days old"),
        (timedelta(days=1), "1 day old"),
        (timedelta(hours=5), "5 hours old"),
        (timedelta(minutes=1), "1 minute old"),
        (timedelta(seconds=59), "just built"),
        (timedelta(seconds=-30), "just built"),
        (timedelta(days=70), "2 months old"),
        (timedelta(days=800), "2 years old"),
    ],
)
def test_an_age_is_one_number_and_its_unit(ago: timedelta, words: str) -> None:
    assert age(NOW - ago, NOW) == words


def test_an_unknown_age_is_nothing() -> None:
    assert age(None, NOW) == ""
