"""The client against a server that answers by a script: retries, limits, odd answers, and never a blind repetition."""

from __future__ import annotations

import pytest

from railway_api.client import Timing
from railway_api.errors import (
    AlreadyExists,
    Invalid,
    NotAuthorized,
    NotFound,
    Opaque,
    RailwayError,
    RateLimited,
    Refused,
    ServerFailed,
    Throttled,
    TryAgain,
    Unreachable,
)
from railway_api.retry import Budget
from tests.railway.scripted import Answer, FakeTime, data, errors, said, scripted
from tests.railway.scripted_client import FINE, MUTATION, QUERY, client
from tests.support.ports import free_port


def limited(**headers: str) -> Answer:
    return Answer(429, b"<html>Too Many Requests</html>", headers)


@pytest.mark.parametrize(
    ("header", "slept"),
    [
        ({"Retry-After": "7"}, 7.1),
        ({"Retry-After": "Fri, 15 Jan 2027 08:00:30 GMT"}, 30.1),
        ({"Retry-After": "0"}, 0.1),
        ({"Retry-After": "-3"}, 0.375),
        ({"Retry-After": "later"}, 0.375),
        ({}, 0.375),
    ],
)
def test_retry_after_is_honoured(header: dict[str, str], slept: float) -> None:
    time = FakeTime()
    with scripted(limited(**header), FINE) as server:
        assert client(server.endpoint, time).query(QUERY, {}, subject="x") == {"things": 1}
    assert time.slept == [pytest.approx(slept)]


def test_an_absurd_retry_after_is_told_and_not_slept() -> None:
    time = FakeTime()
    says = "^x: Railway's rate limit is used up at things; try again in 86400 s"
    with scripted(limited(**{"Retry-After": "86400"})) as server, pytest.raises(RateLimited, match=says):
        client(server.endpoint, time).query(QUERY, {}, subject="x")
    assert time.slept == []


