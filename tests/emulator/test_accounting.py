"""What is counted: rate limits as Railway tells them, and a ledger that forgets no request."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.emulator.fix_emulator import Emulator, running_emulator

ME = "{ me { id } }"


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with running_emulator(tmp_path_factory.mktemp("counted")) as emulator:
        yield emulator


@pytest.fixture
def own(counted: Emulator) -> Iterator[Emulator]:
    """An emulator with an empty ledger and, after the test, no limits."""
    counted.forget_calls()
    yield counted
    counted.settings(requests_per_second=0, requests_per_hour=0)


def test_an_answer_tells_its_limits_and_their_policy_only_where_there_are_limits(own: Emulator) -> None:
    assert "RateLimit-Policy" not in own.post(ME).headers
    own.settings(requests_per_second=50, requests_per_hour=1000)
    # Requests of the tests before count as well.
    limit = 3 + 1000 - int(own.post(ME).headers["X-RateLimit-Remaining"])
    own.settings(requests_per_hour=limit)
    headers = own.post(ME).headers
    assert headers["RateLimit-Policy"] == f"50;w=1, {limit};w=3600"
    assert (headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"]) == (str(limit), "2")
    assert "Retry-After" not in headers
    answers = [own.post(ME) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert answers[-1].headers["RateLimit-Policy"] == headers["RateLimit-Policy"]


def test_what_is_left_is_of_the_hour_where_less_is_left_of_the_second(own: Emulator) -> None:
    own.settings(requests_per_second=5, requests_per_hour=100)
    headers = own.post(ME).headers
    assert headers["X-RateLimit-Limit"] == "100"
    assert 5 < int(headers["X-RateLimit-Remaining"]) < 100
    own.settings(requests_per_hour=0)
    assert own.post(ME).headers["X-RateLimit-Limit"] == "5"


def test_an_hour_may_be_short_and_count_one_token_alone(own: Emulator) -> None:
    own.settings(requests_per_hour=1, hour_seconds=60, limited_token="of-another")
    assert [own.post(ME).status_code for _ in range(3)] == [200] * 3
    own.settings(limited_token=own.token)
    _, answer = own.post(ME), own.post(ME)
    assert (answer.status_code, answer.headers["RateLimit-Policy"]) == (429, "1;w=60")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    own.settings(hour_seconds=3600, limited_token="")


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("{ me { id ", "Syntax Error"),
        ("{ me { nonsense } }", "Cannot query field 'nonsense'"),
        ("query a { me { id } } query b { me { id } }", "Must provide operation name"),
    ],
)
def test_a_request_that_is_refused_before_it_runs_is_in_the_ledger(own: Emulator, document: str, why: str) -> None:
    assert own.post(document).status_code == 400
    (call,) = own.calls()
    assert (call["type"], call["operation"], call["fields"]) == ("invalid", "", [])
    assert why in call["error"]


def test_a_body_that_is_no_json_is_in_the_ledger(own: Emulator) -> None:
    answer = own.session.post(own.endpoint, data=b"query", timeout=10)
    assert answer.status_code == 400
    assert [call["type"] for call in own.calls()] == ["invalid"]


def test_the_ledger_never_holds_a_variables_value(own: Emulator) -> None:
    own.post("query q($id: String!) { project(id: $id) { id nonsense } }", {"id": "secret-value"})
    own.post("query q($id: String!) { project(id: $id) { id } }", {"id": "secret-value"})
    assert len(own.calls()) == 2
    assert "secret-value" not in str(own.calls())
