"""Whoever waits while a turn is under way is carried out in the next one, with everybody else who waits."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convos_infra.railway.group import MOST_SECONDS, Group
from convos_infra.railway.traffic import Traffic, most_at_once
from convos_infra.railway.writers import MAKERS, Writers
from railway_api.in_flight import InFlight

SECONDS = 20.0


def test_those_that_wait_share_the_next_turn_and_each_is_carried_out_once() -> None:
    turns: list[list[int]] = []
    may_end, began = threading.Event(), threading.Event()

    def carry_out(members: list[int]) -> None:
        turns.append(members)
        began.set()
        assert may_end.wait(SECONDS)

    group: Group[int] = Group(carry_out, lambda _: None, time.monotonic, Traffic(time.monotonic, 64))
    with ThreadPoolExecutor(10) as pool:
        running = [pool.submit(group.join, 0, "")]
        assert began.wait(SECONDS)
        running += [pool.submit(group.join, number, "") for number in range(1, 10)]
        while len(group._waiting) < 9:
            assert not any(future.done() for future in running)
        may_end.set()
        assert not wait(running, SECONDS).not_done
    assert [future.result() for future in running] == [None] * 10
    assert turns[0] == [0]
    assert sorted(turns[1]) == list(range(1, 10))


class Machine:
    """A machine that takes `load` times as long for each step of Pulumi's; time passes while a turn waits."""

    def __init__(self, load: float, most: int = 64) -> None:
        self.load, self.now = load, 100.0
        self.events: list[tuple[float, Callable[[], None]]] = []
        self.turns: list[list[str]] = []
        self.traffic = Traffic(lambda: self.now, most)
        self.group: Group[str] = Group(self.turns.append, self.sleep, lambda: self.now, self.traffic)
        self.open = ExitStack()

    def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        while self.events and self.events[0][0] <= until:
            at, act = self.events.pop(0)
            self.now = max(self.now, at)
            act()
        self.now = max(self.now, until)

    def later(self, step: float, act: Callable[[], None]) -> None:
        self.events.append((100.0 + step * self.load, act))
        self.events.sort(key=lambda event: event[0])

    def check(self, name: str) -> None:
        self.traffic.heard()
        self.group.expect(name)

    def come(self, name: str) -> None:
        self.open.enter_context(self.traffic.operation())
        with self.group._changed:
            self.group._coming.pop(name, None)
            self.group._waiting.append(name)

    def lead(self, name: str, *, goes_ahead: bool = False) -> float:
        """Join, and return how long the turn took to begin."""
        began = self.now
        self.open.enter_context(self.traffic.operation())
        self.group.join(name, name, goes_ahead=goes_ahead)
        return self.now - began


def test_a_pause_in_which_railway_was_asked_says_little_about_pulumi() -> None:
    now = [0.0]
    calls = InFlight(lambda: now[0])
    asking, quiet = Traffic(lambda: now[0], 64, lambda: calls.seconds), Traffic(lambda: now[0], 64)
    for traffic in (asking, quiet):
        traffic.heard()
    with calls.call():
        now[0] += 0.1
        with calls.call():
            now[0] += 0.1
    now[0] += 0.04
    for traffic in (asking, quiet):
        traffic.heard()
    assert calls.seconds == pytest.approx(0.2), "two at once are one span of time"
    assert asking.slowness == pytest.approx(0.04 + 0.2 / 4)
    assert quiet.slowness == pytest.approx(0.24)
    with calls.call():
        now[0] += 0.01
        assert calls.seconds == pytest.approx(0.21), "it counts what is still under way"
        asking.heard()
    assert asking.slowness == pytest.approx(0.09, rel=0.01)


LOADS = (1.0, 3.0, 10.0, 40.0)


@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("size", [2, 10, 50])
def test_what_is_declared_shares_one_turn_however_slow_the_machine_is(load: float, size: int) -> None:
    machine = Machine(load)
    names = [f"s{number}" for number in range(size)]
    # 4 ms a declaration on a quiet machine, at most ten seconds in all: each is checked, and comes soon after.
    for place, name in enumerate(names):
        machine.later(0.004 * place, partial(machine.check, name))
    for place, name in enumerate(names[1:]):
        machine.later(min(0.004 * (size + place), 9.0 / load), partial(machine.come, name))
    # Making the first one takes Railway longer than Pulumi takes to send the second.
    machine.sleep(0.004 * load)
    machine.lead(names[0])
    assert [sorted(turn) for turn in machine.turns] == [sorted(names)]