def test_a_rate_limit_that_runs_out_is_said_once_before_it_is_hit_and_then_waited_for() -> None:
    time, told = FakeTime(), list[str]()

    def left(remaining: int) -> Answer:
        reset = str(int(time.began) + 40)
        headers = {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": str(remaining), "X-RateLimit-Reset": reset}
        return data({"things": 1}, **headers)

    with scripted(left(50), left(9), left(1), left(0), FINE) as server:
        asks = client(server.endpoint, time, told)
        for _ in range(4):
            asks.query(QUERY, {}, subject="x")
        assert told == ["Railway's rate limit: 9 of 100 calls left until 08:00:40 UTC"]
        assert time.slept == []
        asks.query(QUERY, {}, subject="x")
    assert told[1:] == ["Railway's rate limit is used up: things waits 40 s for the next window"]
    assert time.slept == [40.0]
    assert len(server.asked) == 5


def test_creation_throttle_is_waited_out_with_a_progress_line() -> None:
    time, told = FakeTime(), list[str]()
    throttled = said("You are creating projects too quickly. Please wait.")
    with scripted(throttled, throttled, data({"thingCreate": 1})) as server:
        answer, seen = client(server.endpoint, time, told).mutate(
            MUTATION, {}, subject="project p", observe=lambda: pytest.fail("a throttled creation did not happen")
        )
    assert (answer, seen) == ({"thingCreate": 1}, None)
    assert time.slept == [31.0, 31.0]
    assert told == ["project p: Railway asks to wait 31 s (You are creating projects too quickly. Please wait.)"] * 2


UNSURE = {
    "502": Answer(502, b"<html>Bad Gateway</html>"),
    "503": Answer(503, b""),
    "504": Answer(504, b"<html>"),
    "reset": Answer(refuse=True),
    "cut": Answer(body=b'{"data": {}}', cut=True),
    "html": Answer(200, b"<!doctype html><title>Railway</title>"),
    "empty": Answer(200, b""),
    "null data": Answer(200, b'{"data": null}'),
    "a list": Answer(200, b"[]"),
    "opaque": errors({"message": "Problem processing request", "traceId": "4711"}),
    "not authorized": said("Not Authorized"),
    "try again": said("Failed to create service domain, please try again"),
}


@pytest.mark.parametrize("name", UNSURE)
def test_a_mutation_that_happened_though_its_answer_was_lost_is_sent_once(name: str) -> None:
    time = FakeTime()
    with scripted(UNSURE[name]) as server:
        answer, seen = client(server.endpoint, time).mutate(MUTATION, {}, subject="x", observe=lambda: "there")
    assert (answer, seen) == (None, "there")
    assert server.operations == ["thingCreate"]


@pytest.mark.parametrize("name", UNSURE)
def test_a_mutation_is_never_repeated_before_it_was_looked_for(name: str) -> None:
    time, order = FakeTime(), list[str]()

    def observe() -> None:
        order.append(f"looked after {len(server.asked)}")

    with scripted(UNSURE[name], data({"thingCreate": 1})) as server:
        asks = client(server.endpoint, time, timing=Timing(settle_seconds=0))
        try:
            asks.mutate(MUTATION, {}, subject="x", observe=observe)
        except NotAuthorized:
            assert len(server.asked) == 1
    assert order == ["looked after 1"]
    assert len(server.asked) == (1 if name == "not authorized" else 2)


@pytest.mark.parametrize("name", UNSURE)
def test_a_mutation_that_is_to_be_sent_once_is_not_repeated_where_it_may_have_happened(name: str) -> None:
    with scripted(UNSURE[name], FINE) as server:
        with pytest.raises(RailwayError) as raised:
            client(server.endpoint, FakeTime()).mutate_once(MUTATION, {}, subject="thing")
        assert raised.value.may_have_happened
        assert server.operations == ["thingCreate"]


def test_a_mutation_that_is_to_be_sent_once_waits_out_a_rate_limit() -> None:
    time = FakeTime()
    with scripted(limited(**{"Retry-After": "7"}), FINE) as server:
        assert client(server.endpoint, time).mutate_once(MUTATION, {}, subject="thing") == {"things": 1}
        assert server.operations == ["thingCreate"] * 2
        assert time.slept == [7.1]


def test_what_a_lost_answer_may_have_made_is_looked_for_for_a_while() -> None:
    time, looks = FakeTime(), list[float]()

    def observe() -> str | None:
        looks.append(time.now)
        return "there" if time.now >= 10 else None

    with scripted(UNSURE["504"]) as server:
        _, seen = client(server.endpoint, time).mutate(MUTATION, {}, subject="x", observe=observe, settle=True)
    assert seen == "there"
    assert len(server.asked) == 1
    assert len(looks) > 3


def test_an_opaque_refusal_is_tried_once_more_and_then_told_with_its_trace() -> None:
    time = FakeTime()
    says = r"traceId 4711.*check before you repeat it"
    with scripted(UNSURE["opaque"]) as server, pytest.raises(Opaque, match=says):
        client(server.endpoint, time).mutate(MUTATION, {}, subject="x", observe=lambda: None)
    assert len(server.asked) == 2


def test_not_authorized_to_what_is_in_a_new_project_is_its_being_new() -> None:
    time = FakeTime()
    with scripted(said("Not Authorized"), said("Project not found"), FINE) as server:
        asks = client(server.endpoint, time)
        asks.mark_just_created()
        assert asks.query(QUERY, {}, subject="x") == {"things": 1}
        time.now += 15
        server.answers = [said("Not Authorized")]
        with pytest.raises(NotAuthorized):
            asks.query(QUERY, {}, subject="x")
    assert len(server.asked) == 4


@pytest.mark.parametrize("name", ["502", "reset", "cut", "html", "empty", "null data", "a list"])
def test_a_query_is_repeated_until_it_is_answered_and_not_for_ever(name: str) -> None:
    time = FakeTime()
    with scripted(UNSURE[name], UNSURE[name], FINE) as server:
        assert client(server.endpoint, time).query(QUERY, {}, subject="x") == {"things": 1}
        server.answers = [UNSURE[name]]
        with pytest.raises((ServerFailed, Unreachable)) as caught:
            client(server.endpoint, time).query(QUERY, {}, subject="x")
    assert "\n" not in str(caught.value)
    assert len(server.asked) == 3 + Budget().attempts


def test_a_body_of_5_mb_is_an_answer_and_5_mb_of_rubbish_is_none() -> None:
    time = FakeTime()
    with scripted(data({"things": "x" * 5_000_000})) as server:
        assert len(client(server.endpoint, time).query(QUERY, {}, subject="x")["things"]) == 5_000_000
        server.answers = [Answer(200, b"x" * 5_000_000)]
        with pytest.raises(ServerFailed) as caught:
            client(server.endpoint, time).query(QUERY, {}, subject="x")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("message", "code", "kind"),
    [
        ("Not Authorized", "", NotAuthorized),
        ("Unauthorized", "", NotAuthorized),
        ("anything", "UNAUTHENTICATED", NotAuthorized),
        ("Two Factor Authentication Required", "", NotAuthorized),
        ("Project not found", "", NotFound),
        ("ServiceInstance not found", "", NotFound),
        ('A service named "web" already exists in this project', "", AlreadyExists),
        ("You are creating volumes too quickly", "", Throttled),
        ("Invalid project name", "", Invalid),
        ("x.example is not a valid domain", "", Invalid),
        ("Syntax Error", "GRAPHQL_PARSE_FAILED", Invalid),
        ("Cannot query field", "GRAPHQL_VALIDATION_FAILED", Invalid),
        ("Failed to create custom domain, please try again", "", TryAgain),
        ("An operation is already in progress", "", TryAgain),
        ("Problem processing request", "", Opaque),
        ("Cannot redeploy without a snapshot", "", Refused),
        ("something new", "", Refused),
    ],
)
def test_what_railway_says_becomes_a_type_and_one_line(message: str, code: str, kind: type[RailwayError]) -> None:
    time = FakeTime()
    with scripted(said(message, code or "INTERNAL_SERVER_ERROR")) as server, pytest.raises(kind) as caught:
        client(server.endpoint, time, timing=Timing(budget=Budget(attempts=1))).query(QUERY, {}, subject="web")
    text = str(caught.value)
    assert type(caught.value) is kind
    assert text.startswith(f'web: Railway says "{message}" to things')
    assert "\n" not in text
    assert "t0ken" not in text


@pytest.mark.parametrize("status", [401, 403])
def test_http_401_and_403_are_the_tokens_fault_whatever_their_body(status: int) -> None:
    says = f"HTTP {status}; check the token"
    with scripted(Answer(status, b"<html>no</html>")) as server, pytest.raises(NotAuthorized, match=says):
        client(server.endpoint, FakeTime()).query(QUERY, {}, subject="x")


def test_nobody_there_is_told_with_the_address_and_a_mutation_was_not_sent() -> None:
    time, port = FakeTime(), free_port()
    with pytest.raises(Unreachable, match=f"127.0.0.1:{port} does not answer.*check railwayEndpoint") as caught:
        client(f"http://127.0.0.1:{port}/graphql/v2", time).query(QUERY, {}, subject="x")
    assert not caught.value.may_have_happened
