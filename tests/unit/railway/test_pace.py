"""A client sends no more calls in a short window than Railway lets through."""

from __future__ import annotations

import heapq
import random

import pytest

from railway_api.pace import SHORT_SECONDS, CallPace, policy


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, ()),
        ("", ()),
        ("10;w=1", ((10, 1),)),
        ("10;w=1, 1000;w=3600", ((10, 1), (1000, 3600))),
        ('"burst";q=10;w=1,"hour";q=1000;w=3600', ((10, 1), (1000, 3600))),
        ("0;w=1, 10;w=0, x;w=1, 10", ()),
        ('10; w=1 ;comment="a b"', ((10, 1),)),
    ],
)
def test_the_policy_is_read_in_either_spelling(header: str | None, expected: tuple[tuple[int, int], ...]) -> None:
    assert policy(header) == expected


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("windows", [((10, 1),), ((3, 2), (5, 10)), ((10, 1), (1000, 3600))])
def test_no_window_has_more_calls_than_it_may(seed: int, windows: tuple[tuple[int, int], ...]) -> None:
    """Thirty threads, each call of which arrives at any moment before its answer."""
    chance, pace, now = random.Random(seed), CallPace(), 1000.0
    pace.learn(windows)
    seen: list[float] = []
    ready = [(now, number, False) for number in range(30)]
    while len(seen) < 200:
        now, number, is_answer = heapq.heappop(ready)
        if is_answer:
            pace.answered(now)
            heapq.heappush(ready, (now + chance.choice([0.0, 0.3]), number, False))
        elif pause := pace.take(now):
            heapq.heappush(ready, (now + pause, number, False))
        else:
            takes = chance.choice([0.001, 0.1, 2.0])
            seen.append(now + chance.random() * takes)
            heapq.heappush(ready, (now + takes, number, True))
    seen.sort()
    for calls, seconds in windows:
        if seconds <= SHORT_SECONDS:
            assert all(later - first > seconds for first, later in zip(seen, seen[calls:], strict=False))
    slowest = max(200 / calls * (seconds + 2) for calls, seconds in windows if seconds <= SHORT_SECONDS)
    assert seen[-1] - 1000.0 < 1.5 * slowest + 10


def test_nothing_waits_that_no_policy_limits() -> None:
    pace = CallPace()
    assert [pace.take(5.0) for _ in range(100)] == [0.0] * 100
    pace.learn(((1000, 3600),))
    assert [pace.take(5.0) for _ in range(100)] == [0.0] * 100
    pace.learn(((10, 1),))
    assert pace.take(5.0) > 0, "those that are under way count"
    for _ in range(200):
        pace.answered(6.0)
    assert pace.take(6.5) == pytest.approx(0.52)
    pace.learn(())
    assert pace.take(6.5) > 0
    assert [pace.take(7.03) for _ in range(10)] == [0.0] * 10
    assert pace.take(7.03) > 0
    pace.force()
    assert pace.take(7.03) > 0
