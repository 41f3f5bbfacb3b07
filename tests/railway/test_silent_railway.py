"""A Railway that accepts and does not answer, over real sockets: every wait has an end, and is said."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from railway_api import transport
from railway_api.client import Client, Timing
from railway_api.errors import RailwayError, RateLimited, ServerFailed, Unreachable
from railway_api.retry import Budget
from tests.railway import silent
from tests.railway.scripted import Answer, data, scripted
from tests.railway.silent import Behaviour, wired

QUERY = "query things { things }"
MUTATION = "mutation thingCreate { thingCreate }"
ONE_TRY = Budget(attempts=1)
SOON = 3.0
"""Far more than every limit here, and far less than a wait without one."""
WITHOUT_AN_END: dict[str, Behaviour] = {
    "never answers": silent.never,
    "never reads": silent.never_reads,
    "one byte of the body at a time": silent.slow_body,
    "one byte of a body without a length": silent.slow_body_without_length,
    "one byte of a chunk at a time": silent.slow_chunks,
    "one byte of the headers at a time": silent.slow_headers,
    "one byte of the first line at a time": silent.slow_status,
    "100 Continue without an end": silent.only_continues,
}


def client(endpoint: str, told: list[str] | None = None, **limits: Any) -> Client:
    timing = Timing(**{"query_seconds": 0.3, "read_seconds": 0.3, "settle_seconds": 0.0, "budget": ONE_TRY, **limits})
    return Client(endpoint, "t", timing=timing, progress=(told if told is not None else []).append)


def taken(run: Callable[[], Any]) -> tuple[float, RailwayError]:
    """Return how long it took to fail, and the error."""
    began = time.monotonic()
    with pytest.raises(RailwayError) as failed:
        run()
    seconds = time.monotonic() - began
    assert "\n" not in str(failed.value)
    return seconds, failed.value


@pytest.mark.parametrize("behaviour", WITHOUT_AN_END.values(), ids=WITHOUT_AN_END)
def test_an_answer_that_does_not_end_is_given_up_at_the_limit_of_the_whole_answer(behaviour: Behaviour) -> None:
    with wired(behaviour) as wire:
        seconds, error = taken(lambda: client(wire.endpoint).query(QUERY, {}, subject="x"))
    assert isinstance(error, Unreachable)
    assert error.may_have_happened
    assert "does not answer things: no complete answer within 0.3 s" in str(error)
    assert 0.25 < seconds < SOON


def test_a_handshake_that_does_not_end_is_given_up_at_the_limit() -> None:
    with wired(silent.never_reads) as wire:
        endpoint = wire.endpoint.replace("http:", "https:")
        seconds, error = taken(lambda: client(endpoint).query(QUERY, {}, subject="x"))
    assert isinstance(error, Unreachable)
    assert seconds < SOON


def test_a_body_without_an_end_is_given_up_at_the_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_MAX_ANSWER_BYTES", 1024 * 1024)
    with wired(silent.endless_body) as wire:
        seconds, error = taken(
            lambda: client(wire.endpoint, query_seconds=20, read_seconds=20).query(QUERY, {}, subject="x")
        )
    assert isinstance(error, ServerFailed)
    assert seconds < SOON


@pytest.mark.parametrize("behaviour", [silent.reset, silent.closed, silent.half_an_answer])
def test_a_connection_that_breaks_is_an_error_that_says_so(behaviour: Behaviour) -> None:
    with wired(behaviour) as wire:
        seconds, error = taken(lambda: client(wire.endpoint).query(QUERY, {}, subject="x"))
    assert isinstance(error, Unreachable)
    assert error.may_have_happened
    assert "the connection broke" in str(error)
    assert seconds < SOON


@pytest.mark.parametrize("behaviour", [silent.fine, silent.fine_but_slow])
def test_an_answer_within_the_limit_is_taken(behaviour: Behaviour) -> None:
    with wired(behaviour) as wire:
        found = client(wire.endpoint, query_seconds=20, read_seconds=20).query(QUERY, {}, subject="x")
    assert found == {"things": 1}


def test_a_kept_connection_that_falls_silent_is_given_up_and_the_next_call_takes_another() -> None:
    with wired(silent.fine_once) as wire:
        patient = client(wire.endpoint)
        assert patient.query(QUERY, {}, subject="x") == {"things": 1}
        seconds, error = taken(lambda: patient.query(QUERY, {}, subject="x"))
        assert isinstance(error, Unreachable)
        assert seconds < SOON
        wire.behaviour = silent.fine
        assert patient.query(QUERY, {}, subject="x") == {"things": 1}


def test_a_wait_is_said_once_for_all_calls_that_wait_at_the_same_time() -> None:
    told: list[str] = []
    with wired(silent.never) as wire:
        waiting = client(wire.endpoint, told, notice_seconds=0.1)
        threads = [
            threading.Thread(target=taken, args=(lambda: waiting.query(QUERY, {}, subject="project convos"),))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert set(told) == {"project convos: still waiting for Railway's answer to things"}
    assert len(told) <= 2


def test_a_quick_answer_is_waited_for_in_silence() -> None:
    told: list[str] = []
    with wired(silent.fine) as wire:
        client(wire.endpoint, told, notice_seconds=0.2).query(QUERY, {}, subject="x")
        time.sleep(0.25)
    assert told == []


MANY = Budget(attempts=1000, seconds=1000, base_delay=0.02, max_delay=0.02)


def test_a_deadline_counts_tries_and_pauses() -> None:
    with wired(silent.never) as wire:
        asking = client(wire.endpoint, budget=MANY, query_seconds=0.1)
        seconds, error = taken(lambda: asking.query(QUERY, {}, subject="x", deadline_seconds=0.5))
        assert 2 <= wire.asked <= 6
    assert isinstance(error, Unreachable)
    assert 0.35 < seconds < SOON


def test_several_calls_share_the_time_of_one_request_that_somebody_waits_for() -> None:
    with wired(silent.never) as wire:
        asking = client(wire.endpoint, budget=MANY, query_seconds=0.1)
        began = time.monotonic()
        with asking.within(0.4):
            for _ in range(5):
                taken(lambda: asking.query(QUERY, {}, subject="x", deadline_seconds=60))
        assert time.monotonic() - began < SOON
        last = taken(lambda: asking.query(QUERY, {}, subject="x", deadline_seconds=0.2))
    assert "no complete answer" in str(last[1]), "outside, the time is its own again"


def test_a_silent_railway_ends_a_command_however_many_calls_it_makes() -> None:
    with wired(silent.never) as wire:
        asking = client(wire.endpoint, budget=MANY, query_seconds=0.1, silence_seconds=0.5, probe_seconds=0.05)
        seconds, error = taken(lambda: asking.query(QUERY, {}, subject="first"))
        assert seconds < SOON
        assert "it has answered nothing for" in str(error)
        asked = wire.asked
        began = time.monotonic()
        for number in range(10):
            taken(lambda number=number: asking.query(QUERY, {}, subject=f"call {number}"))
        assert wire.asked == asked + 10, "each has one try, and no pauses"
        assert time.monotonic() - began < SOON
        wire.behaviour = silent.fine_and_closed
        assert asking.query(QUERY, {}, subject="x") == {"things": 1}
        wire.behaviour = silent.closed
        asked = wire.asked
        taken(lambda: asking.query(QUERY, {}, subject="x", deadline_seconds=0.2))
        assert wire.asked > asked + 1, "it has answered meanwhile: a call is tried again as before"


def test_a_railway_that_answers_with_errors_is_not_silent() -> None:
    broken = Answer(502, b"bad gateway")
    with scripted(*[broken] * 5, data({"things": 1})) as server:
        asking = client(server.endpoint, silence_seconds=0.01, budget=MANY)
        assert asking.query(QUERY, {}, subject="x") == {"things": 1}
        assert len(server.asked) == 6


def test_a_mutation_without_an_answer_says_that_it_may_have_happened_also_where_no_time_is_left_to_look() -> None:
    with wired(silent.never) as wire:
        asking = client(wire.endpoint, budget=MANY)

        def look() -> None:
            asking.query(QUERY, {}, subject="look")

        seconds, error = taken(lambda: asking.mutate(MUTATION, {}, subject="x", observe=look, deadline_seconds=0.5))
        assert isinstance(error, Unreachable)
        assert error.may_have_happened
        assert "thingCreate" in str(error)
        assert seconds < SOON
        _, error = taken(lambda: asking.mutate_once(MUTATION, {}, subject="x", deadline_seconds=0.2))
        assert error.may_have_happened


def test_a_window_of_the_rate_limit_that_is_longer_than_a_call_may_take_is_not_waited_for() -> None:
    used_up = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(time.time() + 60)}
    with scripted(data({"things": 1}, **used_up)) as server:
        asking = client(server.endpoint)
        asking.query(QUERY, {}, subject="x")
        seconds, error = taken(lambda: asking.query(QUERY, {}, subject="x", deadline_seconds=5))
    assert isinstance(error, RateLimited)
    assert seconds < SOON