@pytest.mark.parametrize("load", LOADS)
def test_a_turn_begins_when_pulumi_has_sent_as_many_as_it_sends_at_once(load: float) -> None:
    machine = Machine(load, most=8)
    names = [f"s{number}" for number in range(50)]
    for name in names:
        machine.check(name)
        machine.sleep(0.02 * load)
    for place, name in enumerate(names[1:8]):
        machine.events.append((machine.now + 0.02 * load * (place + 1), partial(machine.come, name)))
    took = machine.lead(names[0])
    assert [sorted(turn) for turn in machine.turns] == [sorted(names[:8])]
    assert took <= 0.02 * 7 * load + max(0.25, 2 * 0.02 * load + 0.1)


def test_one_alone_does_not_wait_and_neither_does_the_last_one_for_long() -> None:
    machine = Machine(1.0)
    machine.check("a")
    assert machine.lead("a") == 0.0
    machine = Machine(1.0)
    machine.check("a")
    machine.check("b")
    machine.group.drop("b")
    assert machine.lead("a") <= 0.1


def test_one_that_is_under_way_is_waited_for_and_not_for_ever() -> None:
    machine = Machine(1.0)
    machine.group.expect("a")
    machine.group.send("b")
    machine.later(5.0, partial(machine.come, "b"))
    assert 5.0 <= machine.lead("a") <= 5.2
    machine.group.send("b")
    assert machine.lead("a") == pytest.approx(MOST_SECONDS, abs=0.1)


def test_a_turn_goes_ahead_of_few_that_were_sent_and_not_of_many_nor_of_one_that_was_only_declared() -> None:
    machine = Machine(1.0)
    for name in ("a", "b", "c"):
        machine.check(name)
        machine.group.send(name)
    assert machine.lead("a", goes_ahead=True) == 0.0
    machine.later(1.0, partial(machine.come, "b"))
    assert machine.lead("c") >= 0.9, "who does not go ahead waits for what was sent"
    assert machine.turns == [["a"], ["c", "b"]]
    machine.check("d")
    assert machine.lead("a", goes_ahead=True) >= 0.2, "d was declared, and is not sent yet"
    machine.group.drop("d")
    for number in range(20):
        machine.group.expect(f"s{number}")
        machine.group.send(f"s{number}")
    assert machine.lead("a", goes_ahead=True) == pytest.approx(MOST_SECONDS, abs=0.1)


def test_one_that_waits_for_the_turn_itself_holds_it_up_for_moments_only() -> None:
    machine = Machine(1.0)
    machine.check("a")
    machine.check("depends on a")
    assert 0.2 <= machine.lead("a") <= 0.4
    assert machine.turns == [["a"]]


@given(
    events=st.lists(st.tuples(st.sampled_from(["check", "come", "send", "drop", "heard"]), st.integers(0, 5))),
    gaps=st.lists(st.floats(0, 3), min_size=60, max_size=60),
)
def test_whatever_pulumi_sends_each_is_in_exactly_one_turn_and_each_turn_begins_in_time(
    events: list[tuple[str, int]], gaps: list[float]
) -> None:
    machine, at, came = Machine(1.0, most=4), 0.0, ["leader"]
    acts = {"check": machine.check, "send": machine.group.send, "drop": machine.group.drop}
    for (what, number), gap in zip(events, gaps, strict=False):
        at += gap
        if what == "come":
            came.append(f"{number} at {at}")
            machine.later(at, partial(machine.come, came[-1]))
        elif what == "heard":
            machine.later(at, machine.traffic.heard)
        else:
            machine.later(at, partial(acts[what], str(number)))
    assert machine.lead("leader") <= MOST_SECONDS + 0.1
    machine.sleep(sum(gaps))
    if machine.group._waiting:
        assert machine.lead("last") <= MOST_SECONDS + 0.1
        came.append("last")
    assert sorted(name for turn in machine.turns for name in turn) == sorted(came)


@pytest.mark.parametrize(
    ("variables", "most"), [({"PULUMI_PARALLEL": "64"}, 64), ({}, None), ({"PULUMI_PARALLEL": "many"}, None)]
)
def test_how_many_pulumi_sends_at_once_is_said_by_its_variable(variables: dict[str, str], most: int | None) -> None:
    assert most_at_once(variables) == (most or 4 * (os.cpu_count() or 1))


def test_a_turn_that_fails_fails_its_leader_and_frees_the_others() -> None:
    def carry_out(members: list[int]) -> None:
        if 0 in members:
            raise ValueError

    group: Group[int] = Group(carry_out, lambda _: None, time.monotonic, Traffic(time.monotonic, 64))
    with pytest.raises(ValueError):  # noqa: PT011  # the leader hears of what no turn should do
        group.join(0, "")
    group.join(1, "")


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
