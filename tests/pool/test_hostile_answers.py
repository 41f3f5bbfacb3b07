"""Whatever bytes an agent sends: a request ends at its deadline, and no more is read than anybody needs."""

from __future__ import annotations

import gzip
import time
from datetime import UTC, datetime

import pytest
from convos_pool import agent_client, agent_http
from convos_pool.agent_client import AgentClient
from convos_pool.agent_keys import AgentKeys
from convos_pool.errors import AgentError
from convos_pool.railway import Instance
from convos_pool.readiness import Readiness

from tests.pool.lies import LIES, READY
from tests.pool.raw_agent import HEAD, answering, drip, say_all

AT = datetime(2026, 1, 1, tzinfo=UTC)
AGENT = Instance("s1", "convos-agent-abcdefghijkm", "i", "d", AT, "d1", "SUCCESS", AT)


@pytest.mark.parametrize("name", LIES)
def test_a_lie_ends_at_the_deadline_and_makes_nobody_ready(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_client, "READY_SECONDS", 0.6)
    with answering(LIES[name]) as url:
        client = AgentClient(url, AgentKeys("k", dict), "/pool/health")
        began = time.monotonic()
        assert client.readiness(AGENT, "k") is not Readiness.READY
        assert time.monotonic() - began < 2.5


def test_an_answer_after_early_hints_counts() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"
    script = say_all(hints, b"HTTP/1.1 100 Continue\r\n\r\n", hints, HEAD + b"Content-Length: 15\r\n\r\n" + READY)
    with answering(script) as url:
        assert AgentClient(url, AgentKeys("k", dict), "/pool/health").readiness(AGENT, "k") is Readiness.READY


@pytest.mark.parametrize(
    ("status", "is_refused"),
    [
        *((status, False) for status in (101, 201, 202, 204, 301, 307, 500, 502)),
        *((status, True) for status in (400, 401, 404, 409, 429, 503)),
    ],
)
def test_only_an_error_of_the_caller_says_that_a_claim_did_nothing(status: int, is_refused: bool) -> None:
    with answering(say_all(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)) as url:
        client = AgentClient(url, AgentKeys("k", dict), "/pool/health")
        with pytest.raises(AgentError) as caught:
            client.provision(AGENT, {"agentName": "Ada"}, {}, tries=1)
        assert caught.value.refused is is_refused


FLOODS = (
    "endless body",
    "endless chunks",
    "interim answers without an end",
    "early hints without an end",
    "a trailer without an end",
    "chunks of one byte",
    "a packet for each byte",
)


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_costs_its_first_bytes_and_no_more(name: str) -> None:
    with answering(LIES[name]) as url:
        began = time.thread_time()
        with pytest.raises(agent_http.UnusableAnswerError):
            agent_http.send(agent_http.Request("GET", url, "key", seconds=60.0))
        # The deadline would be a minute of the processor; a hundred such agents keep no round from ending.
        assert time.thread_time() - began < 1.0


def test_an_agent_without_tls_behind_an_address_with_it_is_no_answer() -> None:
    with answering(say_all(HEAD + b"\r\n{}")) as url, pytest.raises(agent_http.UnusableAnswerError, match="SSL"):
        agent_http.send(agent_http.Request("GET", url.replace("http:", "https:"), "key", seconds=2.0))


def test_a_handshake_that_takes_long_ends_at_the_deadline() -> None:
    with answering(drip(b"\x16\x03\x03\x40\x00\x02")) as url:
        began = time.monotonic()
        with pytest.raises(agent_http.UnusableAnswerError):
            agent_http.send(agent_http.Request("GET", url.replace("http:", "https:"), "key", seconds=0.6))
        assert time.monotonic() - began < 2.5


def test_an_answer_that_says_that_it_is_compressed_is_not_unpacked() -> None:
    body = gzip.compress(b'{"ready": true' + b" " * 10_000_000 + b"}")
    assert len(body) < agent_http.LARGEST_ANSWER
    head = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    with answering(say_all(head + body)) as url:
        assert agent_http.send(agent_http.Request("GET", url, "key")).body == body


def test_an_agent_that_reads_nothing_keeps_a_claim_no_longer_than_its_deadline() -> None:
    with answering(lambda client: time.sleep(3)) as url:
        began = time.monotonic()
        with pytest.raises(agent_http.UnusableAnswerError):
            agent_http.send(agent_http.Request("POST", url, "key", b"x" * 30_000_000, seconds=0.6))
        assert time.monotonic() - began < 2.5


def test_an_agent_that_cannot_be_reached_is_no_answer() -> None:
    for url in ("http://127.0.0.1:9/", "http://nowhere.invalid/", "https://127.0.0.1:9/x", "http:///", "http://[::1"):
        with pytest.raises(agent_http.UnusableAnswerError):
            agent_http.send(agent_http.Request("GET", url, "key", seconds=2.0))


def test_a_redirect_is_not_followed() -> None:
    heard: list[bytes] = []
    with answering(lambda client: heard.append(b"asked")) as other:
        location = f"HTTP/1.1 307 Go\r\nLocation: {other}/\r\nContent-Length: 0\r\n\r\n".encode()
        with answering(say_all(location)) as url:
            assert agent_http.send(agent_http.Request("GET", url, "key")).status == 307
    assert heard == []
