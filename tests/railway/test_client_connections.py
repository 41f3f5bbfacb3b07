"""Where the client sends the token, with which headers, over which connections, and where it has the token from."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from convos_infra.railway import session as session_module
from convos_infra.railway.resources.project import ProjectProvider
from railway_api.client import Client, Timing, checked_endpoint
from railway_api.errors import (
    ServerFailed,
)
from railway_api.failure import Failure
from railway_api.retry import Budget
from tests.railway.scripted import Answer, FakeTime, scripted
from tests.railway.scripted_client import FINE, QUERY, client


def test_a_redirect_is_not_followed_with_the_token() -> None:
    once = Timing(budget=Budget(attempts=1))
    with (
        scripted(FINE) as other,
        scripted(Answer(302, b"", {"Location": other.endpoint})) as server,
        pytest.raises(ServerFailed, match="HTTP 302"),
    ):
        client(server.endpoint, FakeTime(), timing=once).query(QUERY, {}, subject="x")
    assert other.asked == []


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        ("backboard.railway.com", "is not an http"),
        ("ftp://railway.com/x", "is not an http"),
        ("https://", "is not an http"),
        ("http://railway.com/graphql/v2", "unencrypted; use https"),
        ("http://127.0.0.1.railway.com/", "unencrypted"),
        ("http://host.docker.internal.railway.com/", "unencrypted"),
    ],
)
def test_an_endpoint_that_must_not_see_the_token_is_refused(endpoint: str, says: str) -> None:
    with pytest.raises(Failure, match=f"^railwayEndpoint: .*{says}"):
        Client(endpoint, "x")
    assert checked_endpoint("http://127.0.0.1:1/graphql/v2")
    assert checked_endpoint("http://host.docker.internal:1/graphql/v2")
    assert checked_endpoint("https://backboard.railway.com/graphql/v2")


def test_every_call_names_itself_its_source_and_its_token_in_the_right_header(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(FINE) as server:
        client(server.endpoint, FakeTime()).query(QUERY, {"a": 1}, subject="x")
        client(server.endpoint, FakeTime(), project_token=True).query(QUERY, {}, subject="x")
    account, project = server.asked
    assert account.path == "/graphql/v2?source=convos-infra"
    assert account.headers["User-Agent"].startswith("convos-infra/")
    assert account.headers["Authorization"] == "Bearer t0ken-of-a-test"
    assert account.body == {"query": QUERY, "variables": {"a": 1}, "operationName": "things"}
    assert project.headers["Project-Access-Token"] == "t0ken-of-a-test"
    assert "Authorization" not in project.headers


def test_a_login_in_netrc_does_not_take_the_tokens_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with scripted(FINE) as server:
        client(server.endpoint, FakeTime()).query(QUERY, {}, subject="x")
    assert server.asked[0].headers["Authorization"] == "Bearer t0ken-of-a-test"


def test_connections_are_reused(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(FINE) as server:
        asks = client(server.endpoint, FakeTime())
        session = asks._transport._session()
        for _ in range(3):
            asks.query(QUERY, {}, subject="x")
        assert asks._transport._session() is session
    assert len(server.asked) == 3


def test_first_use_from_four_threads_makes_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    for round_ in range(1000):
        made = provider({"railwayToken": f"t{round_}", "railwayEndpoint": "http://127.0.0.1:1/graphql/v2"})
        gate, found = threading.Barrier(4), list[Any]()

        def use(made: ProjectProvider = made, gate: threading.Barrier = gate, found: list[Any] = found) -> None:
            gate.wait()
            found.append(made.session())

        threads = [threading.Thread(target=use) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({id(one) for one in found}) == 1
        assert len(found) == 4


def provider(config: dict[str, str]) -> ProjectProvider:
    made = ProjectProvider()
    made._config = config  # type: ignore[assignment]
    return made


@pytest.fixture(autouse=True)
def no_sessions_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAILWAY_API_TOKEN", "RAILWAY_TOKEN", "RAILWAY_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    session_module._session.cache_clear()


@pytest.mark.parametrize(
    ("config", "variables", "header"),
    [
        ({"railwayToken": "c"}, {"RAILWAY_API_TOKEN": "a", "RAILWAY_TOKEN": "p"}, ("Authorization", "Bearer c")),
        ({}, {"RAILWAY_API_TOKEN": " a\n", "RAILWAY_TOKEN": "p"}, ("Authorization", "Bearer a")),
        ({}, {"RAILWAY_TOKEN": "p"}, ("Project-Access-Token", "p")),
    ],
)
def test_the_token_comes_from_the_config_then_the_environment_then_a_project_token(
    monkeypatch: pytest.MonkeyPatch, config: dict[str, str], variables: dict[str, str], header: tuple[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with scripted(FINE) as server:
        made = provider({**config, "railwayEndpoint": server.endpoint})
        made.session().client.query(QUERY, {}, subject="x")
    assert server.asked[0].headers[header[0]] == header[1]


def test_no_token_is_one_line_that_says_where_to_put_it() -> None:
    with pytest.raises(Failure, match="^railwayToken: there is none; export RAILWAY_API_TOKEN"):
        provider({}).session()
