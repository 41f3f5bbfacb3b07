"""Whoever waits while a turn is under way is carried out in the next one, with everybody else who waits."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from convos_infra.railway.group import Group
from convos_infra.railway.writers import Writers

SECONDS = 20.0


def test_those_that_wait_share_the_next_turn_and_each_is_carried_out_once() -> None:
    turns: list[list[int]] = []
    may_end, began = threading.Event(), threading.Event()

    def carry_out(members: list[int]) -> None:
        turns.append(members)
        began.set()
        assert may_end.wait(SECONDS)

    group: Group[int] = Group(carry_out, lambda _: None)
    with ThreadPoolExecutor(10) as pool:
        running = [pool.submit(group.join, 0)]
        assert began.wait(SECONDS)
        running += [pool.submit(group.join, number) for number in range(1, 10)]
        while len(group._waiting) < 9:
            assert not any(future.done() for future in running)
        may_end.set()
        assert not wait(running, SECONDS).not_done
    assert [future.result() for future in running] == [None] * 10
    assert turns[0] == [0]
    assert sorted(turns[1]) == list(range(1, 10))


def test_a_turn_waits_for_those_that_are_still_coming_and_not_for_ever() -> None:
    turns: list[list[int]] = []
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) < 100:
            group._waiting.append(len(slept))

    group: Group[int] = Group(turns.append, sleep)
    group.join(0)
    assert turns == [list(range(len(slept) + 1))]
    assert 0 < sum(slept) < 1.5
    slept.clear()
    group.join(0, alone=True)
    assert slept == []


def test_a_turn_that_fails_fails_its_leader_and_frees_the_others() -> None:
    def carry_out(members: list[int]) -> None:
        if 0 in members:
            raise ValueError

    group: Group[int] = Group(carry_out, lambda _: None)
    with pytest.raises(ValueError):  # noqa: PT011  # the leader hears of what no turn should do
        group.join(0)
    group.join(1)


def test_makers_are_side_by_side_and_a_writer_is_alone() -> None:
    writers, inside, most = Writers(), [0, 0], [0, 0]
    lock, both = threading.Lock(), threading.Barrier(2)

    def make() -> None:
        with writers.making():
            seen(0)

    def meet() -> None:
        with writers.making():
            both.wait(SECONDS)

    def write() -> None:
        with writers.writing(), writers.writing():
            seen(1)

    def seen(kind: int) -> None:
        with lock:
            inside[kind] += 1
            most[kind] = max(most[kind], inside[kind])
            assert not (inside[0] and inside[1])
        with lock:
            inside[kind] -= 1

    with ThreadPoolExecutor(4) as pool:
        for turn in range(100):
            acts = (meet, meet) if turn % 2 else (make, write, make, write)
            running = [pool.submit(act) for act in acts]
            assert not wait(running, SECONDS).not_done
            assert [future.result() for future in running] == [None] * len(acts)
    assert most[1] == 1
