"""Headers, paths and links: what is answered to callers that are careless, and to those that are not."""

from __future__ import annotations

import http.client
import time

import pytest

from pool_contract.join_link import invite_link_problem, join_link_problem
from tests.pool.pool_process import API_KEY, Pool

WORDS = {"agentName": "Ada", "instructions": "Be brief."}


@pytest.mark.parametrize(
    "path",
    ["/healthz/", "/api/pool/counts/", "/api/pool/status/", "/api/pool/claim/", "/version/", "/api/pool/agents/"],
)
def test_a_trailing_slash_is_not_redirected_anywhere(idle_pool: Pool, path: str) -> None:
    for method in ("GET", "POST"):
        answer = idle_pool.call(method, path, headers={"Host": "evil.example"}, allow_redirects=False)
        assert answer.status_code == 404
        assert "location" not in answer.headers
        assert "evil.example" not in answer.text
        assert set(answer.json()) == {"error"}


@pytest.mark.parametrize(
    "values",
    [
        [f"Bearer {API_KEY}", "Bearer wrong"],
        ["Bearer wrong", f"Bearer {API_KEY}"],
        [f"Bearer {API_KEY}", f"Bearer {API_KEY}"],
        ["", f"Bearer {API_KEY}"],
    ],
)
def test_two_authorization_headers_are_refused(idle_pool: Pool, values: list[str]) -> None:
    for method, path in (("GET", "/api/pool/status"), ("POST", "/api/pool/drain"), ("GET", "/api/pool/agents")):
        connection = http.client.HTTPConnection("127.0.0.1", idle_pool.port, timeout=20)
        connection.putrequest(method, path)
        for value in values:
            connection.putheader("Authorization", value)
        connection.putheader("Content-Length", "0")
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status == 400
        assert b"authorization: the header was sent twice" in answer.read()
        connection.close()


GOOD = [
    "https://convos.org/v2?i=abc",
    "https://dev.convos.org/v2?i=abc",
    "https://convos.org:8443/x#y",
    "https://a.b.c.example/%0a",
    "https://xn--bcher-kva.example/",
]
BAD = [
    "",
    "nope",
    "http://convos.org/v2",
    "javascript:alert(1)",
    "javascript://convos.org/%0aalert(1)",
    "https:convos.org",
    "https:///v2",
    "https://",
    "https://localhost/",
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://convos.org\n.evil.example/",
    "https://convos.org/\r\nX: y",
    "https://convos.org/\t",
    "https://convos.org/ x",
    " https://convos.org/",
    "https://user:pass@convos.org/",
    "https://popup.convos.org@evil.example/",
    "https://evil.example\\@convos.org/",
    "https://convos.org:99999/",
    "https://convos.org:x/",
    "https://convos..org/",
    "https://-a.org/",
    "https://a-.org/",
    "https://bücher.example/",
    "https://convos.org/\u202e",
    "data:text/html,x",
    "file:///etc/passwd",
    "HTTPS",
    "https://" + "a" * 64 + ".org/",
    "https://convos.org/" + "x" * 2000,
]
FOREIGN = [
    ("production", "https://dev.convos.org/v2?i=1"),
    ("production", "https://DEV.Convos.Org/v2?i=1"),
    ("production", "https://dev.convos.org./v2"),
    ("production", "https://dev.convos.org:443/"),
    ("production", "https://x.dev.convos.org/"),
    ("dev", "https://popup.convos.org/v2?i=1"),
    ("staging", "https://popup.convos.org/v2?i=1"),
    ("dev", "https://a.popup.convos.org/"),
]


@pytest.mark.parametrize("url", GOOD)
def test_a_link_of_https_with_a_host_may_be_joined(url: str) -> None:
    assert join_link_problem(url, "dev") == ""


@pytest.mark.parametrize("url", BAD, ids=lambda url: repr(url[:40]))
def test_any_other_link_is_refused(url: str) -> None:
    assert join_link_problem(url, "dev").startswith(("must be a URL", "longer than"))


@pytest.mark.parametrize(("environment", "url"), FOREIGN)
def test_links_of_the_other_network_are_refused(environment: str, url: str) -> None:
    assert "cannot be joined in" in join_link_problem(url, environment)
    other = "dev" if environment == "production" else "production"
    assert join_link_problem(url, other) == ""


@pytest.mark.parametrize("url", ["https://notpopup.convos.org/", "https://popup.convos.org.example/"])
def test_a_host_that_only_looks_like_the_other_networks_is_another_one(url: str) -> None:
    assert join_link_problem(url, "dev") == ""


def test_a_bad_link_is_one_line_with_400(idle_pool: Pool) -> None:
    for url in ("javascript:alert(1)", "https://a.b/\nx", "https://popup.convos.org/v2"):
        answer = idle_pool.call("POST", "/api/pool/claim", {**WORDS, "joinUrl": url})
        assert answer.status_code == 400
        assert answer.json()["error"].startswith("joinUrl: ")


def test_an_agents_link_is_one_of_the_web_or_of_convos() -> None:
    for url in ("https://convos.org/v2?i=1", "http://127.0.0.1:80/x", "convos://join/1", "convos-dev://x"):
        assert invite_link_problem(url) == ""
    for url in ("javascript:alert(1)", "javascript://x/%0aalert(1)", "data:text/html,x", "", "https://a b", "x"):
        assert invite_link_problem(url)
    # A browser opens convos.org, other parsers evil.example; with more slashes a browser finds the host behind them.
    for url in (
        "https://convos.org\\@evil.example/",
        "https:///evil.example/",
        "https:////x",
        "https://?x",
        "convos://",
    ):
        assert invite_link_problem(url)
    assert invite_link_problem('https://convos.org/"onclick=x')


def test_openapi_describes_every_route_from_the_models(idle_pool: Pool) -> None:
    found = idle_pool.call("GET", "/openapi.json", headers={}).json()
    claim = found["paths"]["/api/pool/claim"]["post"]
    body = claim["requestBody"]["content"]["application/json"]["schema"]
    assert body["required"] == ["agentName", "instructions"]
    assert set(found["paths"]) >= {"/version", "/api/pool/instances/{id}", "/api/pool/crashed/{id}", "/api/pool/agents"}
    assert claim["responses"]["400"]["content"]["application/json"]["schema"]["$ref"].endswith("/Error")
    for path in ("/docs", "/redoc"):
        assert idle_pool.call("GET", path).status_code == 404


def test_before_the_first_look_nobody_without_the_key_learns_of_the_database_or_keeps_a_thread(idle_pool: Pool) -> None:
    for path in ("/api/pool/counts", "/api/pool/agents"):
        began = time.monotonic()
        answer = idle_pool.call("GET", path, headers={})
        assert (answer.status_code, time.monotonic() - began < 1) == (503, True)
        assert answer.json() == {"error": "the agents have not been read yet; try again in a moment"}
