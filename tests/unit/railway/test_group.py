"""Whoever waits while a turn is under way is carried out in the next one, with everybody else who waits."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from convos_infra.railway.group import MOST_SECONDS, Group
from convos_infra.railway.writers import MAKERS, Writers

SECONDS = 20.0


def test_those_that_wait_share_the_next_turn_and_each_is_carried_out_once() -> None:
    turns: list[list[int]] = []
    may_end, began = threading.Event(), threading.Event()

    def carry_out(members: list[int]) -> None:
        turns.append(members)
        began.set()
        assert may_end.wait(SECONDS)

    group: Group[int] = Group(carry_out, lambda _: None, time.monotonic)
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


@pytest.mark.parametrize(("gap", "joins"), [(0.02, 5), (0.1, 60), (0.1, 3), (0.0, 40)])
def test_a_turn_waits_for_those_that_are_still_coming_and_not_for_ever(gap: float, joins: int) -> None:
    turns: list[list[int]] = []
    now = [100.0]

    def sleep(seconds: float) -> None:
        until = now[0] + seconds
        while len(came) < joins and 100.0 + gap * (len(came) + 1) <= until:
            came.append(len(came) + 1)
            group._waiting.append(came[-1])
            group._joined.append(100.0 + gap * came[-1])
        now[0] = until

    came: list[int] = []
    group: Group[int] = Group(turns.append, sleep, lambda: now[0])
    group.join(0)
    [turn] = turns
    assert turn == list(range(len(turn)))
    assert len(turn) - 1 in ({joins} if gap * joins < MOST_SECONDS else {39, 40})
    assert now[0] - 100.0 <= MOST_SECONDS + 0.001
    now[0] = 200.0
    group.join(0, alone=True)
    assert now == [200.0]


def test_a_turn_that_fails_fails_its_leader_and_frees_the_others() -> None:
    def carry_out(members: list[int]) -> None:
        if 0 in members:
            raise ValueError

    group: Group[int] = Group(carry_out, lambda _: None, time.monotonic)
    with pytest.raises(ValueError):  # noqa: PT011  # the leader hears of what no turn should do
        group.join(0)
    group.join(1)


def test_makers_are_side_by_side_up_to_a_limit_and_a_writer_is_alone() -> None:
    writers, inside, most = Writers(), [0, 0], [0, 0]
    lock, both = threading.Lock(), threading.Barrier(2)

    def make(of: str) -> None:
        with writers.making(of):
            seen(0)

    def meet(of: str) -> None:
        with writers.making(of):
            both.wait(SECONDS)

    def write(_: str) -> None:
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
            running = [pool.submit(act, str(number)) for number, act in enumerate(acts)]
            assert not wait(running, SECONDS).not_done
            assert [future.result() for future in running] == [None] * len(acts)
    assert most[1] == 1


@pytest.mark.parametrize(("names", "together"), [([str(n) for n in range(MAKERS + 2)], MAKERS), (["a"] * 3, 1)])
def test_so_many_create_at_once_and_only_one_of_the_same_thing(names: list[str], together: int) -> None:
    writers, may_end, full = Writers(), threading.Event(), threading.Event()
    inside: list[str] = []
    most = 0

    def make(of: str) -> None:
        nonlocal most
        with writers.making(of):
            inside.append(of)
            most = max(most, len(inside))
            if len(inside) >= together:
                full.set()
            assert may_end.wait(SECONDS)
            inside.remove(of)

    with ThreadPoolExecutor(len(names)) as pool:
        running = [pool.submit(make, name) for name in names]
        assert full.wait(SECONDS)
        may_end.set()
        assert not wait(running, SECONDS).not_done
    assert [future.result() for future in running] == [None] * len(names)
    assert most == together
