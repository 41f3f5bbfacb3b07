"""Agents that hang keep nobody else waiting: a round ends in time, and what an agent said last counts meanwhile."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

from convos_pool.health_rounds import AT_ONCE, HealthRounds
from convos_pool.railway import Instance
from convos_pool.readiness import Readiness

from tests.emulator.fix_emulator import until

AT = datetime(2026, 1, 1, tzinfo=UTC)
ROUND, FIRST = 0.3, 0.6


def agents(count: int, deployment: str = "d") -> dict[str, Instance]:
    return {
        f"s{number}": Instance(f"s{number}", "n", "i", "x", AT, deployment, "SUCCESS", AT) for number in range(count)
    }


class Asked:
    """Some agents hang until they are let go; the others are ready."""

    def __init__(self, hanging: set[str]) -> None:
        self.hanging, self.let_go, self.count = hanging, threading.Event(), 0

    def __call__(self, instance: Instance) -> Readiness:
        self.count += 1
        if instance.service_id in self.hanging:
            self.let_go.wait(20)
            return Readiness.SILENT
        return Readiness.READY


def ready(found: dict[str, Readiness]) -> set[str]:
    return {id_ for id_, said in found.items() if said is Readiness.READY}


def test_a_round_ends_in_time_with_more_that_hang_than_are_asked_at_once() -> None:
    everybody = agents(1000)
    asked = Asked(set(list(everybody)[:100]))
    assert len(asked.hanging) > AT_ONCE
    rounds = HealthRounds(asked, ROUND, FIRST)
    began = time.monotonic()
    rounds.ask(everybody)
    assert time.monotonic() - began < FIRST + 2
    # They end by themselves, as a request does at its deadline; from now on those that answer come first.
    asked.let_go.set()
    rounds.ask(everybody)
    asked.let_go.clear()
    began = time.monotonic()
    assert ready(rounds.ask(everybody)) == set(everybody) - asked.hanging
    assert time.monotonic() - began < ROUND + 2
    asked.let_go.set()


def test_those_that_hang_keep_no_thread_from_the_others() -> None:
    everybody = agents(100 + AT_ONCE)
    asked = Asked(set(list(everybody)[:100]))
    asked.let_go.set()
    rounds = HealthRounds(asked, 20.0, 40.0, grace_seconds=0.01)
    rounds.ask(everybody)
    asked.let_go.clear()
    rounds.ask(everybody)
    # More are being asked now, and say nothing, than there are threads: what the others say is heard all the same.
    before = asked.count
    assert ready(rounds.ask(everybody)) == set(everybody) - asked.hanging
    assert asked.count == before + AT_ONCE
    asked.let_go.set()


def test_those_that_were_silent_keep_no_round_waiting_and_are_heard_when_they_speak_again() -> None:
    everybody = agents(3)
    asked = Asked({"s1"})
    asked.let_go.set()
    rounds = HealthRounds(asked, 20.0, 40.0, grace_seconds=0.01)
    assert ready(rounds.ask(everybody)) == {"s0", "s2"}
    asked.let_go.clear()
    began = time.monotonic()
    assert ready(rounds.ask(everybody)) == {"s0", "s2"}
    assert time.monotonic() - began < 10.0, "known to be silent: it is asked, and hardly waited for"
    began = time.monotonic()
    assert ready(rounds.ask(everybody)) == {"s0", "s2"}
    assert time.monotonic() - began < 10.0, "it is being asked still"
    asked.let_go.set()
    asked.hanging = set()
    until(lambda: ready(rounds.ask(everybody)) == set(everybody), 20.0)


def test_one_that_begins_to_hang_is_what_it_said_last_until_it_is_known_not_to_answer() -> None:
    everybody = agents(3)
    asked = Asked(set())
    rounds = HealthRounds(asked, ROUND, FIRST)
    assert ready(rounds.ask(everybody)) == set(everybody)
    asked.hanging = {"s1"}
    assert ready(rounds.ask(everybody)) == set(everybody)
    before = asked.count
    rounds.ask(everybody)
    assert asked.count == before + 2, "one that is being asked is not asked twice"
    asked.let_go.set()
    assert ready(rounds.ask(everybody)) == {"s0", "s2"}


def test_an_answer_is_about_its_deployment_and_is_forgotten_with_it() -> None:
    rounds = HealthRounds(Asked(set()), ROUND, FIRST)
    first, second = agents(1), agents(1, "another")
    rounds.ask(first)
    assert rounds.said(first["s0"]) is Readiness.READY
    assert rounds.said(second["s0"]) is None
    rounds.forget(frozenset({second["s0"].place}))
    assert rounds.said(first["s0"]) is None


def test_a_question_that_breaks_is_no_answer() -> None:
    def broken(_: Instance) -> Readiness:
        raise RuntimeError("x")

    assert HealthRounds(broken, ROUND, FIRST).ask(agents(1)) == {"s0": Readiness.SILENT}
    assert HealthRounds(broken, ROUND, FIRST).ask({}) == {}


def test_one_that_is_asked_for_the_first_time_has_the_time_of_a_whole_request() -> None:
    def slow(_: Instance) -> Readiness:
        time.sleep(0.2)
        return Readiness.READY

    rounds = HealthRounds(slow, 0.01, 20.0)
    assert ready(rounds.ask(agents(3))) == set(agents(3))
    # Known by now: the round does not wait for it, and what it said counts.
    assert ready(rounds.ask(agents(3))) == set(agents(3))
